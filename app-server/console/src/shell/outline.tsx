import { AppShell, Box, Burger, Group, NavLink, ScrollArea, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { type Me, MeProvider, meQuery } from "../api/session.ts";
import { AccountMenu } from "./account-menu.tsx";
import { LiveSign } from "./live-sign.tsx";
import { groupsFor } from "./places.ts";
import { TenantChoice } from "./tenant-choice.tsx";

/** Every page that needs a login. When it ends, wherever that is noticed, the login page leads back here. */
export function Outline() {
  const router = useRouter();
  const { data: me } = useQuery(meQuery);
  useEffect(() => {
    // The route asks again who is logged in, and sends to the login page.
    if (me === null) void router.invalidate();
  }, [me, router]);
  if (!me) return null;
  return (
    <MeProvider value={me}>
      <Frame me={me} />
    </MeProvider>
  );
}

/** Header and navigation around a page. */
function Frame({ me }: { readonly me: Me }) {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  const isHere = (to: string): boolean => (to === "/" ? pathname === "/" : pathname.startsWith(to));
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: "md", collapsed: { mobile: !isOpen } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <AppShell.Header>
        <Group h="100%" px="md" wrap="nowrap">
          <Burger opened={isOpen} onClick={toggle} hiddenFrom="md" size="sm" aria-label="Navigation" />
          <Link to="/" aria-label="Upchirp, overview" style={{ textDecoration: "none", color: "inherit" }}>
            <Group gap={8} wrap="nowrap">
              <img src="/console/icon.svg" alt="" width={28} height={28} />
              <Text fw={700} visibleFrom="xs">
                Upchirp
              </Text>
            </Group>
          </Link>
          <TenantChoice me={me} />
          <Group ml="auto" gap="sm" wrap="nowrap">
            <LiveSign />
            <AccountMenu me={me} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" component="nav" aria-label="Main">
        <AppShell.Section grow component={ScrollArea}>
          {groupsFor(me).map(({ label: group, places }) => (
            <Box key={group ?? ""} mb="sm" {...(group !== undefined && { role: "group", "aria-label": group })}>
              {group !== undefined && (
                <Text size="xs" fw={600} c="dimmed" px="sm" py={4} aria-hidden>
                  {group}
                </Text>
              )}
              {places.map(({ label, to, icon: Icon, sign: Sign }) => (
                <NavLink
                  key={to}
                  component={Link}
                  to={to}
                  label={label}
                  leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
                  rightSection={Sign && <Sign />}
                  active={isHere(to)}
                  aria-current={isHere(to) ? "page" : undefined}
                  bdrs="md"
                  py={7}
                  onClick={close}
                />
              ))}
            </Box>
          ))}
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

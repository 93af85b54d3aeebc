import { ActionIcon, Menu, useMantineColorScheme } from "@mantine/core";
import { IconLogout, IconMoon, IconSun, IconUser, IconUserCog } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { api } from "../api/queries.ts";
import type { Me } from "../api/session.ts";

export function AccountMenu({ me }: { readonly me: Me }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const isDark =
    colorScheme === "dark" || (colorScheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const logOut = async (): Promise<void> => {
    await api.POST("/api/logout");
    // Loaded anew, so that nothing of one user is left in memory for the next.
    location.assign("/console/login");
  };
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" radius="xl" aria-label="Account">
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.name}</Menu.Label>
        <Menu.Item leftSection={<IconUserCog size={16} />} component={Link} to="/account">
          Your account
        </Menu.Item>
        <Menu.Item
          leftSection={isDark ? <IconSun size={16} /> : <IconMoon size={16} />}
          onClick={() => setColorScheme(isDark ? "light" : "dark")}
        >
          {isDark ? "Light" : "Dark"}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logOut()}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

import { Anchor, Box, Breadcrumbs, Group, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

export interface PageHeaderProps {
  readonly title: string;
  /** One line under the title. */
  readonly children?: ReactNode;
  /** The pages above this one. */
  readonly above?: readonly { readonly label: string; readonly to: string }[];
  /** Buttons. */
  readonly actions?: ReactNode;
}

/** Title of a page, also of the browser's tab. */
export function PageHeader({ title, above = [], actions, children }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Upchirp`;
  }, [title]);
  return (
    <Box mb="md">
      {above.length > 0 && (
        <Breadcrumbs mb={4} styles={{ breadcrumb: { minWidth: 0 } }}>
          {above.map(({ label, to }) => (
            <Anchor key={to} component={Link} to={to} size="sm" truncate maw="min(420px, 80vw)">
              {label}
            </Anchor>
          ))}
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="flex-start" wrap="wrap" gap="sm">
        <Box miw={0} flex="1 1 240px">
          <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
            {title}
          </Title>
          {children !== undefined && (
            <Text component="div" c="dimmed" size="sm" style={{ overflowWrap: "anywhere" }}>
              {children}
            </Text>
          )}
        </Box>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
    </Box>
  );
}

import { Group, Paper, Text } from "@mantine/core";
import type { ReactNode } from "react";

export interface StatProps {
  readonly label: string;
  readonly value: ReactNode;
  /** Under the value. */
  readonly children?: ReactNode;
}

/** A figure with its name. */
export function Stat({ label, value, children }: StatProps) {
  return (
    <Paper withBorder p="sm" component="dl" m={0} miw={0}>
      <Text component="dt" size="xs" c="dimmed">
        {label}
      </Text>
      <Text component="dd" m={0} fz={19} fw={650} className="numbers" style={{ overflowWrap: "anywhere" }}>
        {value}
      </Text>
      {children !== undefined && (
        <Group component="dd" m={0} gap={6} fz="xs">
          {children}
        </Group>
      )}
    </Paper>
  );
}

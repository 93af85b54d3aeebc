import { Badge, Box, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";

export interface SignedRowProps {
  /** How it is, in a word. */
  readonly sign: string;
  readonly color: string;
  /** At the end of the row, like when it was. */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

/** One of several things in a panel, with how it is before it. */
export function SignedRow({ sign, color, aside, children }: SignedRowProps) {
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      <Badge color={color} w={104} mt={1} style={{ flex: "none" }}>
        {sign}
      </Badge>
      <Box flex={1} miw={0} fz="sm" style={{ overflowWrap: "anywhere" }}>
        {children}
      </Box>
      {aside !== undefined && (
        <Text size="sm" c="dimmed" component="div" style={{ flex: "none" }}>
          {aside}
        </Text>
      )}
    </Group>
  );
}

import { Badge, Box, Text } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./signed-row.module.css";

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
    <div className={classes.row}>
      <Badge color={color}>{sign}</Badge>
      <Box className={classes.content ?? ""} fz="sm" style={{ overflowWrap: "anywhere" }}>
        {children}
      </Box>
      <Text size="sm" c="dimmed" component="div">
        {aside}
      </Text>
    </div>
  );
}

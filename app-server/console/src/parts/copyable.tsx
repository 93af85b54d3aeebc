import { ActionIcon, CopyButton, Group, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";

export interface CopyableProps {
  readonly value: string;
  /** What it is, for the button's name. */
  readonly label: string;
}

/** An identifier with a button that copies it. */
export function Copyable({ value, label }: CopyableProps) {
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex">
      <Text span inherit className="mono" style={{ overflowWrap: "anywhere" }}>
        {value}
      </Text>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "copied" : "copy"}>
            <ActionIcon
              size="sm"
              variant="subtle"
              color={copied ? "teal" : "gray"}
              onClick={copy}
              aria-label={`Copy ${label}`}
            >
              {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}

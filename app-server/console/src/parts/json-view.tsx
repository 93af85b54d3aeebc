import { ActionIcon, Box, Code, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";

export interface JsonViewProps {
  readonly value: unknown;
  /** What it is, for those who cannot see it. */
  readonly label: string;
  readonly maxHeight?: number;
}

/** JSON to read and to copy. */
export const JsonView = ({ value, ...view }: JsonViewProps) => (
  <TextView text={JSON.stringify(value, null, 2)} {...view} />
);

export interface TextViewProps extends Omit<JsonViewProps, "value"> {
  readonly text: string;
}

/** Text of many lines, for a machine, to read and to copy. */
export function TextView({ text, label, maxHeight = 360 }: TextViewProps) {
  return (
    <Box pos="relative">
      <Code
        block
        tabIndex={0}
        aria-label={label}
        role="region"
        mah={maxHeight}
        fz="xs"
        pr={44}
        style={{ overflow: "auto" }}
      >
        {text}
      </Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "copied" : "copy"}>
            <ActionIcon
              pos="absolute"
              top={6}
              right={10}
              variant="default"
              color={copied ? "teal" : "gray"}
              aria-label={`Copy ${label}`}
              onClick={copy}
            >
              {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Box>
  );
}

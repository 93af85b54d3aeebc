import { Alert, Group, List, Loader, Stack, Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import type { ReactNode } from "react";

export interface WaitingProps {
  /** What is waited for, or what came. */
  readonly title: string;
  readonly isThere: boolean;
  /** What is seen so far. */
  readonly children?: ReactNode;
  /** What to look after while nothing comes. */
  readonly checks: readonly ReactNode[];
}

/** A step that comes to its end by itself: says what it sees, and what to check. */
export function Waiting({ title, isThere, children, checks }: WaitingProps) {
  return (
    <Stack gap="sm">
      <Alert
        color={isThere ? "teal" : "blue"}
        role="status"
        icon={isThere ? <IconCircleCheck size={20} /> : <Loader size={18} />}
      >
        <Text fw={600} size="sm">
          {title}
        </Text>
        {children}
      </Alert>
      {!isThere && (
        <>
          <Text size="sm" fw={600}>
            If nothing comes
          </Text>
          <List size="sm" spacing={4}>
            {checks.map((check, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the list does not change
              <List.Item key={index}>{check}</List.Item>
            ))}
          </List>
        </>
      )}
    </Stack>
  );
}

export interface NextProps {
  readonly children: ReactNode;
}

/** The buttons at the end of a step. */
export const StepEnd = ({ children }: NextProps) => (
  <Group mt="md" gap="xs">
    {children}
  </Group>
);

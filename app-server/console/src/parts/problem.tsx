import { Alert, Button, Group } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { isProblem, textOf } from "../api/queries.ts";

export interface ProblemNoteProps {
  readonly error: unknown;
  readonly title?: string;
  readonly onRetry?: () => void;
}

/** An error in the place of what could not be had. */
export function ProblemNote({
  error,
  title = isProblem(error, 404) ? "There is nothing here" : "This could not be loaded",
  onRetry,
}: ProblemNoteProps) {
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} role="alert" title={title}>
      <Group justify="space-between">
        {textOf(error)}
        {onRetry !== undefined && !isProblem(error, 404) && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

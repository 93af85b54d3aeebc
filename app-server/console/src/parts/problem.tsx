import { Alert, Button, Group } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { isProblem, textOf } from "../api/queries.ts";

export interface ProblemNoteProps {
  readonly error: unknown;
  readonly title?: string;
  readonly onRetry?: () => void;
}

/** What is asked again is answered in the same way. */
const isFinal = (error: unknown): boolean => isProblem(error, 404) || isProblem(error, 403);

function titleOf(error: unknown): string {
  if (isProblem(error, 404)) return "There is nothing here";
  return isProblem(error, 403) ? "This is not for you to see" : "This could not be loaded";
}

/** An error in the place of what could not be had. */
export function ProblemNote({ error, title = titleOf(error), onRetry }: ProblemNoteProps) {
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} role="alert" title={title}>
      <Group justify="space-between">
        {textOf(error)}
        {onRetry !== undefined && !isFinal(error) && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

import { Alert, Group, List, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { Schemas } from "../../../../../client/client.ts";
import { wholeNumber } from "../../parts/numbers.ts";

export interface ImportOutcomeProps {
  readonly outcome: Schemas["Import"];
  /** A list item for each that was not taken. */
  readonly faults: readonly ReactNode[];
}

/** What came of an import of profiles, or would come of it. */
export function ImportOutcome({ outcome, faults }: ImportOutcomeProps) {
  const { isDryRun, created, updated, unchanged, skipped, failed } = outcome;
  const counts = { created, updated, unchanged, skipped, "not taken": failed };
  return (
    <Alert color={failed > 0 ? "orange" : "teal"} role="status" title={isDryRun ? "It would be" : "Imported"}>
      <Group gap="md">
        {Object.entries(counts).map(([name, count]) => (
          <Text key={name} size="sm">
            {wholeNumber(count)} {name}
          </Text>
        ))}
      </Group>
      {faults.length > 0 && (
        <List size="sm" mt="xs">
          {faults}
        </List>
      )}
    </Alert>
  );
}

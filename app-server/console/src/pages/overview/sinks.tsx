import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { healthOf, readIntegrationStates } from "../../api/integration-states.ts";
import { PageLink } from "../../parts/links.tsx";
import { wholeNumber } from "../../parts/numbers.ts";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { SignedRow } from "../../parts/signed-row.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

/** Integrations that do not deliver; nothing where all do. */
export function SinksInTrouble({ tenantId }: { readonly tenantId: string | undefined }) {
  const states = useQuery({
    queryKey: ["integrations", "states", tenantId],
    queryFn: () => readIntegrationStates({ limit: 1000, ...(tenantId !== undefined && { tenantId }) }),
    refetchInterval: 15_000,
  });
  if (states.isError) return <ProblemNote error={states.error} onRetry={() => void states.refetch()} />;
  const troubled = states.data?.items.filter(state => healthOf(state).isTrouble) ?? [];
  if (troubled.length === 0) return null;
  return (
    <Panel title="Integrations in trouble">
      <Stack gap="xs">
        {troubled.map(state => {
          const { name, color } = healthOf(state);
          return (
            <SignedRow
              key={state.integrationId}
              sign={name}
              color={color}
              aside={state.lastError && <TimeAgo time={state.lastError.at} />}
            >
              <PageLink to="/integrations/$integrationId" params={{ integrationId: state.integrationId }}>
                {state.name}
              </PageLink>
              <Text size="sm" c="dimmed">
                {wholeNumber(state.queue.messages)} waiting, {wholeNumber(state.deadLetters)} dead letters
                {state.lastError && `: ${state.lastError.message}`}
              </Text>
            </SignedRow>
          );
        })}
      </Stack>
    </Panel>
  );
}

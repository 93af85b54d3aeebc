import { Fieldset, SimpleGrid, Skeleton, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { FormActions, FormGroup } from "../../parts/form.tsx";
import { OptionalNumber } from "../../parts/form-numbers.tsx";
import { byteSize, wholeNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";

type State = Schemas["HistorySettings"];

interface HistoryLimitsProps {
  readonly tenantId: string;
  readonly isWriter: boolean;
}

/** How much of a tenant's past is there, and how long it is kept. */
export function HistoryLimits({ tenantId, isWriter }: HistoryLimitsProps) {
  const path = { tenantId };
  const state = useQuery({
    queryKey: ["tenants", tenantId, "history"],
    queryFn: async () => dataOf(await api.GET("/api/tenants/{tenantId}/history", { params: { path } })),
  });
  if (state.isError) return <ProblemNote error={state.error} onRetry={() => void state.refetch()} />;
  if (state.isPending) return <Skeleton h={200} />;
  const { events, frames } = state.data;
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" maw={640}>
        <Stat label="Events" value={wholeNumber(events.rows)}>
          {byteSize(events.bytes)}
          {events.since !== null && `, since ${events.since}`}
        </Stat>
        <Stat label="Frames" value={wholeNumber(frames.rows)}>
          {byteSize(frames.bytes)}
          {frames.since !== null && `, since ${frames.since}`}
        </Stat>
      </SimpleGrid>
      <LimitsForm key={JSON.stringify(state.data.own)} tenantId={tenantId} state={state.data} isWriter={isWriter} />
    </Stack>
  );
}

interface LimitsFormProps extends HistoryLimitsProps {
  readonly state: State;
}

const fields = {
  eventDays: { label: "Events are kept for", suffix: " days" },
  frameDays: { label: "Frames are kept for", suffix: " days" },
  measurementDays: { label: "Sums are kept for", suffix: " days" },
  maxMegabytes: { label: "Events and frames together", suffix: " MB" },
} as const;
type Name = keyof typeof fields;
const names: readonly Name[] = ["eventDays", "frameDays", "measurementDays", "maxMegabytes"];

function LimitsForm({ tenantId, state, isWriter }: LimitsFormProps) {
  const queries = useQueryClient();
  const [own, setOwn] = useState(state.own);
  const save = useMutation({
    mutationFn: async () =>
      dataOf(await api.PATCH("/api/tenants/{tenantId}/history", { params: { path: { tenantId } }, body: own })),
    onSuccess: async () => {
      notifications.show({ message: "Saved", color: "teal" });
      await queries.invalidateQueries({ queryKey: ["tenants", tenantId, "history"] });
    },
  });
  const faults = faultsOf(save.error);
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Fieldset variant="unstyled" disabled={!isWriter} maw={640}>
        <Stack>
          {save.isError && <ProblemNote title="That was not saved" error={save.error} />}
          <FormGroup title="Limits" about="What is left empty is as the server's configuration has it.">
            {names.map(name => (
              <OptionalNumber
                key={name}
                {...fields[name]}
                placeholder={`${state.limits[name]}${fields[name].suffix}`}
                error={faults[name]}
                value={own[name] ?? undefined}
                onChange={value => setOwn({ ...own, [name]: value ?? null })}
              />
            ))}
          </FormGroup>
          {isWriter && <FormActions submit="Save" isPending={save.isPending} />}
        </Stack>
      </Fieldset>
    </form>
  );
}

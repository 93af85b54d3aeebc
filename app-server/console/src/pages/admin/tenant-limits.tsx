import { Fieldset, SimpleGrid, Skeleton, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { FormActions, FormGroup } from "../../parts/form.tsx";
import { OptionalNumber } from "../../parts/form-numbers.tsx";
import { wholeNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";

type State = Schemas["TenantLimits"];

interface TenantLimitsProps {
  readonly tenantId: string;
  readonly isWriter: boolean;
}

const counted = [
  ["Devices", "devices", "maxDevices"],
  ["Gateways", "gateways", "maxGateways"],
  ["Applications", "applications", "maxApplications"],
  ["Integrations", "integrations", "maxIntegrations"],
] as const;

/** What a tenant has, and may have at most. */
export function TenantLimits({ tenantId, isWriter }: TenantLimitsProps) {
  const path = { tenantId };
  const state = useQuery({
    queryKey: ["tenants", tenantId, "limits"],
    queryFn: async () => dataOf(await api.GET("/api/tenants/{tenantId}/limits", { params: { path } })),
  });
  if (state.isError) return <ProblemNote error={state.error} onRetry={() => void state.refetch()} />;
  if (state.isPending) return <Skeleton h={200} />;
  const { limits, use } = state.data;
  return (
    <Stack>
      <SimpleGrid cols={{ base: 2, xs: 4 }} spacing="sm" maw={640}>
        {counted.map(([label, name, limit]) => (
          <Stat key={name} label={label} value={wholeNumber(use[name])}>
            {limits[limit] === null ? "no limit" : `of ${wholeNumber(limits[limit])}`}
          </Stat>
        ))}
      </SimpleGrid>
      <LimitsForm key={JSON.stringify(limits)} tenantId={tenantId} limits={limits} isWriter={isWriter} />
    </Stack>
  );
}

function LimitsForm({ tenantId, limits, isWriter }: TenantLimitsProps & Pick<State, "limits">) {
  const queries = useQueryClient();
  const [given, setGiven] = useState(limits);
  const save = useMutation({
    mutationFn: async () =>
      dataOf(await api.PATCH("/api/tenants/{tenantId}/limits", { params: { path: { tenantId } }, body: given })),
    onSuccess: async () => {
      notifications.show({ message: "Saved", color: "teal" });
      await queries.invalidateQueries({ queryKey: ["tenants", tenantId, "limits"] });
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
          <FormGroup
            title="At most"
            about="What is left empty has no limit; 0 is none at all. What is there stays where it is more."
          >
            {counted.map(([label, , name]) => (
              <OptionalNumber
                key={name}
                label={label}
                min={0}
                allowDecimal={false}
                thousandSeparator=" "
                placeholder="No limit"
                error={faults[name]}
                value={given[name] ?? undefined}
                onChange={value => setGiven({ ...given, [name]: value ?? null })}
              />
            ))}
            <OptionalNumber
              label="Requests a minute"
              description="Of all API keys and tokens together."
              min={1}
              allowDecimal={false}
              thousandSeparator=" "
              placeholder="No limit"
              error={faults.requestsPerMinute}
              value={given.requestsPerMinute ?? undefined}
              onChange={value => setGiven({ ...given, requestsPerMinute: value ?? null })}
            />
          </FormGroup>
          {isWriter && <FormActions submit="Save" isPending={save.isPending} />}
        </Stack>
      </Fieldset>
    </form>
  );
}

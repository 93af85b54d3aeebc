import { Alert, Select, SimpleGrid, Skeleton, Stack, Text, UnstyledButton } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { blankForm, IntegrationFields, type IntegrationForm, kindsQuery } from "./form.tsx";
import classes from "./kinds.module.css";

/** From a choice of kinds to the form of one. */
export function AddIntegration() {
  const me = useMe();
  const tenantId = useTenantId();
  const [kind, setKind] = useState<string>();
  const kinds = useQuery(kindsQuery);
  const header = <PageHeader title="Add integration" above={[{ label: "Integrations", to: "/integrations" }]} />;
  if (!mayWrite(me, "devices", tenantId)) {
    return (
      <>
        {header}
        <Alert>You may not add integrations here.</Alert>
      </>
    );
  }
  return (
    <>
      {header}
      {kinds.isError && <ProblemNote error={kinds.error} onRetry={() => void kinds.refetch()} />}
      {kinds.isPending && <Skeleton h={200} />}
      {kind === undefined ? (
        <Stack>
          <Text c="dimmed">Where shall events go?</Text>
          <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
            {kinds.data?.map(known => (
              <UnstyledButton key={known.kind} className={classes.kind} onClick={() => setKind(known.kind)}>
                {known.title}
              </UnstyledButton>
            ))}
          </SimpleGrid>
        </Stack>
      ) : (
        <NewIntegration kind={kind} tenantId={tenantId} />
      )}
    </>
  );
}

interface NewIntegrationProps {
  readonly kind: string;
  readonly tenantId: string | undefined;
}

const noPlace = "Choose whose events it sends.";

function NewIntegration({ kind, tenantId }: NewIntegrationProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [place, setPlace] = useState<string | null>(null);
  const places = useQuery({ queryKey: ["integrations", "places", tenantId], queryFn: () => readPlaces(tenantId) });
  const [isPlaceMissing, setPlaceMissing] = useState(false);
  const save = async (form: IntegrationForm): Promise<void> => {
    setPlaceMissing(place === null);
    if (place === null) throw new Error(noPlace);
    const [what, id = ""] = place.split(" ");
    const owner = what === "tenant" ? { tenantId: id } : { applicationId: id };
    const { id: integrationId } = dataOf(
      await api.POST("/api/integrations", { body: { ...form, ...whole(form), ...owner, kind } }),
    );
    await queries.invalidateQueries({ queryKey: ["integrations"] });
    await navigate({ to: "/integrations/$integrationId", params: { integrationId } });
  };
  return (
    <IntegrationFields kind={kind} initial={blankForm} submit="Add" isWriter save={save}>
      <Select
        label="Sends events of"
        withAsterisk
        searchable
        allowDeselect={false}
        data={places.data ?? []}
        value={place}
        onChange={chosen => {
          setPlace(chosen);
          setPlaceMissing(false);
        }}
        error={places.isError ? "Applications could not be read." : isPlaceMissing && noPlace}
      />
    </IntegrationFields>
  );
}

/** Copies that may be written to, as the request's types have it. */
export const whole = ({ filter, settings, secrets }: IntegrationForm) => ({
  settings: { ...settings },
  secrets: { ...secrets },
  filter: { events: [...filter.events], fPorts: [...filter.fPorts], tags: { ...filter.tags } },
});

/** Applications by tenant, and each tenant as a whole. */
async function readPlaces(tenantId: string | undefined) {
  const query = { limit: 1000, ...(tenantId !== undefined && { tenantId }) };
  const [tenants, applications] = await Promise.all([
    api.GET("/api/tenants", { params: { query: { limit: 1000 } } }).then(dataOf),
    api.GET("/api/applications", { params: { query } }).then(dataOf),
  ]);
  return tenants.items
    .filter(({ id }) => tenantId === undefined || id === tenantId)
    .map(({ id, name }) => ({
      group: name,
      items: [
        ...applications.items
          .filter(application => application.tenantId === id)
          .map(application => ({ value: `application ${application.id}`, label: application.name })),
        { value: `tenant ${id}`, label: `every application of ${name}` },
      ],
    }));
}

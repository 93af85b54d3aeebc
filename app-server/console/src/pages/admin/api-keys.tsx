import { Alert, Badge, Button, Group, NumberInput, Select, Stack, Switch, TextInput } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { FormActions, FormButton } from "../../parts/form.tsx";
import { TextView } from "../../parts/json-view.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../parts/record-select.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { ApplicationsLimit } from "./applications-limit.tsx";
import { isLimitable, roles } from "./roles.ts";

const sorts = ["name", "-name", "createdAt", "-createdAt"] as const;
type Sort = (typeof sorts)[number];
const isSort = (text: string): text is Sort => sorts.some(sort => sort === text);

interface Query {
  readonly limit: number;
  readonly after?: string;
  readonly search?: string;
  readonly sort: Sort;
  readonly tenantId?: string;
}
const readKeys = async (query: Query) => dataOf(await api.GET("/api/api-keys", { params: { query } }));
type ApiKey = Awaited<ReturnType<typeof readKeys>>["items"][number];

const columnsOf = (isWriter: boolean): readonly Column<ApiKey>[] => [
  { title: "Name", sortsBy: "name", render: ({ name }) => name },
  {
    title: "Role",
    width: 200,
    visibleFrom: "xs",
    render: ({ role, isReadOnly, applicationIds }) => (
      <Group gap={6} wrap="nowrap">
        <Badge>{role}</Badge>
        {isReadOnly && <Badge color="gray">reads only</Badge>}
        {applicationIds !== null && <Badge color="gray">limited</Badge>}
      </Group>
    ),
  },
  { title: "Last used", width: 140, visibleFrom: "sm", render: ({ lastUsedAt }) => <TimeAgo time={lastUsedAt} /> },
  {
    title: "Ends",
    width: 140,
    visibleFrom: "md",
    render: ({ expiresAt }) => <TimeAgo time={expiresAt} />,
  },
  {
    title: "Added",
    width: 140,
    sortsBy: "createdAt",
    visibleFrom: "lg",
    render: ({ createdAt }) => <TimeAgo time={createdAt} />,
  },
  ...(isWriter
    ? [{ title: "", width: 100, align: "right", render: (key: ApiKey) => <DeleteKey apiKey={key} /> } as const]
    : []),
];

function DeleteKey({ apiKey: { id, name } }: { readonly apiKey: ApiKey }) {
  const queries = useQueryClient();
  return (
    <ConfirmButton
      label="Delete"
      title={`Delete ${name}?`}
      yes="Delete"
      button={{ size: "compact-sm" }}
      action={async () => done(await api.DELETE("/api/api-keys/{apiKeyId}", { params: { path: { apiKeyId: id } } }))}
      onDone={() => void queries.invalidateQueries({ queryKey: ["api-keys"] })}
    >
      Programs that use it are refused at once.
    </ConfirmButton>
  );
}

export function ApiKeyList() {
  const me = useMe();
  const tenantId = useTenantId();
  const isWriter = mayWrite(me, "tenant", tenantId);
  const add = isWriter && (
    <FormButton label="Add API key" leftSection={<IconPlus size={16} />}>
      {close => <NewKey tenantId={tenantId} onEnd={close} />}
    </FormButton>
  );
  return (
    <>
      <PageHeader title="API keys" actions={add}>
        For programs that use the API.
      </PageHeader>
      <EndlessTable
        label="API keys"
        queryKey={["api-keys", tenantId]}
        read={request => readKeys({ ...request, ...(tenantId !== undefined && { tenantId }) })}
        columns={columnsOf(isWriter)}
        keyOf={({ id }) => id}
        isSort={isSort}
        sort="name"
        searchHint="Name"
        empty={<Empty icon={IconKey} title="No API keys yet" action={add} />}
      />
    </>
  );
}

const lives = [
  { value: "", label: "never" },
  { value: "30", label: "in 30 days" },
  { value: "90", label: "in 90 days" },
  { value: "365", label: "in a year" },
];
const dayMs = 86_400_000;
type KeyRole = ApiKey["role"];
const isKeyRole = (text: string): text is KeyRole =>
  text === "administrator" || roles.some(({ value }) => value === text);

function NewKey({ tenantId, onEnd }: { readonly tenantId: string | undefined; readonly onEnd: () => void }) {
  const me = useMe();
  const queries = useQueryClient();
  const usual = useUsualTenant(tenantId);
  const [chosen, setChosen] = useState("");
  const owner = chosen === "" ? usual : chosen;
  const [name, setName] = useState("");
  const [role, setRole] = useState<KeyRole>("viewer");
  const [isReadOnly, setReadOnly] = useState(false);
  const [life, setLife] = useState("");
  const [applicationIds, setApplicationIds] = useState<readonly string[]>([]);
  const [requestsPerMinute, setRequests] = useState<number>();
  const add = useMutation({
    mutationFn: async () =>
      dataOf(
        await api.POST("/api/api-keys", {
          body: {
            ...{ name, role, isReadOnly },
            tenantId: role === "administrator" ? null : owner,
            applicationIds: isLimitable(role) && applicationIds.length > 0 ? [...applicationIds] : null,
            requestsPerMinute: requestsPerMinute ?? null,
            expiresAt: life === "" ? null : new Date(Date.now() + Number(life) * dayMs).toISOString(),
          },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["api-keys"] }),
  });
  const faults = faultsOf(add.error);
  if (add.data !== undefined) return <TokenOnce token={add.data.token} onEnd={onEnd} />;
  const choices = me.isAdministrator
    ? [...roles, { value: "administrator", label: "Administrator: the whole installation" }]
    : roles;
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <Stack>
        {add.isError && <ProblemNote title="The key was not made" error={add.error} />}
        <TextInput
          label="Name"
          description="What it is for."
          withAsterisk
          data-autofocus
          value={name}
          error={faults.name}
          onChange={event => setName(event.currentTarget.value)}
        />
        <Select
          label="Role"
          allowDeselect={false}
          data={choices}
          value={role}
          onChange={value => value !== null && isKeyRole(value) && setRole(value)}
        />
        {role !== "administrator" && <TenantSelect value={owner} onChange={setChosen} error={faults.tenantId} />}
        {isLimitable(role) && (
          <ApplicationsLimit
            tenantId={owner}
            value={applicationIds}
            onChange={setApplicationIds}
            error={faults.applicationIds}
          />
        )}
        <Switch
          label="Reads only"
          description="It changes nothing, whatever its role may."
          checked={isReadOnly}
          onChange={event => setReadOnly(event.currentTarget.checked)}
        />
        <Select label="Ends" allowDeselect={false} data={lives} value={life} onChange={value => setLife(value ?? "")} />
        <NumberInput
          label="Requests a minute"
          placeholder="as the configuration says"
          min={1}
          value={requestsPerMinute ?? ""}
          error={faults.requestsPerMinute}
          onChange={value => setRequests(typeof value === "number" ? value : undefined)}
        />
        <FormActions submit="Make key" isPending={add.isPending} onCancel={onEnd} isDisabled={name.trim() === ""} />
      </Stack>
    </form>
  );
}

/** The key itself, which nobody can see again. */
function TokenOnce({ token, onEnd }: { readonly token: string; readonly onEnd: () => void }) {
  return (
    <Stack>
      <Alert color="orange" title="Copy it now">
        It is shown this once: only a hash of it is kept.
      </Alert>
      <TextView label="API key" text={token} />
      <Group justify="flex-end">
        <Button onClick={onEnd}>I have it</Button>
      </Group>
    </Stack>
  );
}

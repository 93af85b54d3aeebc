import { Group, Skeleton, Stack, Tabs, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormActions } from "../../parts/form.tsx";
import { PairsInput } from "../../parts/form-pairs.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { PageProblem } from "../../parts/page-problem.tsx";
import { TabRow } from "../../parts/page-tabs.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { AlertRules } from "./alert-rules.tsx";
import { HistoryLimits } from "./history-limits.tsx";
import { Members } from "./members.tsx";
import { isTenantTab } from "./tabs.ts";
import { TenantLimits } from "./tenant-limits.tsx";

type Tenant = Schemas["Tenant"];

export function TenantPage() {
  const { tenantId } = useParams({ from: "/inside/tenants/$tenantId" });
  const { tab } = useSearch({ from: "/inside/tenants/$tenantId" });
  const navigate = useNavigate({ from: "/tenants/$tenantId" });
  const me = useMe();
  const tenant = useQuery({
    queryKey: ["tenants", tenantId],
    queryFn: async () => dataOf(await api.GET("/api/tenants/{tenantId}", { params: { path: { tenantId } } })),
  });
  if (tenant.isError) {
    return (
      <PageProblem
        kind="Tenant"
        above={[{ label: "Tenants", to: "/tenants" }]}
        error={tenant.error}
        onRetry={() => void tenant.refetch()}
      />
    );
  }
  if (!tenant.data) return <Skeleton h={40} w={300} />;
  const isGovernor = mayWrite(me, "tenant", tenantId);
  const seesUsers = me.isAdministrator || me.memberships.some(one => one.tenantId === tenantId && one.role === "admin");
  const open = tab ?? (seesUsers ? "users" : "history");
  return (
    <>
      <PageHeader title={tenant.data.name} above={[{ label: "Tenants", to: "/tenants" }]}>
        {tenant.data.description}
      </PageHeader>
      <Tabs
        value={open}
        onChange={chosen => void navigate({ search: { tab: isTenantTab(chosen) ? chosen : undefined } })}
        keepMounted={false}
      >
        <TabRow
          active={open}
          tabs={[
            ...(seesUsers ? ([["users", "Users"]] as const) : []),
            ["alerts", "Alert rules"],
            ["limits", "Limits"],
            ["history", "History"],
            ...(isGovernor ? ([["settings", "Settings"]] as const) : []),
          ]}
        />
        <Tabs.Panel value="users">
          <Members tenantId={tenantId} isGovernor={isGovernor} />
        </Tabs.Panel>
        <Tabs.Panel value="alerts">
          <AlertRules tenantId={tenantId} isGovernor={isGovernor} />
        </Tabs.Panel>
        <Tabs.Panel value="limits">
          <TenantLimits tenantId={tenantId} isWriter={me.isAdministrator && !me.isReadOnly} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <HistoryLimits tenantId={tenantId} isWriter={me.isAdministrator && !me.isReadOnly} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <TenantSettings tenant={tenant.data} mayDelete={me.isAdministrator} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

interface SettingsForm {
  readonly name: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
}

function TenantSettings({ tenant, mayDelete }: { readonly tenant: Tenant; readonly mayDelete: boolean }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const params = { path: { tenantId: tenant.id } };
  const { name, description, tags } = tenant;
  const form = useForm<SettingsForm>({
    initialValues: { name, description, tags },
    validate: { name: value => (value.trim() === "" ? "Give it a name." : null) },
  });
  const save = useMutation({
    mutationFn: async (body: SettingsForm) => dataOf(await api.PATCH("/api/tenants/{tenantId}", { params, body })),
    onSuccess: async () => {
      form.resetDirty();
      notifications.show({ message: "Saved", color: "teal" });
      await queries.invalidateQueries({ queryKey: ["tenants"] });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Stack maw={640}>
        {save.isError && <ProblemNote title="That was not saved" error={save.error} />}
        <TextInput label="Name" withAsterisk {...form.getInputProps("name")} />
        <Textarea label="Description" autosize {...form.getInputProps("description")} />
        <PairsInput label="Tags" value={form.values.tags} onChange={next => form.setFieldValue("tags", next)} />
        <Group justify="space-between">
          {mayDelete ? (
            <ConfirmButton
              label="Delete tenant"
              title={`Delete ${name}?`}
              yes="Delete"
              action={async () => done(await api.DELETE("/api/tenants/{tenantId}", { params }))}
              onDone={() => {
                void queries.invalidateQueries({ queryKey: ["tenants"] });
                void navigate({ to: "/tenants" });
              }}
            >
              It must have no gateways, applications and devices any more.
            </ConfirmButton>
          ) : (
            <span />
          )}
          <FormActions submit="Save" isPending={save.isPending} isDisabled={!form.isDirty()} />
        </Group>
      </Stack>
    </form>
  );
}

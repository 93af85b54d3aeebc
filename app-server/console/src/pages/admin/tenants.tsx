import { Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconBuilding, IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { FormActions, FormButton } from "../../parts/form.tsx";
import { PageLink } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { isUsualSort } from "../../parts/sorts.ts";
import { TimeAgo } from "../../parts/time-ago.tsx";

type Tenant = Schemas["Tenant"];

const columns: readonly Column<Tenant>[] = [
  {
    title: "Name",
    sortsBy: "name",
    render: ({ id, name }) => (
      <PageLink to="/tenants/$tenantId" params={{ tenantId: id }}>
        {name}
      </PageLink>
    ),
  },
  { title: "Description", visibleFrom: "sm", render: ({ description }) => description },
  { title: "Added", width: 150, sortsBy: "createdAt", render: ({ createdAt }) => <TimeAgo time={createdAt} /> },
];

export function TenantList() {
  const me = useMe();
  const isWriter = me.isAdministrator && !me.isReadOnly;
  return (
    <>
      <PageHeader
        title="Tenants"
        actions={
          isWriter && (
            <FormButton label="Add tenant" leftSection={<IconPlus size={16} />}>
              {close => <NewTenant onEnd={close} />}
            </FormButton>
          )
        }
      >
        Each owns its gateways, applications and devices.
      </PageHeader>
      <EndlessTable
        label="Tenants"
        queryKey={["tenants", "list"]}
        read={async query => dataOf(await api.GET("/api/tenants", { params: { query } }))}
        columns={columns}
        keyOf={({ id }) => id}
        isSort={isUsualSort}
        sort="name"
        searchHint="Name"
        empty={<Empty icon={IconBuilding} title="You are in no tenant" />}
      />
    </>
  );
}

function NewTenant({ onEnd }: { readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const form = useForm({
    initialValues: { name: "", description: "" },
    validate: { name: value => (value.trim() === "" ? "Give it a name." : null) },
  });
  const add = useMutation({
    mutationFn: async (body: { name: string; description: string }) => dataOf(await api.POST("/api/tenants", { body })),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ["tenants"] });
      onEnd();
      await navigate({ to: "/tenants/$tenantId", params: { tenantId: id } });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => add.mutate(values))}>
      <Stack>
        {add.isError && <ProblemNote title="The tenant was not added" error={add.error} />}
        <TextInput label="Name" withAsterisk data-autofocus {...form.getInputProps("name")} />
        <Textarea label="Description" autosize {...form.getInputProps("description")} />
        <FormActions submit="Add" isPending={add.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

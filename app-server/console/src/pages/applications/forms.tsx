import { Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import type { Tagged } from "../../api/records.ts";
import { FormActions } from "../../parts/form.tsx";
import { PairsInput } from "../../parts/form-pairs.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../parts/record-select.tsx";
import { useTenantId } from "../../shell/tenant.ts";

type Application = Schemas["Application"];

interface Fields {
  readonly name: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
}

const named = (name: string): string | null => (name.trim() === "" ? "Give it a name." : null);

export function AddApplication({ onEnd }: { readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const usualTenant = useUsualTenant(useTenantId());
  const form = useForm({
    initialValues: { tenantId: "", name: "", description: "", tags: {} },
    validate: {
      name: named,
      tenantId: value => (value === "" && usualTenant === "" ? "Choose whose application it is." : null),
    },
  });
  const add = useMutation({
    mutationFn: async ({ tenantId, ...fields }: Fields & { readonly tenantId: string }) =>
      dataOf(await api.POST("/api/applications", { body: { ...fields, tenantId: tenantId || usualTenant } })),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ["applications"] });
      onEnd();
      await navigate({ to: "/applications/$applicationId", params: { applicationId: id } });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => add.mutate(values))}>
      <Stack>
        {add.isError && <ProblemNote title="The application was not added" error={add.error} />}
        <TenantSelect
          value={form.values.tenantId || usualTenant}
          onChange={id => form.setFieldValue("tenantId", id)}
          error={form.errors.tenantId}
        />
        <TextInput label="Name" withAsterisk data-autofocus {...form.getInputProps("name")} />
        <Textarea label="Description" autosize minRows={2} {...form.getInputProps("description")} />
        <PairsInput label="Tags" {...form.getInputProps("tags")} />
        <FormActions submit="Add" isPending={add.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

export interface EditApplicationProps {
  readonly application: Tagged<Application>;
  readonly onEnd: () => void;
}

export function EditApplication({ application: { record, etag }, onEnd }: EditApplicationProps) {
  const queries = useQueryClient();
  const { name, description, tags } = record;
  const form = useForm<Fields>({ initialValues: { name, description, tags }, validate: { name: named } });
  const save = useMutation({
    mutationFn: async (body: Fields) =>
      dataOf(
        await api.PATCH("/api/applications/{applicationId}", {
          params: { path: { applicationId: record.id } },
          headers: { "If-Match": etag },
          body,
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["applications"] });
      onEnd();
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Stack>
        {save.isError && <ProblemNote title="Nothing was changed" error={save.error} />}
        <TextInput label="Name" withAsterisk data-autofocus {...form.getInputProps("name")} />
        <Textarea label="Description" autosize minRows={2} {...form.getInputProps("description")} />
        <PairsInput label="Tags" {...form.getInputProps("tags")} />
        <FormActions submit="Save" isPending={save.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

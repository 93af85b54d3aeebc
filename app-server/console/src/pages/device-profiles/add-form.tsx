import { Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { dataOf } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { FormActions } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../parts/record-select.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { macVersions, type Profile, regionPlaces, regions } from "./choices.ts";

export interface ProfileBasics {
  readonly tenantId: string;
  readonly name: string;
  readonly region: Profile["region"];
  readonly macVersion: Profile["macVersion"];
}

/** The little that has to be known; the rest has values that suit most devices, and its own page. */
export function AddProfile({ onEnd }: { readonly onEnd: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const usualTenant = useUsualTenant(useTenantId());
  const form = useForm<ProfileBasics>({
    initialValues: { tenantId: "", name: "", region: "EU868", macVersion: "1.0.4" },
    validate: {
      name: value => (value.trim() === "" ? "Give it a name." : null),
      tenantId: value => (value === "" && usualTenant === "" ? "Choose whose profile it is." : null),
    },
  });
  const add = useMutation({
    mutationFn: async (body: ProfileBasics) =>
      dataOf(await api.POST("/api/device-profiles", { body: { ...body, tenantId: body.tenantId || usualTenant } })),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ["device-profiles"] });
      onEnd();
      await navigate({ to: "/device-profiles/$deviceProfileId", params: { deviceProfileId: id } });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => add.mutate(values))}>
      <Stack>
        {add.isError && <ProblemNote title="The profile was not added" error={add.error} />}
        <TenantSelect
          value={form.values.tenantId || usualTenant}
          onChange={id => form.setFieldValue("tenantId", id)}
          error={form.errors.tenantId}
        />
        <TextInput
          label="Name"
          withAsterisk
          placeholder="Thermometer TH-2"
          data-autofocus
          {...form.getInputProps("name")}
        />
        <Select
          label="Region"
          description={regionPlaces[form.values.region]}
          allowDeselect={false}
          searchable
          data={[...regions]}
          {...form.getInputProps("region")}
        />
        <Select
          label="LoRaWAN version"
          description="As in the device's papers. If they say 1.0 alone, 1.0.3 is a good guess."
          allowDeselect={false}
          data={[...macVersions]}
          {...form.getInputProps("macVersion")}
        />
        <FormActions submit="Add" isPending={add.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

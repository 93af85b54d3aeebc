import { Fieldset, Group, NumberInput, Select, Stack, Switch, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormGroup } from "../../parts/form.tsx";
import { FormEnd } from "../../parts/form-end.tsx";
import { OptionalNumber } from "../../parts/form-numbers.tsx";
import { PairsInput } from "../../parts/form-pairs.tsx";
import { PositionMap } from "../../parts/map.tsx";
import { RegionConfigInput } from "../../parts/region-config-input.tsx";

type Gateway = Schemas["Gateway"];

interface SettingsForm {
  readonly name: string;
  readonly description: string;
  readonly isDisabled: boolean;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
  readonly altitude: number | undefined;
  readonly regionConfigId: string | null;
  readonly antennaGainDb: number | undefined;
  readonly sourceKind: "any" | "networks" | "pin";
  readonly cidrs: readonly string[];
  readonly rateLimit: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

const formOf = (gateway: Gateway): SettingsForm => ({
  name: gateway.name,
  description: gateway.description,
  isDisabled: gateway.isDisabled,
  latitude: gateway.location?.latitude,
  longitude: gateway.location?.longitude,
  altitude: gateway.location?.altitude,
  regionConfigId: gateway.regionConfigId,
  antennaGainDb: gateway.antennaGainDb,
  sourceKind: gateway.sourceRule.kind,
  cidrs: gateway.sourceRule.kind === "networks" ? gateway.sourceRule.cidrs : [],
  rateLimit: gateway.rateLimit,
  tags: gateway.tags,
});

const bodyOf = (form: SettingsForm) => {
  const { latitude, longitude, altitude = 0 } = form;
  return {
    name: form.name,
    description: form.description,
    isDisabled: form.isDisabled,
    location: latitude === undefined || longitude === undefined ? null : { latitude, longitude, altitude },
    regionConfigId: form.regionConfigId,
    antennaGainDb: form.antennaGainDb ?? 0,
    sourceRule:
      form.sourceKind === "networks" ? { kind: form.sourceKind, cidrs: [...form.cidrs] } : { kind: form.sourceKind },
    rateLimit: form.rateLimit ?? 2000,
    tags: form.tags,
  };
};

/** Names of the API's members, and the fields that show what is wrong with them. */
const fieldOf: Readonly<Record<string, string>> = { sourceRule: "cidrs", location: "latitude" };

const textOfError = (error: unknown): string | undefined => (typeof error === "string" ? error : undefined);

interface GatewaySettingsProps {
  readonly gateway: Gateway;
  readonly pinnedAddress: string | null;
  readonly isWriter: boolean;
}

export function GatewaySettings({ gateway, pinnedAddress, isWriter }: GatewaySettingsProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const form = useForm<SettingsForm>({
    initialValues: formOf(gateway),
    validate: { name: value => (value.trim() === "" ? "Give it a name." : null) },
  });
  const path = { gatewayId: gateway.gatewayId };
  const save = useMutation({
    mutationFn: async (values: SettingsForm) =>
      dataOf(await api.PATCH("/api/gateways/{gatewayId}", { params: { path }, body: bodyOf(values) })),
    onSuccess: async saved => {
      form.resetDirty();
      queries.setQueryData(["gateways", gateway.gatewayId], saved);
      notifications.show({ message: "Saved", color: "teal" });
      await queries.invalidateQueries({ queryKey: ["gateways"] });
    },
    onError: error =>
      form.setErrors(
        Object.fromEntries(Object.entries(faultsOf(error)).map(([name, text]) => [fieldOf[name] ?? name, text])),
      ),
  });
  const number = (name: "latitude" | "longitude" | "altitude" | "antennaGainDb") => ({
    value: form.values[name],
    onChange: (value: number | undefined) => form.setFieldValue(name, value),
    error: form.errors[name],
  });
  const { latitude, longitude, sourceKind } = form.values;
  const place = latitude === undefined || longitude === undefined ? [] : [{ latitude, longitude }];
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Fieldset variant="unstyled" disabled={!isWriter}>
        <Stack gap="xl">
          <FormGroup title="Gateway">
            <TextInput label="Name" withAsterisk {...form.getInputProps("name")} />
            <Textarea label="Description" autosize minRows={1} {...form.getInputProps("description")} />
            <Switch
              label="Disabled"
              description="Its packets are refused, and it is not sent to."
              {...form.getInputProps("isDisabled", { type: "checkbox" })}
            />
            <PairsInput
              label="Tags"
              value={form.values.tags}
              onChange={tags => form.setFieldValue("tags", tags)}
              error={textOfError(form.errors.tags)}
            />
          </FormGroup>
          <FormGroup
            title="Place"
            about="Goes into the metadata of what it hears. A click on the map sets it. Without one, what the forwarder says of itself is used."
          >
            <Stack>
              <Group grow align="flex-start">
                <OptionalNumber label="Latitude" decimalScale={6} {...number("latitude")} />
                <OptionalNumber label="Longitude" decimalScale={6} {...number("longitude")} />
              </Group>
              <OptionalNumber label="Altitude" suffix=" m" {...number("altitude")} />
            </Stack>
            <PositionMap
              label="Place of the gateway"
              height={220}
              positions={place.map(at => ({ ...at, id: "here", label: gateway.name, color: "cyan" }))}
              {...(isWriter && {
                onChoose: (chosen: { readonly latitude: number; readonly longitude: number }) => {
                  form.setFieldValue("latitude", Number(chosen.latitude.toFixed(6)));
                  form.setFieldValue("longitude", Number(chosen.longitude.toFixed(6)));
                },
              })}
            />
          </FormGroup>
          <FormGroup title="Radio">
            <RegionConfigInput
              description="Where one region has several; empty: any."
              placeholder="any"
              value={form.values.regionConfigId}
              onChange={id => form.setFieldValue("regionConfigId", id)}
              error={form.errors.regionConfigId}
            />
            <OptionalNumber
              label="Antenna gain"
              description="Taken off the power that it is told to send with."
              suffix=" dB"
              {...number("antennaGainDb")}
            />
          </FormGroup>
          <FormGroup
            title="Who may pass for it"
            about="The protocol of gateways knows no passwords: whoever sends this EUI passes for this gateway, unless the address is looked at."
          >
            <Select
              label="Its packets come from"
              allowDeselect={false}
              data={[
                { value: "any", label: "any address" },
                { value: "networks", label: "these networks" },
                { value: "pin", label: "the address that it is first heard from" },
              ]}
              {...form.getInputProps("sourceKind")}
            />
            {sourceKind === "networks" && (
              <TagsInput label="Networks" placeholder="10.0.0.0/8" {...form.getInputProps("cidrs")} />
            )}
            <NumberInput
              label="Datagrams a second"
              description="What is over is dropped."
              min={1}
              {...form.getInputProps("rateLimit")}
            />
          </FormGroup>
          {isWriter && (
            <FormEnd
              submit="Save"
              isPending={save.isPending}
              isDisabled={!form.isDirty()}
              fault={save.isError ? { title: "That was not saved", error: save.error } : undefined}
            >
              <ConfirmButton
                label="Delete gateway"
                title="Delete this gateway?"
                yes="Delete"
                action={async () => done(await api.DELETE("/api/gateways/{gatewayId}", { params: { path } }))}
                onDone={() => {
                  void queries.invalidateQueries({ queryKey: ["gateways"] });
                  void navigate({ to: "/gateways" });
                }}
              >
                What it hears is refused from then on. Its history goes when its time has come.
              </ConfirmButton>
              {pinnedAddress !== null && (
                <ConfirmButton
                  label="Let a new address in"
                  title={`Forget ${pinnedAddress}?`}
                  yes="Forget"
                  isHarmless
                  action={async () =>
                    done(await api.POST("/api/gateways/{gatewayId}/release-address", { params: { path } }))
                  }
                  onDone={() => {
                    notifications.show({ message: "The next address may be a new one.", color: "teal" });
                    void queries.invalidateQueries({ queryKey: ["gateways", gateway.gatewayId, "status"] });
                  }}
                >
                  The next address that it is heard from is the one that it may come from.
                </ConfirmButton>
              )}
            </FormEnd>
          )}
        </Stack>
      </Fieldset>
    </form>
  );
}

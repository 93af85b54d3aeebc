import { Fieldset, Select, Stack, Switch, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, done, faultPathsOf } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormGroup, monoInput } from "../../parts/form.tsx";
import { FormEnd } from "../../parts/form-end.tsx";
import { OptionalNumber } from "../../parts/form-numbers.tsx";
import { type Profile, regions } from "../device-profiles/choices.ts";
import { MacFields } from "../device-profiles/mac-fields.tsx";
import { ExtraChannels } from "./extra-channels.tsx";

type RegionConfig = Schemas["RegionConfig"];
type Settings = RegionConfig["settings"];

const numberFields = [
  {
    name: "subBand",
    label: "Sub-band",
    about: "Of a fixed plan, from 1; 0 is the one that a device joins in.",
    max: 12,
  },
  {
    name: "installationMarginDb",
    label: "Installation margin, dB",
    about: "What ADR leaves unspent of a link.",
    max: 40,
  },
  { name: "adrMinDataRate", label: "ADR, slowest", about: "Where the profile names none.", max: 15 },
  { name: "adrMaxDataRate", label: "ADR, fastest", about: "Where the profile names none.", max: 15 },
  {
    name: "rejoinMaxTimeExponent",
    label: "Rejoin time 2ⁿ⁺¹⁰ s",
    about: "LoRaWAN 1.1: devices rejoin at least so often; needs the count too.",
    max: 15,
  },
  {
    name: "rejoinMaxCountExponent",
    label: "Rejoin count 2ⁿ⁺⁴",
    about: "LoRaWAN 1.1: devices rejoin after so many uplinks; needs the time too.",
    max: 15,
  },
  { name: "adrAckLimitExponent", label: "ADR_ACK_LIMIT 2ⁿ", about: "LoRaWAN 1.1; 64 uplinks unless set.", max: 15 },
  { name: "adrAckDelayExponent", label: "ADR_ACK_DELAY 2ⁿ", about: "LoRaWAN 1.1; 32 uplinks unless set.", max: 15 },
] as const;

const windows = [
  { value: "rx1", label: "RX1" },
  { value: "rx2", label: "RX2" },
  { value: "best", label: "the better one" },
] as const;

export interface RegionConfigFormProps {
  /** One that is there already. */
  readonly config?: RegionConfig;
  readonly isWriter: boolean;
  readonly onEnd: () => void;
}

/** What a configuration says; what is left empty is as the region has it. */
export function RegionConfigForm({ config, isWriter, onEnd }: RegionConfigFormProps) {
  const queries = useQueryClient();
  const [id, setId] = useState(config?.id ?? "");
  const [region, setRegion] = useState<Profile["region"]>(config?.region ?? "EU868");
  const [description, setDescription] = useState(config?.description ?? "");
  const [isDefault, setDefault] = useState(config?.isDefault ?? false);
  const [settings, setSettings] = useState<Settings>(config?.settings ?? {});
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ["region-configs"] });
  const save = useMutation({
    mutationFn: async () => {
      const body = { description, isDefault, settings };
      if (config === undefined) dataOf(await api.POST("/api/region-configs", { body: { ...body, id, region } }));
      else {
        const params = { path: { regionConfigId: config.id } };
        dataOf(await api.PATCH("/api/region-configs/{regionConfigId}", { params, body }));
      }
    },
    onSuccess: async () => {
      await refresh();
      onEnd();
    },
  });
  const faults = faultPathsOf(save.error);
  const change = <Name extends keyof Settings>(name: Name, value: Settings[Name] | undefined): void => {
    const { [name]: _before, ...others } = settings;
    setSettings(value === undefined ? others : { ...others, [name]: value });
  };
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="xl">
        <Fieldset variant="unstyled" disabled={!isWriter}>
          <Stack gap="xl">
            <FormGroup title="What it is">
              <TextInput
                label="Name"
                description="Which profiles, gateways and events use. One like eu868 replaces what the region has."
                withAsterisk
                disabled={config !== undefined}
                classNames={monoInput}
                value={id}
                onChange={event => setId(event.currentTarget.value.trim())}
                error={faults.id}
              />
              <Select
                label="Region"
                allowDeselect={false}
                disabled={config !== undefined}
                data={[...regions]}
                value={region}
                onChange={chosen => setRegion(regions.find(name => name === chosen) ?? region)}
                error={faults.region}
              />
              <TextInput
                label="Description"
                value={description}
                onChange={event => setDescription(event.currentTarget.value)}
              />
              <Switch
                label="Default of its region"
                description="For devices for which neither profile nor gateway names one."
                checked={isDefault}
                onChange={event => setDefault(event.currentTarget.checked)}
              />
            </FormGroup>
            <FormGroup title="Channels" columns={1} about="Beside the region's own, as the gateways listen to them.">
              <ExtraChannels
                channels={settings.extraChannels ?? []}
                onChange={channels => change("extraChannels", channels.length === 0 ? undefined : channels)}
                isWriter={isWriter}
                faults={faults}
              />
            </FormGroup>
            <FormGroup title="Windows, power and class B" about="What is left empty is as the region has it.">
              <MacFields
                value={settings}
                onChange={mac => setSettings(mac)}
                otherwise="the region's"
                faultOf={name => faults[`settings/${name}`]}
              />
              <Select
                label="Window tried first"
                placeholder="RX1"
                clearable
                data={[...windows]}
                value={settings.preferredWindow ?? null}
                onChange={chosen => change("preferredWindow", windows.find(({ value }) => value === chosen)?.value)}
              />
            </FormGroup>
            <FormGroup title="Plan, ADR and LoRaWAN 1.1">
              {numberFields.map(({ name, label, about, max }) => (
                <OptionalNumber
                  key={name}
                  label={label}
                  description={about}
                  min={0}
                  max={max}
                  value={settings[name]}
                  onChange={value => change(name, value)}
                  error={faults[`settings/${name}`]}
                />
              ))}
              <Switch
                label="ADR up to SF6 and SF5"
                description="Devices of RP002-1.0.5, where every gateway hears them."
                checked={settings.adrFastDataRates ?? false}
                onChange={event => change("adrFastDataRates", event.currentTarget.checked || undefined)}
              />
            </FormGroup>
          </Stack>
        </Fieldset>
        {config !== undefined && <Uses id={config.id} />}
        {isWriter && (
          <FormEnd
            submit="Save"
            isPending={save.isPending}
            onCancel={onEnd}
            fault={save.isError ? { title: "That was not saved", error: save.error } : undefined}
          >
            {config !== undefined && (
              <ConfirmButton
                label="Delete"
                title={`Delete ${config.id}?`}
                yes="Delete"
                button={{ variant: "light", color: "red" }}
                action={async () => {
                  const params = { path: { regionConfigId: config.id } };
                  done(await api.DELETE("/api/region-configs/{regionConfigId}", { params }));
                }}
                onDone={() => {
                  void refresh();
                  onEnd();
                }}
              >
                Devices that had it are told what counts in its place.
              </ConfirmButton>
            )}
          </FormEnd>
        )}
      </Stack>
    </form>
  );
}

/** Who names it; of all tenants, so that only administrators see it. */
function Uses({ id }: { readonly id: string }) {
  const me = useMe();
  const uses = useQuery({
    queryKey: ["region-configs", id, "uses"],
    queryFn: async () =>
      dataOf(await api.GET("/api/region-configs/{regionConfigId}/uses", { params: { path: { regionConfigId: id } } })),
    enabled: me.isAdministrator,
  });
  if (uses.data === undefined) return null;
  const { gateways, gatewayCount, deviceProfiles, deviceProfileCount } = uses.data;
  const named = [...deviceProfiles, ...gateways].map(({ name }) => name).slice(0, 10);
  return (
    <Text size="sm" c="dimmed">
      Named by device profiles: {deviceProfileCount}, gateways: {gatewayCount}
      {named.length > 0 && ` (${named.join(", ")})`}
    </Text>
  );
}

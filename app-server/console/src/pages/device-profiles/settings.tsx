import { Fieldset, Select, Stack, Switch, Text, Textarea, TextInput } from "@mantine/core";
import { type UseFormReturnType, useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, faultsOf } from "../../api/queries.ts";
import { type Tagged, taggedOf } from "../../api/records.ts";
import { CodeEditor } from "../../parts/code-editor.tsx";
import { FormGroup } from "../../parts/form.tsx";
import { FormEnd } from "../../parts/form-end.tsx";
import { OptionalFrequency, OptionalNumber } from "../../parts/form-numbers.tsx";
import { PairsInput } from "../../parts/form-pairs.tsx";
import { RegionConfigInput } from "../../parts/region-config-input.tsx";
import { macVersions, type Profile, regionPlaces, regions, revisions } from "./choices.ts";
import { MacFields } from "./mac-fields.tsx";

export interface SettingsProps {
  readonly profile: Tagged<Profile>;
  readonly isWriter: boolean;
}

/** All but the codec, which has a page of its own, and what nobody sets by hand. */
function valuesOf(profile: Profile) {
  const { id: _id, tenantId: _tenant, createdAt: _made, updatedAt: _changed, ...values } = profile;
  const { codec: _codec, codecScript: _script, codecCases: _cases, sourceId: _source, ...settings } = values;
  return settings;
}

type Values = ReturnType<typeof valuesOf>;
type Form = UseFormReturnType<Values>;
/** Members that are a number, or null for what holds otherwise. */
type NumberName = { [Name in keyof Values]: Values[Name] extends number | null ? Name : never }[keyof Values];

const checkbox = { type: "checkbox" } as const;

export default function Settings({ profile, isWriter }: SettingsProps) {
  const queries = useQueryClient();
  // What is edited stays in the form when somebody else changes the profile meanwhile; then saving it is refused.
  const [{ record, etag }, setEdited] = useState(profile);
  const form = useForm<Values>({
    initialValues: valuesOf(record),
    validate: { name: value => (value.trim() === "" ? "Give it a name." : null) },
  });
  const save = useMutation({
    mutationFn: async (body: Values) =>
      taggedOf(
        await api.PATCH("/api/device-profiles/{deviceProfileId}", {
          params: { path: { deviceProfileId: record.id } },
          headers: { "If-Match": etag },
          body,
        }),
      ),
    onSuccess: async saved => {
      setEdited(saved);
      form.resetDirty();
      await queries.invalidateQueries({ queryKey: ["device-profiles"] });
      notifications.show({
        message: "The profile is saved. Its devices are told with their next downlinks.",
        color: "teal",
      });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Fieldset variant="unstyled" disabled={!isWriter} maw={880}>
        <Stack gap={40}>
          <Basics form={form} isWriter={isWriter} />
          <Activation form={form} />
          <Classes form={form} />
          <Adr form={form} isWriter={isWriter} />
          <Traffic form={form} />
          <FormGroup
            title="MAC parameters"
            about="What the devices are asked to use in place of what the region's configuration says. Leave empty what the region knows best."
          >
            <MacFields otherwise="the region's" {...form.getInputProps("mac")} />
          </FormGroup>
          <Label form={form} sourceId={record.sourceId} />
          {isWriter && (
            <FormEnd
              submit="Save"
              isPending={save.isPending}
              isDisabled={!form.isDirty()}
              fault={save.isError ? { title: "Nothing was changed", error: save.error } : undefined}
            />
          )}
        </Stack>
      </Fieldset>
    </form>
  );
}

interface PartProps {
  readonly form: Form;
}

interface NumberFieldProps extends PartProps {
  readonly name: NumberName;
  readonly label: string;
  readonly about: ReactNode;
  readonly min?: number;
  readonly max?: number;
  /** What holds when nothing is typed; without it something has to be. */
  readonly otherwise?: string;
  readonly isFrequency?: boolean;
}

function NumberField({ form, name, label, about, otherwise, isFrequency = false, ...limits }: NumberFieldProps) {
  const Input = isFrequency ? OptionalFrequency : OptionalNumber;
  const { error } = form.getInputProps(name);
  return (
    <Input
      label={label}
      description={about}
      {...limits}
      placeholder={otherwise ?? ""}
      value={form.values[name] ?? undefined}
      onChange={value => form.setFieldValue(name, value ?? null)}
      error={error}
    />
  );
}

const Basics = ({ form, isWriter }: PartProps & { readonly isWriter: boolean }) => (
  <FormGroup title="What it is">
    <TextInput label="Name" withAsterisk {...form.getInputProps("name")} />
    <Select
      label="Region"
      description={regionPlaces[form.values.region]}
      searchable
      allowDeselect={false}
      data={[...regions]}
      {...form.getInputProps("region")}
    />
    <Select
      label="LoRaWAN version"
      description="Of the device's MAC layer, as in its papers. It decides how frames are signed."
      allowDeselect={false}
      data={[...macVersions]}
      {...form.getInputProps("macVersion")}
    />
    <Select
      label="Regional parameters"
      description="Which revision of the regional tables the device was built to."
      allowDeselect={false}
      data={[...revisions]}
      {...form.getInputProps("regionalParameters")}
    />
    <RegionConfigInput
      description="Which of the server's configurations of the region. Empty: that of the gateway that hears the device first."
      placeholder="the gateway's"
      region={form.values.region}
      value={form.values.regionConfigId}
      onChange={id => form.setFieldValue("regionConfigId", id)}
      error={form.errors.regionConfigId}
    />
    <Textarea label="Description" autosize minRows={1} {...form.getInputProps("description")} />
    <PairsInput
      isReadOnly={!isWriter}
      label="Tags"
      description="In each event of its devices."
      {...form.getInputProps("tags")}
    />
  </FormGroup>
);

const Activation = ({ form }: PartProps) => (
  <FormGroup
    title="Activation"
    about="Devices that join (OTAA) are told their windows when they join. Those with a session from the start (ABP) have what they were built with."
  >
    <Switch
      label="Devices join (OTAA)"
      description="Without it they have a session that was agreed on (ABP)."
      style={{ gridColumn: "1 / -1" }}
      {...form.getInputProps("supportsOtaa", checkbox)}
    />
    {!form.values.supportsOtaa && (
      <>
        <NumberField
          form={form}
          name="abpRx1DelaySeconds"
          label="RX1 delay, seconds"
          about="From the end of an uplink to the first window, as the device is built."
          min={1}
          max={15}
        />
        <NumberField
          form={form}
          name="abpRx1DrOffset"
          label="RX1 data-rate offset"
          about="How much slower RX1 is than the uplink, as the device is built."
          min={0}
          max={7}
        />
        <NumberField
          form={form}
          name="abpRx2DataRate"
          label="RX2 data rate"
          about="As the device is built."
          otherwise="the region's"
          min={0}
          max={15}
        />
        <NumberField
          form={form}
          name="abpRx2FrequencyHz"
          label="RX2 frequency"
          about="As the device is built."
          otherwise="the region's"
          isFrequency
        />
      </>
    )}
  </FormGroup>
);

const Classes = ({ form }: PartProps) => (
  <FormGroup title="Classes" about="Every device listens after its uplinks (class A). Some listen at other times too.">
    <Switch
      label="Class C: it listens all the time"
      description="Downlinks go out at once. Only for devices with a supply of their own."
      {...form.getInputProps("supportsClassC", checkbox)}
    />
    <Switch
      label="Class B: it listens in ping slots"
      description="Downlinks go out within seconds to minutes. Needs gateways that send beacons."
      {...form.getInputProps("supportsClassB", checkbox)}
    />
    {form.values.supportsClassC && (
      <NumberField
        form={form}
        name="classCTimeoutSeconds"
        label="Class C time-out, seconds"
        about="How long the acknowledgement of a confirmed downlink is waited for before it is sent again."
        min={1}
      />
    )}
    {form.values.supportsClassB && (
      <>
        <NumberField
          form={form}
          name="classBTimeoutSeconds"
          label="Class B time-out, seconds"
          about="How long the acknowledgement of a confirmed downlink is waited for before it is sent again."
          min={1}
        />
        <NumberField
          form={form}
          name="classBPingSlotPeriodicity"
          label="Ping slots every 0.96 s × 2ⁿ"
          about="Until the device says it itself: 0 is about every second, 7 every two minutes."
          otherwise="the device will say"
          min={0}
          max={7}
        />
        <NumberField
          form={form}
          name="classBPingSlotDataRate"
          label="Ping-slot data rate"
          about="As the device is built."
          otherwise="the region's"
          min={0}
          max={15}
        />
        <NumberField
          form={form}
          name="classBPingSlotFrequencyHz"
          label="Ping-slot frequency"
          about="As the device is built. 0 is the region's own, which hops where there are several."
          otherwise="the region's"
          isFrequency
        />
      </>
    )}
  </FormGroup>
);

const adrChoices = [
  { value: "default", label: "Upchirp's own" },
  { value: "script", label: "A script" },
  { value: "none", label: "None: devices are left alone" },
];

const Adr = ({ form, isWriter }: PartProps & { readonly isWriter: boolean }) => (
  <FormGroup
    title="Adaptive data rate"
    about="The network looks for the fastest data rate and the least power at which a device is still heard well, where the device allows it."
  >
    <Select label="Algorithm" allowDeselect={false} data={adrChoices} {...form.getInputProps("adrAlgorithm")} />
    <span />
    <NumberField
      form={form}
      name="adrMinDataRate"
      label="Slowest data rate"
      about="ADR asks for none below. Higher keeps airtime short."
      otherwise="the slowest of its channels"
      min={0}
      max={15}
    />
    <NumberField
      form={form}
      name="adrMaxDataRate"
      label="Fastest data rate"
      about="ADR asks for none above. Lower leaves a reserve to devices that move."
      otherwise="the fastest of its channels"
      min={0}
      max={15}
    />
    {form.values.adrAlgorithm === "script" && (
      <div style={{ gridColumn: "1 / -1" }}>
        <Text size="sm" c="dimmed" mb="xs">
          A function handle(req) that answers with the data rate, power and number of transmissions to ask for.
        </Text>
        <CodeEditor
          label="ADR script"
          language="javascript"
          isReadOnly={!isWriter}
          height={240}
          value={form.values.adrScript}
          onChange={script => form.setFieldValue("adrScript", script)}
        />
        {form.errors.adrScript && (
          <Text size="sm" c="red" role="alert">
            {form.errors.adrScript}
          </Text>
        )}
      </div>
    )}
  </FormGroup>
);

const Traffic = ({ form }: PartProps) => (
  <FormGroup title="Uplinks and downlinks">
    <NumberField
      form={form}
      name="expectedUplinkIntervalSeconds"
      label="An uplink every … seconds"
      about="How often the device usually says something. One that is silent for more than twice as long counts as inactive."
      min={1}
    />
    <NumberField
      form={form}
      name="deviceStatusIntervalSeconds"
      label="Battery and margin every … seconds"
      about="How often the device is asked for them (DevStatusReq). 0 is never."
      min={0}
    />
    <NumberField
      form={form}
      name="confirmedDownlinkRetries"
      label="Repetitions of confirmed downlinks"
      about="How often one is sent again when it is not acknowledged."
      min={0}
      max={15}
    />
    <Switch
      label="Empty the queue at a join"
      description="What waited for the session before is dropped."
      {...form.getInputProps("flushQueueOnActivate", checkbox)}
    />
  </FormGroup>
);

const Label = ({ form, sourceId }: PartProps & { readonly sourceId: string | null }) => (
  <FormGroup
    title="QR codes"
    about="Numbers on the labels of such devices (TR005). With them a scanned device finds this profile by itself."
  >
    <NumberField
      form={form}
      name="vendorId"
      label="Vendor"
      about="The vendor's number, given by the LoRa Alliance."
      otherwise="none"
      min={0}
      max={65_535}
    />
    <NumberField
      form={form}
      name="vendorProfileId"
      label="Profile"
      about="The vendor's own number for this kind of device."
      otherwise="none"
      min={0}
      max={65_535}
    />
    {sourceId !== null && (
      <Text size="sm" c="dimmed" style={{ gridColumn: "1 / -1", overflowWrap: "anywhere" }}>
        Imported from {sourceId}. The next import changes it; clone it to keep one of your own.
      </Text>
    )}
  </FormGroup>
);

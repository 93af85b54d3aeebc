import { Alert, Paper, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api, faultsOf } from "../../api/queries.ts";
import { applicationQuery, profileQuery } from "../../api/records.ts";
import { FormGroup, monoInput } from "../../parts/form.tsx";
import { FormEnd } from "../../parts/form-end.tsx";
import { RecordSelect } from "../../parts/record-select.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { Capture, type Captured } from "./capture.tsx";
import { KeyInputs, keyBody, keyFaults, keyFieldsOf, type Method, noKeys } from "./key-inputs.tsx";

type Device = Schemas["Device"];

const euiPattern = /^([0-9a-f]{2}[-:]?){7}[0-9a-f]{2}$/i;
const euiFault = "16 hexadecimal digits, as on the device's label.";
const empty = { name: "", devEui: "", joinEui: "", applicationId: "", deviceProfileId: "", ...noKeys };
type Values = typeof empty;

export interface AddDeviceProps {
  readonly applicationId?: string | undefined;
  readonly deviceProfileId?: string | undefined;
  readonly onAdded: (device: Device) => void;
}

/** What the chosen profile says of its devices decides which keys are asked for. */
function useKeyFields(deviceProfileId: string, chosen: Method | undefined) {
  const profile = useQuery({ ...profileQuery(deviceProfileId), enabled: deviceProfileId !== "" });
  const { supportsOtaa = true, macVersion = "1.0.4" } = profile.data?.record ?? {};
  const method = chosen ?? (supportsOtaa ? "OTAA" : "ABP");
  return { method, fields: keyFieldsOf(method, macVersion === "1.1.0") };
}

export function AddDevice({ applicationId = "", deviceProfileId = "", onAdded }: AddDeviceProps) {
  const queries = useQueryClient();
  const [chosenMethod, setMethod] = useState<Method>();
  const [note, setNote] = useState<string>();
  const [tags, setTags] = useState<Device["tags"]>({});
  const form = useForm<Values>({ initialValues: { ...empty, applicationId, deviceProfileId } });
  const { values } = form;
  const { method, fields } = useKeyFields(values.deviceProfileId, chosenMethod);
  const application = useQuery({ ...applicationQuery(values.applicationId), enabled: values.applicationId !== "" });
  const tenantId = useTenantId();
  const add = useMutation({
    mutationFn: async ({ devEui, joinEui, name, ...choice }: Values) => {
      const { applicationId, deviceProfileId } = choice;
      const keys = keyBody(fields, values);
      const { devAddr = "", appSKey = "" } = keys;
      return dataOf(
        await api.POST("/api/devices", {
          body: {
            ...{ devEui, applicationId, deviceProfileId, tags, name: name.trim() || devEui },
            ...(joinEui !== "" && { joinEui }),
            ...(method === "OTAA" ? { keys } : { activation: { ...keys, devAddr, appSKey } }),
          },
        }),
      );
    },
    onSuccess: async device => {
      await queries.invalidateQueries({ queryKey: ["devices"] });
      onAdded(device);
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  const take = ({ note: text, tags: labelled = {}, ...captured }: Captured): void => {
    form.setValues(captured);
    form.clearErrors();
    setTags(labelled);
    setNote(text);
    if (captured.devAddr !== undefined) setMethod("ABP");
    else if (captured.appKey !== undefined) setMethod("OTAA");
  };
  const submit = (): void => {
    const faults = { ...recordFaults(values), ...keyFaults(fields, values) };
    if (Object.keys(faults).length === 0) add.mutate(trimmed(values));
    else form.setErrors(faults);
  };
  return (
    <Paper withBorder p="lg" maw={880}>
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault();
          submit();
        }}
      >
        <Stack gap="xl">
          <Capture applicationId={values.applicationId} onCaptured={take} />
          {note !== undefined && (
            <Alert
              color="cyan"
              role="status"
              withCloseButton
              closeButtonLabel="Close"
              onClose={() => setNote(undefined)}
            >
              {note}
            </Alert>
          )}
          <FormGroup title="What it is">
            <RecordSelect
              kind="applications"
              label="Application"
              description="Where its data goes."
              withAsterisk
              tenantId={tenantId}
              value={values.applicationId}
              onChange={id => form.setFieldValue("applicationId", id)}
              error={form.errors.applicationId}
            />
            <RecordSelect
              kind="device-profiles"
              label="Device profile"
              description="What kind of device it is."
              withAsterisk
              tenantId={application.data?.record.tenantId ?? tenantId}
              value={values.deviceProfileId}
              onChange={id => form.setFieldValue("deviceProfileId", id)}
              error={form.errors.deviceProfileId}
            />
            <TextInput
              label="DevEUI"
              description="The device's own number."
              withAsterisk
              classNames={monoInput}
              spellCheck={false}
              {...form.getInputProps("devEui")}
            />
            <TextInput label="Name" description="The DevEUI, unless you give it one." {...form.getInputProps("name")} />
          </FormGroup>
          <FormGroup title="How it is let in">
            <SegmentedControl
              fullWidth
              style={{ gridColumn: "1 / -1" }}
              aria-label="Activation"
              data={[
                { value: "OTAA", label: "Joins (OTAA)" },
                { value: "ABP", label: "Session (ABP)" },
              ]}
              value={method}
              onChange={value => setMethod(value === "ABP" ? "ABP" : "OTAA")}
            />
            {method === "OTAA" && (
              <TextInput
                label="JoinEUI"
                description="Also AppEUI. All zeros where the device has none."
                classNames={monoInput}
                placeholder="0000000000000000"
                spellCheck={false}
                {...form.getInputProps("joinEui")}
              />
            )}
            <KeyInputs
              fields={fields}
              values={values}
              onChange={(name, value) => form.setFieldValue(name, value)}
              errors={form.errors}
            />
          </FormGroup>
          <FormEnd
            submit="Add device"
            isPending={add.isPending}
            fault={add.isError ? { title: "The device was not added", error: add.error } : undefined}
          />
        </Stack>
      </form>
    </Paper>
  );
}

const trimmed = (values: Values): Values => ({
  ...values,
  devEui: values.devEui.trim(),
  joinEui: values.joinEui.trim(),
});

function recordFaults(values: Values): Readonly<Record<string, string>> {
  const { devEui, joinEui, applicationId, deviceProfileId } = trimmed(values);
  return {
    ...(applicationId === "" && { applicationId: "Choose where its data goes." }),
    ...(deviceProfileId === "" && { deviceProfileId: "Choose what kind of device it is." }),
    ...(!euiPattern.test(devEui) && { devEui: euiFault }),
    ...(joinEui !== "" && !euiPattern.test(joinEui) && { joinEui: euiFault }),
  };
}

import { Fieldset, Stack, Switch, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "../../../../../client/client.ts";
import { api, done, faultsOf } from "../../api/queries.ts";
import { deviceQuery, type Tagged, taggedOf } from "../../api/records.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormGroup, monoInput } from "../../parts/form.tsx";
import { FormEnd } from "../../parts/form-end.tsx";
import { PairsInput } from "../../parts/form-pairs.tsx";
import { RecordSelect } from "../../parts/record-select.tsx";
import { MacFields } from "../device-profiles/mac-fields.tsx";

type Device = Schemas["Device"];

export interface SettingsProps {
  readonly devEui: string;
  readonly isWriter: boolean;
}

export default function Settings({ devEui, isWriter }: SettingsProps) {
  const device = useQuery(deviceQuery(devEui));
  if (!device.data) return null;
  return <SettingsForm key={devEui} device={device.data} isWriter={isWriter} />;
}

const valuesOf = ({
  devEui: _,
  tenantId: _of,
  macVersion: _version,
  createdAt: _made,
  updatedAt: _changed,
  ...values
}: Device) => values;

interface SettingsFormProps {
  readonly device: Tagged<Device>;
  readonly isWriter: boolean;
}

function SettingsForm({ device, isWriter }: SettingsFormProps) {
  // What is edited stays in the form when somebody else changes the device meanwhile; then saving it is refused.
  const [{ record, etag }, setEdited] = useState(device);
  const { devEui, tenantId } = record;
  const queries = useQueryClient();
  const form = useForm({
    initialValues: valuesOf(record),
    validate: { name: value => (value.trim() === "" ? "Give it a name." : null) },
  });
  const save = useMutation({
    mutationFn: async (body: typeof form.values) =>
      taggedOf(
        await api.PATCH("/api/devices/{devEui}", {
          params: { path: { devEui } },
          headers: { "If-Match": etag },
          body,
        }),
      ),
    onSuccess: async saved => {
      setEdited(saved);
      form.resetDirty();
      await queries.invalidateQueries({ queryKey: ["devices"] });
      notifications.show({ message: "The device is saved.", color: "teal" });
    },
    onError: error => form.setErrors(faultsOf(error)),
  });
  const checkbox = { type: "checkbox" } as const;
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Fieldset variant="unstyled" disabled={!isWriter} maw={880}>
        <Stack gap="xl">
          <FormGroup title="What it is">
            <TextInput label="Name" withAsterisk {...form.getInputProps("name")} />
            <TextInput label="JoinEUI" classNames={monoInput} spellCheck={false} {...form.getInputProps("joinEui")} />
            <RecordSelect
              kind="applications"
              label="Application"
              tenantId={tenantId}
              disabled={!isWriter}
              {...form.getInputProps("applicationId")}
              value={form.values.applicationId}
            />
            <RecordSelect
              kind="device-profiles"
              label="Device profile"
              tenantId={tenantId}
              disabled={!isWriter}
              {...form.getInputProps("deviceProfileId")}
              value={form.values.deviceProfileId}
            />
            <Textarea
              label="Description"
              autosize
              minRows={2}
              style={{ gridColumn: "1 / -1" }}
              {...form.getInputProps("description")}
            />
            <Switch
              label="Disabled"
              description="What it sends is refused."
              {...form.getInputProps("isDisabled", checkbox)}
            />
            <Switch
              label="May begin its counter anew"
              description="For an ABP device that forgets its counter without power. Old frames can then be played again."
              {...form.getInputProps("resetsFCnt", checkbox)}
            />
          </FormGroup>
          <FormGroup title="Tags and variables">
            <PairsInput
              isReadOnly={!isWriter}
              label="Tags"
              description="To find it by, and in each of its events."
              {...form.getInputProps("tags")}
            />
            <PairsInput
              isReadOnly={!isWriter}
              label="Variables"
              description="For its codec."
              {...form.getInputProps("variables")}
            />
          </FormGroup>
          <FormGroup
            title="MAC parameters"
            about="What this one device is asked to use, in place of what its profile and the region say. It is told with its next downlinks."
          >
            <MacFields otherwise="the profile's" {...form.getInputProps("mac")} />
          </FormGroup>
          {isWriter && (
            <FormEnd
              submit="Save"
              isPending={save.isPending}
              isDisabled={!form.isDirty()}
              fault={save.isError ? { title: "Nothing was changed", error: save.error } : undefined}
            >
              <DeleteDevice device={record} />
            </FormEnd>
          )}
        </Stack>
      </Fieldset>
    </form>
  );
}

function DeleteDevice({ device: { devEui, name, applicationId } }: { readonly device: Device }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return (
    <ConfirmButton
      label="Delete device"
      title={`Delete ${name}?`}
      yes="Delete"
      action={async () => done(await api.DELETE("/api/devices/{devEui}", { params: { path: { devEui } } }))}
      onDone={() => {
        void navigate({ to: "/applications/$applicationId", params: { applicationId } });
        void queries.invalidateQueries({ queryKey: ["devices", "list"] });
      }}
    >
      Its keys, its session and its waiting downlinks go too. What it said stays in the history until it is too old.
    </ConfirmButton>
  );
}

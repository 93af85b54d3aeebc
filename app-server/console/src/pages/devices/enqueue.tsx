import { Group, NumberInput, Paper, SegmentedControl, Stack, Switch, Text, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { base64Of, bytesOfHex } from "../../api/bytes.ts";
import { type Members, membersOf } from "../../api/members.ts";
import { api } from "../../api/queries.ts";
import { deviceQuery, profileQuery } from "../../api/records.ts";
import { FormActions, monoInput } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { sessionQuery } from "./session-query.ts";

export interface EnqueueProps {
  readonly devEui: string;
  readonly onEnqueued: () => void;
}

const initial = { fPort: 1, hex: "", json: "{}", confirmed: false, form: "bytes" as "bytes" | "object" };
type Values = typeof initial;

function objectOf(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? membersOf(value) : undefined;
  } catch {
    return undefined;
  }
}

/** The most that a device of any kind takes at once (RP002-1.0.4 2). */
const largestPayload = 242;

export function Enqueue({ devEui, onEnqueued }: EnqueueProps) {
  const session = useQuery(sessionQuery(devEui));
  const device = useQuery(deviceQuery(devEui));
  const profileId = device.data?.record.deviceProfileId ?? "";
  const profile = useQuery({ ...profileQuery(profileId), enabled: profileId !== "" });
  const hasCodec = profile.data !== undefined && profile.data.record.codec !== "none";
  const maxPayload = session.data?.maxPayload ?? largestPayload;
  const form = useForm<Values>({ initialValues: initial, validate: values => faultsOf(values, maxPayload) });
  const enqueue = useMutation({
    mutationFn: async ({ fPort, hex, json, confirmed, form: kind }: Values) => {
      const payload =
        kind === "bytes" ? { data: base64Of(bytesOfHex(hex) ?? new Uint8Array()) } : { object: objectOf(json) ?? {} };
      const body = { fPort, confirmed, ...payload };
      return dataOf(await api.POST("/api/devices/{devEui}/queue", { params: { path: { devEui } }, body }));
    },
    onSuccess: () => {
      form.setFieldValue("hex", "");
      notifications.show({ message: "The downlink waits for the device.", color: "teal" });
      onEnqueued();
    },
  });
  const { form: kind, hex } = form.values;
  const length = bytesOfHex(hex)?.length;
  return (
    <Paper withBorder p="md" maw={720}>
      <form noValidate onSubmit={form.onSubmit(values => enqueue.mutate(values))}>
        <Stack>
          <Group align="flex-end">
            <SegmentedControl
              aria-label="Payload as"
              data={[
                { value: "bytes", label: "Bytes" },
                { value: "object", label: "JSON", disabled: !hasCodec },
              ]}
              {...form.getInputProps("form")}
            />
            <NumberInput label="Port" min={1} max={224} w={90} allowDecimal={false} {...form.getInputProps("fPort")} />
            <Switch label="Confirmed" mb={8} {...form.getInputProps("confirmed", { type: "checkbox" })} />
          </Group>
          {kind === "bytes" ? (
            <TextInput
              label="Payload in hex"
              classNames={monoInput}
              spellCheck={false}
              placeholder="01 02 ff"
              description={`${length ?? 0} of ${maxPayload} bytes${session.data ? ` at data rate ${session.data.dataRate} now` : ", whatever its data rate"}`}
              {...form.getInputProps("hex")}
            />
          ) : (
            <Textarea
              label="Object for the codec"
              classNames={monoInput}
              autosize
              minRows={3}
              spellCheck={false}
              {...form.getInputProps("json")}
            />
          )}
          {!hasCodec && profile.isSuccess && (
            <Text size="xs" c="dimmed">
              JSON can be sent once the device profile has a codec.
            </Text>
          )}
          {enqueue.isError && <ProblemNote title="It was not queued" error={enqueue.error} />}
          <FormActions submit="Queue" isPending={enqueue.isPending} />
        </Stack>
      </form>
    </Paper>
  );
}

function faultsOf({ form, hex, json, fPort }: Values, maxPayload: number): Readonly<Record<string, string>> {
  const bytes = bytesOfHex(hex);
  return {
    ...(!(fPort >= 1 && fPort <= 224) && { fPort: "1 to 223." }),
    ...(form === "bytes" && bytes === undefined && { hex: "Pairs of hexadecimal digits." }),
    ...(form === "bytes" &&
      bytes !== undefined &&
      bytes.length > maxPayload && { hex: `${bytes.length} bytes do not fit: the device takes ${maxPayload}.` }),
    ...(form === "object" && objectOf(json) === undefined && { json: "This is no JSON object." }),
  };
}

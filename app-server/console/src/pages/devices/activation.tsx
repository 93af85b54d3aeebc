import { Alert, Group, Skeleton, Stack, Table, Text, Timeline, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { IconKey } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { textOfMember } from "../../api/members.ts";
import { api, done } from "../../api/queries.ts";
import { frequencyText } from "../../api/radio.ts";
import { deviceQuery } from "../../api/records.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormActions, FormButton } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { type DeviceEvent, useDeviceEvents } from "./events.tsx";
import { KeyInputs, keyBody, keyFaults, keyFieldsOf, type Method, noKeys } from "./key-inputs.tsx";
import { sessionQuery } from "./session-query.ts";

export interface ActivationProps {
  readonly devEui: string;
  readonly isWriter: boolean;
}

/** How the device is let in: its session, its keys, its joins, and what ADR has decided. */
export default function Activation({ devEui, isWriter }: ActivationProps) {
  return (
    <Stack gap="xl">
      <SessionPart devEui={devEui} isWriter={isWriter} />
      <KeysPart devEui={devEui} isWriter={isWriter} />
      <Joins devEui={devEui} />
      <AdrDecisions devEui={devEui} />
    </Stack>
  );
}

interface PartProps {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

const Part = ({ title, actions, children }: PartProps) => (
  <section>
    <Group justify="space-between" mb="xs">
      <Title order={2} size="h4">
        {title}
      </Title>
      {actions !== undefined && <Group gap="xs">{actions}</Group>}
    </Group>
    {children}
  </section>
);

function SessionPart({ devEui, isWriter }: ActivationProps) {
  const queries = useQueryClient();
  const session = useQuery(sessionQuery(devEui));
  const refresh = (): void => void queries.invalidateQueries({ queryKey: ["devices", devEui] });
  const actions = isWriter && (
    <>
      <FormButton label="Set a session (ABP)" variant="default" size="xs" title="Set a session">
        {close => <SessionForm devEui={devEui} onEnd={close} />}
      </FormButton>
      {session.data && (
        <ConfirmButton
          label="End the session"
          button={{ size: "xs" }}
          title="End the session?"
          yes="End it"
          action={async () =>
            done(await api.DELETE("/api/devices/{devEui}/activation", { params: { path: { devEui } } }))
          }
          onDone={refresh}
        >
          The device is not understood any more until it joins again or is given a new session.
        </ConfirmButton>
      )}
    </>
  );
  return (
    <Part title="Session" actions={actions}>
      {session.isError && <ProblemNote error={session.error} onRetry={() => void session.refetch()} />}
      {session.isPending && <Skeleton h={160} />}
      {session.data === null && <Text c="dimmed">It has none yet: the device has not joined.</Text>}
      {session.data && <SessionTable session={session.data} />}
    </Part>
  );
}

function SessionTable({ session }: { readonly session: Schemas["Session"] }) {
  const facts: readonly (readonly [string, ReactNode])[] = [
    [
      "DevAddr",
      <span key="address" className="mono">
        {session.devAddr}
      </span>,
    ],
    ["Last uplink", <TimeAgo key="time" time={session.lastUplinkAt} />],
    ["LoRaWAN", session.macVersion],
    ["Region", session.region],
    ["Class", session.deviceClass],
    ["FCntUp, next", session.fCntUp.toLocaleString()],
    [session.macVersion === "1.1.0" ? "NFCntDown, next" : "FCntDown, next", session.nFCntDown.toLocaleString()],
    ...(session.macVersion === "1.1.0" ? [["AFCntDown, next", session.aFCntDown.toLocaleString()] as const] : []),
    ["Data rate", `DR${session.dataRate}`],
    ["Power", `TXPower ${session.txPowerIndex}`],
    ["Transmissions of each uplink", session.nbTrans],
    ["RX1", `after ${session.rx1DelaySeconds} s, offset ${session.rx1DrOffset}`],
    ["RX2", `DR${session.rx2DataRate} at ${frequencyText(session.rx2FrequencyHz)}`],
    ["Next downlink", `up to ${session.maxPayload} bytes`],
    ["Channels in use", rangesOf(session.enabledChannels)],
    ...(session.pingSlotPeriodicity === null
      ? []
      : [["Ping slots", `every ${0.96 * 2 ** session.pingSlotPeriodicity} s`] as const]),
  ];
  return (
    <Table aria-label="Session" maw={720} verticalSpacing={6}>
      <Table.Tbody>
        {facts.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th w={220} fw={500}>
              {name}
            </Table.Th>
            <Table.Td className="numbers">{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** `0–7, 64`. */
function rangesOf(channels: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const channel of channels) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === channel) last[1] = channel;
    else ranges.push([channel, channel]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}

interface KeyFormProps {
  readonly devEui: string;
  readonly onEnd: () => void;
}

function useIsVersion11(devEui: string): boolean {
  const device = useQuery(deviceQuery(devEui));
  return device.data?.record.macVersion === "1.1.0";
}

interface KeyValuesFormProps extends KeyFormProps {
  readonly method: Method;
  /** What the values are for. */
  readonly about: ReactNode;
  readonly fault: string;
  readonly send: (values: ReturnType<typeof keyBody>) => Promise<void>;
  /** What is old when they are set. */
  readonly stale: readonly string[];
}

/** Keys, and with a session its address, that go in and never come out. */
function KeyValuesForm({ devEui, onEnd, method, about, fault, send, stale }: KeyValuesFormProps) {
  const queries = useQueryClient();
  const fields = keyFieldsOf(method, useIsVersion11(devEui));
  const form = useForm({ initialValues: noKeys, validate: values => keyFaults(fields, values) });
  const save = useMutation({
    mutationFn: (values: typeof noKeys) => send(keyBody(fields, values)),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: stale });
      onEnd();
    },
  });
  return (
    <form noValidate onSubmit={form.onSubmit(values => save.mutate(values))}>
      <Stack>
        {about}
        {save.isError && <ProblemNote title={fault} error={save.error} />}
        <KeyInputs
          fields={fields}
          values={form.values}
          onChange={(name, value) => form.setFieldValue(name, value)}
          errors={form.errors}
        />
        <FormActions submit="Set" isPending={save.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}

const SessionForm = ({ devEui, onEnd }: KeyFormProps) => (
  <KeyValuesForm
    devEui={devEui}
    onEnd={onEnd}
    method="ABP"
    about={
      <Text size="sm" c="dimmed">
        For a device that does not join: the values that are set in it. Counters begin at 0. A session that it has ends.
      </Text>
    }
    fault="The session was not set"
    send={async values => {
      const body = { devAddr: "", appSKey: "", ...values };
      done(await api.PUT("/api/devices/{devEui}/activation", { params: { path: { devEui } }, body }));
    }}
    stale={["devices", devEui]}
  />
);

const KeysForm = ({ devEui, onEnd }: KeyFormProps) => (
  <KeyValuesForm
    devEui={devEui}
    onEnd={onEnd}
    method="OTAA"
    about={
      <Alert color="cyan" icon={<IconKey size={18} />}>
        Keys go in and never come out. The next join uses these.
      </Alert>
    }
    fault="The keys were not set"
    send={async body => done(await api.PUT("/api/devices/{devEui}/keys", { params: { path: { devEui } }, body }))}
    stale={["devices", devEui, "keys"]}
  />
);

function KeysPart({ devEui, isWriter }: ActivationProps) {
  const queries = useQueryClient();
  const path = { devEui };
  const keys = useQuery({
    queryKey: ["devices", devEui, "keys"],
    queryFn: async () => dataOf(await api.GET("/api/devices/{devEui}/keys", { params: { path } })).set,
  });
  const refresh = (): void => void queries.invalidateQueries({ queryKey: ["devices", devEui, "keys"] });
  const actions = isWriter && (
    <>
      <FormButton label={keys.data ? "Replace the keys" : "Set the keys"} variant="default" size="xs" title="Root keys">
        {close => <KeysForm devEui={devEui} onEnd={close} />}
      </FormButton>
      {keys.data && (
        <ConfirmButton
          label="Delete the keys"
          button={{ size: "xs" }}
          title="Delete the root keys?"
          yes="Delete"
          action={async () => done(await api.DELETE("/api/devices/{devEui}/keys", { params: { path } }))}
          onDone={refresh}
        >
          The device cannot join any more. A session that it has goes on.
        </ConfirmButton>
      )}
      <ConfirmButton
        label="Forget DevNonces"
        button={{ size: "xs" }}
        title="Forget used DevNonces?"
        yes="Forget them"
        action={async () => done(await api.DELETE("/api/devices/{devEui}/nonces", { params: { path } }))}
        onDone={() => notifications.show({ message: "They are forgotten.", color: "teal" })}
      >
        For a device that begins to count its joins anew, as after a change of its firmware. Until its next join,
        whoever has recorded an old Join-Request can play it again.
      </ConfirmButton>
    </>
  );
  return (
    <Part title="Root keys" actions={actions}>
      {keys.isError && <ProblemNote error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.data === true && (
        <Text>
          They are set.{" "}
          <Text span c="dimmed">
            Nobody can read them here.
          </Text>
        </Text>
      )}
      {keys.data === false && <Text c="dimmed">There are none: the device cannot join.</Text>}
    </Part>
  );
}

function Joins({ devEui }: { readonly devEui: string }) {
  const accepted = useDeviceEvents(devEui, { kinds: ["join"], limit: 50 });
  const refused = useDeviceEvents(devEui, { kinds: ["log"], code: "OTAA", limit: 50 });
  const all = [...accepted.events, ...refused.events]
    .sort((one, other) => (one.time < other.time ? 1 : -1))
    .slice(0, 50);
  return (
    <Part title="Joins">
      {all.length === 0 && <Text c="dimmed">None in the history.</Text>}
      <Timeline bulletSize={16} lineWidth={2}>
        {all.map(event => (
          <Timeline.Item key={event.id} color={event.kind === "join" ? "teal" : "red"} title={joinTitle(event)}>
            <Text size="xs" c="dimmed">
              <TimeAgo time={event.time} />
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
    </Part>
  );
}

const joinTitle = ({ kind, content }: DeviceEvent): string =>
  kind === "join"
    ? `Accepted, with DevAddr ${textOfMember(content.devAddr) ?? "?"}`
    : (textOfMember(content.description) ?? "");

function AdrDecisions({ devEui }: { readonly devEui: string }) {
  const { events } = useDeviceEvents(devEui, { kinds: ["log"], code: "ADR", limit: 50 });
  return (
    <Part title="Decisions of ADR">
      {events.length === 0 && (
        <Text c="dimmed">None in the history: it has not asked the device for anything else.</Text>
      )}
      <Timeline bulletSize={16} lineWidth={2} color="cyan">
        {events.map(({ id, time, content }) => (
          <Timeline.Item key={id} title={textOfMember(content.description)}>
            <Text size="xs" c="dimmed">
              <TimeAgo time={time} />
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
    </Part>
  );
}

import { Alert, Badge, Group, SimpleGrid, Skeleton, Stack, Text, Textarea, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { type Members, membersOf } from "../../api/members.ts";
import { api, done } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { FormActions, FormButton, monoInput } from "../../parts/form.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { counted } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

const twinKey = (devEui: string) => ["devices", devEui, "twin"];
const read = async (devEui: string) =>
  dataOf(await api.GET("/api/devices/{devEui}/twin", { params: { path: { devEui } } }));
type TwinData = Awaited<ReturnType<typeof read>>;

export interface TwinProps {
  readonly devEui: string;
  readonly isWriter: boolean;
}

/** What the device shall be like beside what it says it is like. */
export default function Twin({ devEui, isWriter }: TwinProps) {
  const queries = useQueryClient();
  const twin = useQuery({ queryKey: twinKey(devEui), queryFn: () => read(devEui), refetchInterval: 10_000 });
  if (twin.isError) return <ProblemNote error={twin.error} onRetry={() => void twin.refetch()} />;
  if (!twin.data) return <Skeleton h={240} />;
  const { desired, reported, delta, reportFault } = twin.data;
  const known = twin.data;
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start">
        <Delivery delivery={known.delivery} />
        {isWriter && (
          <Group gap="xs">
            <FormButton label="Change what it shall be" title="Desired" wide>
              {close => <DesiredForm devEui={devEui} twin={known} onEnd={close} />}
            </FormButton>
            <ConfirmButton
              label="Forget both"
              title="Forget both documents?"
              yes="Forget them"
              action={async () =>
                done(await api.DELETE("/api/devices/{devEui}/twin", { params: { path: { devEui } } }))
              }
              onDone={() => void queries.invalidateQueries({ queryKey: twinKey(devEui) })}
            >
              A downlink that waits to change the device is taken back.
            </ConfirmButton>
          </Group>
        )}
      </Group>
      {reportFault !== null && <Alert color="orange">The last report was left out: {reportFault}</Alert>}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Document title="Desired" value={desired} nothing="Nothing is asked of the device." />
        <Document title="Reported" value={reported} nothing="It has reported nothing, or its profile has no codec." />
      </SimpleGrid>
      {Object.keys(delta).length > 0 && <Document title="Missing" value={delta} nothing="" />}
    </Stack>
  );
}

interface DocumentProps {
  readonly title: string;
  readonly value: Members;
  readonly nothing: string;
}

const Document = ({ title, value, nothing }: DocumentProps) => (
  <section>
    <Title order={2} size="h4" mb="xs">
      {title}
    </Title>
    {Object.keys(value).length === 0 ? <Text c="dimmed">{nothing}</Text> : <JsonView value={value} label={title} />}
  </section>
);

function Delivery({ delivery: { state, attempts, lastSentAt, nextAt, reason } }: Pick<TwinData, "delivery">) {
  return (
    <Stack gap={4}>
      <Badge size="lg" color={state === "in-sync" ? "teal" : "orange"}>
        {state.replaceAll("-", " ")}
      </Badge>
      {reason !== null && <Text size="sm">{reason}</Text>}
      <Text size="sm" c="dimmed">
        {attempts > 0 && `${counted(attempts, "downlink")} for what is missing now. `}
        {lastSentAt !== null && (
          <>
            Last sent <TimeAgo time={lastSentAt} />.{" "}
          </>
        )}
        {nextAt !== null && (
          <>
            Next <TimeAgo time={nextAt} />.
          </>
        )}
      </Text>
    </Stack>
  );
}

function objectOf(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? membersOf(value) : undefined;
  } catch {
    return undefined;
  }
}

/** What makes one document of another by merging (RFC 7386): what is gone is null. */
function patchOf(before: Members, after: Members): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(before)) if (!(name in after)) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    const old = before[name];
    if (isObject(old) && isObject(value)) patch[name] = patchOf(old, value);
    else if (JSON.stringify(old) !== JSON.stringify(value)) patch[name] = value;
  }
  return patch;
}

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface DesiredFormProps {
  readonly devEui: string;
  readonly twin: TwinData;
  readonly onEnd: () => void;
}

function DesiredForm({ devEui, twin: { desired, version }, onEnd }: DesiredFormProps) {
  const queries = useQueryClient();
  // As it was when the form was opened; a change by somebody else meanwhile is told when this one is saved.
  const [before] = useState({ desired, version: version.desired });
  const [text, setText] = useState(JSON.stringify(desired, null, 2));
  const after = objectOf(text);
  const save = useMutation({
    mutationFn: async (wanted: Members) =>
      dataOf(
        await api.PATCH("/api/devices/{devEui}/twin", {
          params: { path: { devEui } },
          body: { desired: patchOf(before.desired, wanted), version: before.version },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: twinKey(devEui) });
      notifications.show({ message: "The device is told as soon as it listens.", color: "teal" });
      onEnd();
    },
  });
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        if (after !== undefined) save.mutate(after);
      }}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          The codec's function encodeDesired makes a downlink of what the device has not reported; it is repeated until
          it has.
        </Text>
        <Textarea
          label="Desired, as JSON"
          classNames={monoInput}
          autosize
          minRows={8}
          maxRows={20}
          spellCheck={false}
          data-autofocus
          value={text}
          onChange={event => setText(event.currentTarget.value)}
          error={after === undefined ? "This is no JSON object." : undefined}
        />
        {save.isError && <ProblemNote title="It was not changed" error={save.error} />}
        <FormActions submit="Save" isPending={save.isPending} onCancel={onEnd} isDisabled={after === undefined} />
      </Stack>
    </form>
  );
}

import {
  Alert,
  Badge,
  Button,
  Group,
  NumberInput,
  Paper,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { bytesOfHex, hexOf } from "../../api/bytes.ts";
import { type Members, membersOf } from "../../api/members.ts";
import { api } from "../../api/queries.ts";
import { monoInput } from "../../parts/form.tsx";
import { JsonView, TextView } from "../../parts/json-view.tsx";
import { byteSize, fineNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import type { Profile } from "./choices.ts";
import type { CodecCase } from "./codec-cases.tsx";
import { StoredUplink } from "./stored-uplink.tsx";

type Direction = CodecCase["direction"];
const directions = [
  { value: "uplink", label: "Uplink" },
  { value: "downlink", label: "Downlink" },
  { value: "decodeDownlink", label: "Read a downlink" },
] as const satisfies readonly { value: Direction; label: string }[];

interface Run {
  readonly direction: Direction;
  readonly fPort: number;
  readonly bytes?: string;
  readonly object?: Record<string, unknown>;
}

export interface CodecBenchProps {
  readonly profileId: string;
  readonly codec: Profile["codec"];
  readonly script: string;
  /** Keeps what came out as what has to come out from now on. */
  readonly onKeep: (kept: CodecCase) => void;
}

/** Tries the script as it stands, saved or not. */
export function CodecBench({ profileId, codec, script, onKeep }: CodecBenchProps) {
  const [direction, setDirection] = useState<Direction>("uplink");
  const [fPort, setPort] = useState<number | string>(1);
  const [hex, setHex] = useState("");
  const [json, setJson] = useState("{}");
  const [fault, setFault] = useState<string>();
  const test = useMutation({
    mutationFn: async (run: Run) => ({
      run,
      outcome: dataOf(
        await api.POST("/api/device-profiles/{deviceProfileId}/codec/test", {
          params: { path: { deviceProfileId: profileId } },
          body: { codec, script, ...run },
        }),
      ),
    }),
  });
  const start = (): void => {
    const run = runOf(direction, Number(fPort), hex, json);
    setFault(typeof run === "string" ? run : undefined);
    if (typeof run !== "string") test.mutate(run);
  };
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        Test bench
      </Title>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Paper withBorder p="md" miw={0}>
          <form
            noValidate
            onSubmit={event => {
              event.preventDefault();
              start();
            }}
          >
            <Stack>
              <SegmentedControl
                aria-label="Direction"
                data={[...directions]}
                value={direction}
                onChange={value => setDirection(directions.find(one => one.value === value)?.value ?? "uplink")}
              />
              {direction === "uplink" && (
                <StoredUplink
                  profileId={profileId}
                  onChosen={uplink => {
                    setHex(uplink.bytes);
                    setPort(uplink.fPort);
                  }}
                />
              )}
              <NumberInput
                label="Port"
                min={1}
                max={255}
                allowDecimal={false}
                w={110}
                value={fPort}
                onChange={setPort}
              />
              {direction === "downlink" ? (
                <Textarea
                  label="Object"
                  classNames={monoInput}
                  autosize
                  minRows={3}
                  spellCheck={false}
                  error={fault}
                  value={json}
                  onChange={event => setJson(event.currentTarget.value)}
                />
              ) : (
                <TextInput
                  label="Bytes in hex"
                  classNames={monoInput}
                  placeholder="00 d2"
                  spellCheck={false}
                  error={fault}
                  value={hex}
                  onChange={event => setHex(event.currentTarget.value)}
                />
              )}
              <Group justify="flex-end">
                <Button type="submit" variant="light" loading={test.isPending}>
                  Try
                </Button>
              </Group>
            </Stack>
          </form>
        </Paper>
        <Paper withBorder p="md" miw={0} role="region" aria-label="Result" aria-live="polite">
          {test.isError && <ProblemNote title="It could not be tried" error={test.error} />}
          {test.data === undefined && !test.isError && (
            <Text c="dimmed" size="sm">
              What the script makes of it appears here. No device and no event is touched.
            </Text>
          )}
          {test.data !== undefined && <Outcome {...test.data} onKeep={onKeep} />}
        </Paper>
      </SimpleGrid>
    </section>
  );
}

/** What to try, or what is wrong with what was typed. */
function runOf(direction: Direction, fPort: number, hex: string, json: string): Run | string {
  if (direction !== "downlink") {
    const bytes = bytesOfHex(hex);
    return bytes === undefined ? "Pairs of hexadecimal digits." : { direction, fPort, bytes: hexOf(bytes) };
  }
  try {
    const object: unknown = JSON.parse(json);
    if (typeof object === "object" && object !== null && !Array.isArray(object)) {
      return { direction, fPort, object: { ...membersOf(object) } };
    }
  } catch {
    // Told below, as every other text that is no object.
  }
  return "This is no JSON object.";
}

interface Tested {
  readonly result: "decoded" | "encoded" | "failed";
  readonly object?: Members;
  readonly bytes?: string;
  readonly fPort?: number;
  readonly normalizedPayload?: readonly object[];
  readonly normalizedPayloadWarnings?: readonly string[];
  readonly warnings: readonly string[];
  readonly errors: readonly { readonly message: string; readonly line?: number; readonly column?: number }[];
  readonly console: readonly string[];
  readonly timeMs: number;
  readonly loadMs: number;
  readonly memoryBytes: number;
}

interface OutcomeProps {
  readonly run: Run;
  readonly outcome: Tested;
  readonly onKeep: (kept: CodecCase) => void;
}

function Outcome({ run, outcome, onKeep }: OutcomeProps) {
  const { result, object, bytes, fPort, normalizedPayload, warnings, errors } = outcome;
  const allWarnings = [...warnings, ...(outcome.normalizedPayloadWarnings ?? [])];
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <Badge color={result === "failed" ? "red" : "teal"}>{result}</Badge>
        <Text size="xs" c="dimmed" className="numbers">
          {fineNumber(outcome.timeMs)} ms, loaded in {fineNumber(outcome.loadMs)} ms, {byteSize(outcome.memoryBytes)}
        </Text>
      </Group>
      {errors.map(({ message, line, column }) => (
        <Alert key={message} color="red" p="xs" role="alert">
          {line !== undefined && `line ${line}${column === undefined ? "" : `, column ${column}`}: `}
          {message}
        </Alert>
      ))}
      {allWarnings.map(warning => (
        <Alert key={warning} color="yellow" p="xs">
          {warning}
        </Alert>
      ))}
      {object !== undefined && <JsonView value={object} label="decoded object" />}
      {bytes !== undefined && (
        <Text className="mono" style={{ overflowWrap: "anywhere" }}>
          {bytes === "" ? "no bytes" : bytes}
          {fPort !== undefined && ` on port ${fPort}`}
        </Text>
      )}
      {normalizedPayload !== undefined && (
        <>
          <Text size="sm">Normalized</Text>
          <JsonView value={normalizedPayload} label="normalized measurements" />
        </>
      )}
      {outcome.console.length > 0 && (
        <>
          <Text size="sm">Console</Text>
          <TextView text={outcome.console.join("\n")} label="console" maxHeight={160} />
        </>
      )}
      <Keep run={run} outcome={outcome} onKeep={onKeep} />
    </Stack>
  );
}

function Keep({ run, outcome, onKeep }: OutcomeProps) {
  const [name, setName] = useState("");
  const { object, bytes, fPort, errors } = outcome;
  const [fault] = errors;
  const expected: CodecCase["expected"] = {
    ...(object !== undefined && { object: { ...object } }),
    ...(bytes !== undefined && { bytes }),
    ...(fPort !== undefined && { fPort }),
    ...(fault !== undefined && { error: fault.message }),
  };
  return (
    <Group align="flex-end" gap="xs">
      <TextInput
        label="Keep it as a case"
        placeholder="A cold morning"
        flex={1}
        value={name}
        onChange={event => setName(event.currentTarget.value)}
      />
      <Button
        variant="default"
        disabled={name.trim() === ""}
        onClick={() => {
          onKeep({ name: name.trim(), ...run, expected });
          setName("");
        }}
      >
        Keep
      </Button>
    </Group>
  );
}

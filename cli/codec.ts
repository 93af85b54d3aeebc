import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { Option } from "commander";
import { parseBytes } from "../lorawan/explain/explain.ts";
import type { OfflineCodecs, ProgramActions, ScriptCodec } from "./actions.ts";
import type { ApiRecord } from "./api-client.ts";
import { addApiOptions, connect } from "./api-options.ts";
import { jsonContent, scriptKindOf } from "./codec-files.ts";
import { CommandFailed, UsageError } from "./errors.ts";
import {
  flagOption,
  integerBetween,
  isObject,
  jsonObject,
  keyValue,
  numberOption,
  type OptionValues,
  textOption,
} from "./option-values.ts";
import { textOfFile } from "./resources/body.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { resolveId, tenantQuery } from "./resources/lookup.ts";
import { profileNames } from "./resources/profile.ts";
import type { Terminal } from "./terminal.ts";

/** What a codec is tried with, as the API takes it. Throws UsageError. */
async function runOf(values: OptionValues): Promise<ApiRecord> {
  const { object, variable, tag } = values;
  const eventFile = textOption(values, "event");
  const event = eventFile === undefined ? {} : runOfEvent(jsonContent(await textOfFile(eventFile)));
  const text = textOption(values, "bytes");
  const bytes = text === undefined || text === "" ? new Uint8Array() : parseBytes(text);
  if (bytes === undefined) throw new UsageError("--bytes: neither hex nor base64");
  const fPort = numberOption(values, "fPort");
  const recvTime = textOption(values, "recvTime");
  const run: ApiRecord = {
    direction: textOption(values, "direction") ?? (object === undefined ? "uplink" : "downlink"),
    ...event,
    ...(fPort !== undefined && { fPort }),
    ...(text !== undefined && { bytes: Buffer.from(bytes).toString("hex") }),
    ...(object !== undefined && { object }),
    ...(recvTime !== undefined && { recvTime }),
    ...(variable !== undefined && { variables: variable }),
    ...(tag !== undefined && { tags: tag }),
  };
  if (run.fPort === undefined) throw new UsageError("--f-port is missing: the port that the payload came or goes on");
  if (run.direction === "downlink" ? run.object === undefined : run.bytes === undefined) {
    throw new UsageError(run.direction === "downlink" ? "--object is missing" : "--bytes is missing");
  }
  return run;
}

/** Of an event as `upchirp events --json` shows it. */
function runOfEvent(event: unknown): ApiRecord {
  const { data, fPort, time, deviceInfo } = isObject(event) ? event : {};
  if (typeof data !== "string" || typeof fPort !== "number")
    throw new UsageError("--event: this is no event of the kind up");
  return {
    fPort,
    bytes: Buffer.from(data, "base64").toString("hex"),
    ...(typeof time === "string" && { recvTime: time }),
    ...(isObject(deviceInfo) && isObject(deviceInfo.tags) && { tags: deviceInfo.tags }),
  };
}

async function scriptOf(file: string | undefined): Promise<ScriptCodec | undefined> {
  return file === undefined ? undefined : { kind: scriptKindOf(file), script: await textOfFile(file) };
}

/** Asks the server for a profile's codec, or for a file in its place; without a profile, a sandbox of this process. */
async function answerOf(
  file: string | undefined,
  values: OptionValues,
  { actions, terminal }: Surroundings,
  path: "test" | "cases",
  body: ApiRecord,
  offline: (codecs: OfflineCodecs, codec: ScriptCodec) => Promise<ApiRecord>,
): Promise<ApiRecord> {
  const codec = await scriptOf(file);
  const profile = textOption(values, "profile");
  if (profile === undefined) {
    if (codec === undefined) throw new UsageError("give a script, or a device profile with --profile");
    return actions.withCodecs(codecs => offline(codecs, codec));
  }
  const client = connect(values, terminal);
  const query = await tenantQuery(client, textOption(values, "tenant"));
  const id = await resolveId(client, profileNames, profile, query);
  const script = codec && { codec: codec.kind, script: codec.script };
  return client.record("POST", `${profileNames.path}/${id}/codec/${path}`, { body: { ...script, ...body } });
}

interface Surroundings {
  readonly actions: ProgramActions;
  readonly terminal: Terminal;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const json = (value: unknown): string => JSON.stringify(value, null, 2);

/** `codec.js:3:10: Error: ...`, which editors find their way by. */
function faultText(fault: unknown, file: string): string {
  const { message, line, column } = isObject(fault) ? fault : {};
  const place = line === undefined ? "" : `${file}:${String(line)}:${String(column ?? 1)}: `;
  return `${place}${String(message)}`;
}

function testText(answer: ApiRecord, file: string): string {
  const { result, object, bytes, fPort, normalizedPayload, warnings, errors, console: written } = answer;
  const kilobytes = Math.round(Number(answer.memoryBytes) / 1024);
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? "" : `\n${title}:\n${lines.map(line => `  ${line}\n`).join("")}`;
  const sent =
    bytes === undefined ? "" : `\n${String(bytes) || "no bytes"}${fPort === undefined ? "" : ` on port ${fPort}`}\n`;
  return [
    `${String(result)} in ${Number(answer.timeMs).toFixed(1)} ms, with ${kilobytes} KiB of memory\n`,
    object === undefined ? "" : `\n${json(object)}\n`,
    sent,
    normalizedPayload === undefined ? "" : `\nNormalized:\n${json(normalizedPayload)}\n`,
    section("Warnings", [...listOf(warnings), ...listOf(answer.normalizedPayloadWarnings)].map(String)),
    section(
      "Errors",
      listOf(errors).map(fault => faultText(fault, file)),
    ),
    section("Console", listOf(written).map(String)),
  ].join("");
}

function casesText({ total, failed }: ApiRecord): string {
  const lines = listOf(failed).flatMap(one => {
    const { name, differences } = isObject(one) ? one : {};
    return listOf(differences).map(difference => {
      const { path, expected, actual } = isObject(difference) ? difference : {};
      const shown = (value: unknown) => (value === undefined ? "missing" : JSON.stringify(value));
      return `${String(name)}: ${String(path)} is ${shown(actual)} instead of ${shown(expected)}\n`;
    });
  });
  return `${lines.join("")}${Number(total) - listOf(failed).length} of ${String(total)} cases passed\n`;
}

async function runTest(file: string | undefined, values: OptionValues, surroundings: Surroundings): Promise<void> {
  const run = await runOf(values);
  const answer = await answerOf(file, values, surroundings, "test", run, (codecs, codec) => codecs.test(codec, run));
  const { terminal } = surroundings;
  if (flagOption(values, "json")) printJson(terminal, answer);
  else terminal.write(testText(answer, file ?? "codec"));
  if (answer.result === "failed") throw new CommandFailed("codec_failed", "the codec failed");
}

async function runCases(file: string | undefined, values: OptionValues, surroundings: Surroundings): Promise<void> {
  const casesFile = textOption(values, "cases");
  const cases = casesFile === undefined ? undefined : jsonContent(await textOfFile(casesFile));
  if (cases === undefined && textOption(values, "profile") === undefined) {
    throw new UsageError("give cases with --cases, or a device profile that has some with --profile");
  }
  const body = cases === undefined ? {} : { cases };
  const answer = await answerOf(file, values, surroundings, "cases", body, (codecs, codec) =>
    codecs.runCases(codec, cases),
  );
  const { terminal } = surroundings;
  if (flagOption(values, "json")) printJson(terminal, answer);
  else terminal.write(casesText(answer));
  if (listOf(answer.failed).length > 0) throw new CommandFailed("codec_failed", "not every case passed");
}

/** `docs/codec.d.ts`: beside the sources one folder up, in the published package two. */
function typeDefinitions(): string {
  for (const place of ["../docs/codec.d.ts", "../../docs/codec.d.ts"]) {
    try {
      return readFileSync(new URL(place, import.meta.url), "utf8");
    } catch {
      // The other place has it.
    }
  }
  throw new CommandFailed("unreadable_file", "codec.d.ts is missing from this installation");
}

export function addCodecCommands(program: Command, actions: ProgramActions, terminal: Terminal): void {
  const surroundings = { actions, terminal };
  const group = program.command("codec").summary("codecs: try them before devices use them");
  group.description("Tries codecs, here or on a server, without a device.");
  const tested = group.command("test").argument("[script]", "JavaScript or, as .ts, TypeScript; else the profile's");
  tested
    .summary("run a codec once")
    .description("Runs a codec and shows what it makes of a payload. Works without a server.")
    .option("--bytes <bytes>", "payload in hex or base64")
    .option("--f-port <n>", "port that the payload came on, or goes", integerBetween(1, 255))
    .option("--object <json>", "object to encode as a downlink", jsonObject)
    .addOption(
      new Option("--direction <direction>", "uplink, or with --object downlink, unless given").choices([
        "uplink",
        "downlink",
        "decodeDownlink",
      ]),
    )
    .option("--event <event.json>", "an event of the kind up in place of bytes and port")
    .option("--recv-time <time>", "when it came, RFC 3339")
    .option("--variable <key=value>", "variable of the device, repeatable", keyValue)
    .option("--tag <key=value>", "tag of the device, repeatable", keyValue);
  addPlace(tested)
    .addHelpText(
      "after",
      examplesText([
        "upchirp codec test meter.ts --bytes 01c8 --f-port 1",
        "upchirp codec test meter.js --object '{\"open\":true}' --f-port 10",
        "upchirp codec test --profile meter --bytes 01c8 --f-port 1",
      ]),
    )
    .action((file: string | undefined, values: OptionValues) => runTest(file, values, surroundings));
  const cases = group.command("cases").argument("[script]", "JavaScript or, as .ts, TypeScript; else the profile's");
  cases
    .summary("run all cases of a codec")
    .description("Runs cases and shows which do not come out as they have to; exits with 1 if there are any.")
    .option("--cases <cases.json>", "list of cases; else the profile's");
  addPlace(cases)
    .addHelpText("after", examplesText(["upchirp codec cases meter.ts --cases meter.cases.json"]))
    .action((file: string | undefined, values: OptionValues) => runCases(file, values, surroundings));
  group
    .command("types")
    .summary("print type definitions for editors")
    .description("Prints the types of what codecs are called with.")
    .addHelpText("after", examplesText(["upchirp codec types > codec.d.ts"]))
    .action(() => terminal.write(typeDefinitions()));
}

const addPlace = (command: Command): Command =>
  addApiOptions(
    command
      .option("--profile <profile>", "run it on a server, for this device profile, by name or id")
      .option("--tenant <tenant>", "tenant to look the profile up in"),
  );

import { type Command, Option } from "commander";
import { FrameError } from "../lorawan/errors.ts";
import { explain, parseBytes } from "../lorawan/explain/explain.ts";
import type { DecodeHints, DecodeKeys, Explanation } from "../lorawan/explain/explanation.ts";
import { parseDevEui, parseJoinEui } from "../lorawan/ids.ts";
import { type AesKey, parseAesKey } from "../lorawan/keys.ts";
import { type MacVersion, macVersions } from "../lorawan/version.ts";
import { CommandFailed, UsageError } from "./errors.ts";
import {
  flagOption,
  hexDigits,
  integerBetween,
  numberOption,
  type OptionValues,
  secretHex,
  textOption,
} from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { cellOf, renderFields } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const keyOptions = [
  ["nwk-s-key", "nwkSKey", "LoRaWAN 1.0: network session key"],
  ["app-s-key", "appSKey", "application session key"],
  ["f-nwk-s-int-key", "fNwkSIntKey", "LoRaWAN 1.1"],
  ["s-nwk-s-int-key", "sNwkSIntKey", "LoRaWAN 1.1"],
  ["nwk-s-enc-key", "nwkSEncKey", "LoRaWAN 1.1"],
  ["app-key", "appKey", "root key, for join frames"],
  ["nwk-key", "nwkKey", "LoRaWAN 1.1: root key, for join frames"],
] as const;

const numberOptions = [
  ["f-cnt-high", "fCntHigh", 65_535, "bits 16 to 31 of the counter; else all are tried"],
  ["conf-f-cnt", "confFCnt", 65_535, "LoRaWAN 1.1: counter that this frame acknowledges, modulo 2^16"],
  ["tx-dr", "txDr", 15, "LoRaWAN 1.1: data rate of an uplink; else all are tried"],
  ["tx-ch", "txCh", 255, "LoRaWAN 1.1: channel of an uplink; else all are tried"],
  ["dev-nonce", "devNonce", 65_535, "LoRaWAN 1.1: of the request that a join-accept answers; else all are tried"],
] as const;

function keysOf(values: OptionValues): DecodeKeys {
  const given: Partial<Record<keyof DecodeKeys, AesKey>> = {};
  for (const [, name] of keyOptions) {
    const text = textOption(values, name);
    if (text !== undefined) given[name] = parseAesKey(text);
  }
  return given;
}

const macVersionOf = (text: string | undefined): MacVersion | undefined => macVersions.find(known => known === text);

function hintsOf(values: OptionValues): DecodeHints {
  const macVersion = macVersionOf(textOption(values, "macVersion"));
  const devEui = textOption(values, "devEui");
  const joinEui = textOption(values, "joinEui");
  const numbers: Partial<Record<(typeof numberOptions)[number][1], number>> = {};
  for (const [, name] of numberOptions) {
    const value = numberOption(values, name);
    if (value !== undefined) numbers[name] = value;
  }
  return {
    ...numbers,
    ...(macVersion !== undefined && { macVersion }),
    ...(devEui !== undefined && { devEui: parseDevEui(devEui) }),
    ...(joinEui !== undefined && { joinEui: parseJoinEui(joinEui) }),
  };
}

const commandText = (fields: Readonly<Record<string, unknown>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${cellOf(value)}`)
    .join(", ");

/** For people: one line a field, then what the keys opened. */
function renderExplanation(terminal: Terminal, explanation: Explanation): string {
  const { title, bytes, fields, mic, commands, payload, notes } = explanation;
  const shown: (readonly [string, string])[] = fields.map(({ name, value, note }) => [
    name,
    `${cellOf(value)}${note === undefined ? "" : `  (${note})`}`,
  ]);
  const opened: (readonly [string, string])[] = [
    ["MIC", `${mic.kind}: ${mic.detail}`],
    ...(payload === undefined ? [] : [["Payload", payload.hex] as const]),
    ...(payload?.text === undefined ? [] : [["as text", payload.text] as const]),
  ];
  const described = (commands ?? []).map(({ name, fields: content }) => [name, commandText(content)] as const);
  const hasCommands = commands !== undefined && commands.length > 0;
  return [
    `${title.charAt(0).toUpperCase()}${title.slice(1)}, ${bytes} bytes\n\n`,
    renderFields(terminal, shown),
    `\n${renderFields(terminal, opened)}`,
    hasCommands ? `\nMAC commands:\n${renderFields(terminal, described)}` : "",
    notes.length === 0 ? "" : `\n${notes.join("\n")}\n`,
  ].join("");
}

function run(text: string, values: OptionValues, terminal: Terminal): void {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new UsageError("the frame is neither hex nor base64");
  const explanation = explain(bytes, keysOf(values), hintsOf(values));
  if (explanation instanceof FrameError) {
    const length = bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`;
    throw new CommandFailed("no_frame", `no LoRaWAN frame (${length}): ${explanation.message}`);
  }
  if (flagOption(values, "json")) printJson(terminal, explanation);
  else terminal.write(renderExplanation(terminal, explanation));
}

export function addDecodeCommand(program: Command, terminal: Terminal): void {
  const command = program.command("decode").argument("<frame>", "PHYPayload in hex or base64");
  for (const [flag, , description] of keyOptions) {
    command.option(`--${flag} <key>`, description, secretHex(`--${flag}`, 32));
  }
  for (const [flag, , most, description] of numberOptions) {
    command.option(`--${flag} <n>`, description, integerBetween(0, most));
  }
  command
    .option("--dev-eui <eui>", "LoRaWAN 1.1: of the device that a join-accept is for", hexDigits(16))
    .option("--join-eui <eui>", "LoRaWAN 1.1: of the request that a join-accept answers", hexDigits(16))
    .addOption(new Option("--mac-version <version>", "LoRaWAN version; else told by the keys").choices(macVersions))
    .option("--json", "print JSON")
    .summary("explain a frame field by field")
    .description(
      "Explains a LoRaWAN frame: every field, whether its MIC fits the keys given, the payload in the clear and MAC " +
        "commands. Works without a server; keys stay here.",
    )
    .addHelpText(
      "after",
      examplesText([
        "upchirp decode 40F17DBE4900020001954378762B11FF0D",
        "upchirp decode QPF9vkkAAgABlUN4disR/w0= --nwk-s-key <key> --app-s-key <key>",
      ]),
    )
    .action((text: string, values: OptionValues) => run(text, values, terminal));
}

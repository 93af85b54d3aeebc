import { type Command, InvalidArgumentError } from "commander";
import type { ApiClient, ApiRecord } from "./api-client.ts";
import { addApiOptions, connect } from "./api-options.ts";
import { UsageError } from "./errors.ts";
import {
  duration,
  flagOption,
  integerBetween,
  isObject,
  jsonObject,
  numberOption,
  type OptionValues,
  textOption,
} from "./option-values.ts";
import { examplesText, printJson } from "./resources/commands.ts";
import { deviceIdOf } from "./resources/device.ts";
import { textMember } from "./resources/lookup.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

function hexData(text: string): string {
  const plain = text.replace(/[\s:-]/g, "");
  if (!/^([0-9a-fA-F]{2})*$/.test(plain)) throw new InvalidArgumentError("Hex with two digits a byte is expected.");
  return plain;
}

/** The payload in one of its three forms. Throws UsageError unless exactly one is given. */
function payloadOf(values: OptionValues): ApiRecord {
  const hex = textOption(values, "hex");
  const base64 = textOption(values, "base64");
  const { object } = values;
  if ([hex, base64, object].filter(form => form !== undefined).length !== 1) {
    throw new UsageError("give the payload as exactly one of --hex, --base64 and --object");
  }
  if (isObject(object)) return { object };
  return { data: hex === undefined ? base64 : Buffer.from(hex, "hex").toString("base64") };
}

function downlinkOf(values: OptionValues, nowMs: number): ApiRecord {
  const fPort = numberOption(values, "port");
  if (fPort === undefined) throw new UsageError("--port is missing: the FPort that the device listens to, 1 to 223");
  const id = textOption(values, "id");
  const expiresInMs = numberOption(values, "expiresIn");
  return {
    ...(id !== undefined && { id }),
    fPort,
    confirmed: flagOption(values, "confirmed"),
    ...payloadOf(values),
    ...(expiresInMs !== undefined && { expiresAt: new Date(nowMs + expiresInMs).toISOString() }),
  };
}

const hexOf = (base64: string): string => Buffer.from(base64, "base64").toString("hex");

async function list(client: ApiClient, path: string, values: OptionValues, terminal: Terminal): Promise<void> {
  const { items } = await client.list(path, undefined, Number.MAX_SAFE_INTEGER);
  if (flagOption(values, "json")) return printJson(terminal, items);
  if (items.length === 0) return terminal.write("Nothing waits.\n");
  const rows = items.map(item => [
    textMember(item, "id"),
    textMember(item, "fPort"),
    hexOf(textMember(item, "data")),
    textMember(item, "confirmed"),
    textMember(item, "enqueuedAt"),
    textMember(item, "expiresAt"),
    item.sent === null ? "waiting" : "sent, not yet confirmed",
  ]);
  terminal.write(renderTable(terminal, ["Id", "Port", "Hex", "Confirmed", "Queued", "Expires", "State"], rows));
}

async function run(text: string, values: OptionValues, terminal: Terminal): Promise<void> {
  const deleted = textOption(values, "delete");
  const isChosen = [flagOption(values, "list"), flagOption(values, "flush"), deleted !== undefined];
  if (isChosen.filter(Boolean).length > 1) throw new UsageError("give one of --list, --flush and --delete");
  const body = isChosen.includes(true) ? undefined : downlinkOf(values, terminal.clock.nowMs());
  const client = connect(values, terminal);
  const devEui = await deviceIdOf(client, text, values);
  const path = `/devices/${devEui}/queue`;
  if (flagOption(values, "list")) return list(client, path, values, terminal);
  if (deleted !== undefined) {
    await client.call("DELETE", `${path}/${encodeURIComponent(deleted)}`);
    return terminal.write(`Deleted ${deleted}.\n`);
  }
  const answer = await client.record(body === undefined ? "DELETE" : "POST", path, { body });
  if (flagOption(values, "json")) return printJson(terminal, answer);
  terminal.write(
    body === undefined
      ? `Deleted ${textMember(answer, "removed")} from the queue of ${devEui}.\n`
      : `Queued ${textMember(answer, "id")} for ${devEui}; it leaves when the device next listens.\n`,
  );
}

export function addQueueCommand(program: Command, terminal: Terminal): void {
  const command = program.command("queue").argument("<device>", "DevEUI or name");
  command
    .option("--port <n>", "FPort, 1 to 223 (224 for certification)", integerBetween(1, 224))
    .option("--hex <bytes>", "payload in hex", hexData)
    .option("--base64 <bytes>", "payload in base64")
    .option("--object <json>", "payload for the device's codec, a JSON object", jsonObject)
    .option("--confirmed", "ask the device to acknowledge it")
    .option("--expires-in <duration>", "forget it after this time, like 90s, 15m, 1h or 7d", duration)
    .option("--id <id>", "name of the item; else one is made up")
    .option("--list", "list what waits instead")
    .option("--flush", "delete all that waits instead")
    .option("--delete <id>", "delete this item instead")
    .option("--tenant <tenant>", "tenant to look a name up in");
  addApiOptions(command)
    .summary("send something to a device")
    .description("Queues a downlink for a device; or lists or deletes what waits.")
    .addHelpText(
      "after",
      examplesText([
        "upchirp queue 70b3d57ed0001234 --port 10 --hex 0102",
        `upchirp queue north-wall --port 10 --object '{"relay": true}' --confirmed --expires-in 1h`,
        "upchirp queue north-wall --list",
      ]),
    )
    .action((text: string, values: OptionValues) => run(text, values, terminal));
}

import type { Command } from "commander";
import type { ApiClient, ApiRecord } from "../api-client.ts";
import { addApiOptions, connect } from "../api-options.ts";
import { UsageError } from "../errors.ts";
import {
  flagOption,
  hexDigits,
  integerBetween,
  isObject,
  type OptionValues,
  secretHex,
  textOption,
} from "../option-values.ts";
import { cellOf, renderFields, renderTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { applicationNames } from "./application.ts";
import { addFieldOptions, bodyOf } from "./body.ts";
import { addResource, examplesText, fieldsOf, printJson } from "./commands.ts";
import { describingFields, flagField, macField, nameField } from "./common-fields.ts";
import { resolveId, tenantQuery, textMember } from "./lookup.ts";
import { profileNames } from "./profile.ts";
import { eui64Of, type Field, type Named, type Resource } from "./resource.ts";

export const deviceNames: Named = {
  noun: "device",
  path: "/devices",
  idMember: "devEui",
  nameMember: "name",
  idOf: eui64Of,
  hasSearch: true,
};

const keyField = (name: string, path: string, description: string): Field => ({
  flags: `--${name} <key>`,
  description,
  path,
  parse: secretHex(`--${name}`, 32),
  only: "create",
});

const counterField = (name: string, path: string, description: string): Field => ({
  flags: `--${name} <n>`,
  description,
  path,
  parse: integerBetween(0, 4_294_967_294),
  only: "create",
});

const rootKeyFields = (prefix: string): readonly Field[] => [
  keyField("app-key", `${prefix}appKey`, "root key of the label, 32 hex digits"),
  keyField("nwk-key", `${prefix}nwkKey`, "LoRaWAN 1.1: the second root key"),
];

const sessionFields = (prefix: string): readonly Field[] => [
  {
    flags: "--dev-addr <address>",
    description: "ABP: address, 8 hex digits",
    path: `${prefix}devAddr`,
    parse: hexDigits(8),
    only: "create",
  },
  keyField("nwk-s-key", `${prefix}nwkSKey`, "ABP: network session key"),
  keyField("app-s-key", `${prefix}appSKey`, "ABP: application session key"),
  keyField("f-nwk-s-int-key", `${prefix}fNwkSIntKey`, "ABP of LoRaWAN 1.1"),
  keyField("s-nwk-s-int-key", `${prefix}sNwkSIntKey`, "ABP of LoRaWAN 1.1"),
  keyField("nwk-s-enc-key", `${prefix}nwkSEncKey`, "ABP of LoRaWAN 1.1"),
  counterField("f-cnt-up", `${prefix}fCntUp`, "ABP: next uplink counter; else 0"),
  counterField("f-cnt-down", `${prefix}nFCntDown`, "ABP: next downlink counter; else 0"),
  counterField("a-f-cnt-down", `${prefix}aFCntDown`, "ABP of LoRaWAN 1.1: next application downlink counter; else 0"),
];

const rejoinField = (flags: string, path: string, most: number, description: string): Field => ({
  flags,
  description,
  path,
  parse: integerBetween(0, most),
});

const rejoinFields: readonly Field[] = [
  rejoinField(
    "--type <n>",
    "rejoinType",
    2,
    "0 or 1: new session and radio parameters; 2: new keys and address; else 0",
  ),
  rejoinField("--period <n>", "period", 7, "the device repeats its request after 32 x 2^n seconds or more; else 0"),
  rejoinField("--retries <n>", "maxRetries", 7, "how often the device repeats its request; else 3"),
  rejoinField("--data-rate <n>", "dataRate", 15, "data rate of the request; else the one in use"),
];

const fields: readonly Field[] = [
  {
    flags: "--dev-eui <eui>",
    description: "EUI of the device, 16 hex digits",
    path: "devEui",
    parse: hexDigits(16),
    only: "create",
  },
  { flags: "--join-eui <eui>", description: "JoinEUI, also called AppEUI", path: "joinEui", parse: hexDigits(16) },
  {
    flags: "--application <application>",
    description: "name or id",
    path: "applicationId",
    reference: applicationNames,
    isRequired: true,
  },
  {
    flags: "--profile <profile>",
    description: "name or id of the device profile",
    path: "deviceProfileId",
    reference: profileNames,
  },
  { ...nameField, isRequired: false },
  {
    flags: "--qr <text>",
    description: "what the QR code on the device says, LW:D0:...: DevEUI, JoinEUI and, where it is known, the profile",
    path: "qr",
    only: "create",
  },
  ...describingFields,
  {
    flags: "--variable <key=value>",
    description: "for the codec; replaces all variables",
    path: "variables",
    isMap: true,
  },
  flagField("disabled", "isDisabled", "what it sends is refused"),
  flagField("resets-f-cnt", "resetsFCnt", "ABP: the counter may start again at 0; less secure"),
  macField('radio parameters in place of the profile\'s, like {"rx1DelaySeconds":5}'),
  ...rootKeyFields("keys."),
  ...sessionFields("activation."),
];

/** Applications and profiles by name, as far as one look at each list tells. */
async function withNames(client: ApiClient, items: readonly ApiRecord[]): Promise<readonly ApiRecord[]> {
  if (items.length === 0) return items;
  const lists = await Promise.all([applicationNames, profileNames].map(({ path }) => client.list(path, {}, 1000)));
  const nameOf = new Map(
    lists.flatMap(({ items: named }) => named.map(record => [textMember(record, "id"), textMember(record, "name")])),
  );
  const named = (record: ApiRecord, member: string) => nameOf.get(textMember(record, member)) ?? record[member];
  return items.map(record => ({
    ...record,
    application: named(record, "applicationId"),
    profile: named(record, "deviceProfileId"),
  }));
}

async function detailsOf(client: ApiClient, record: ApiRecord): Promise<Readonly<Record<string, unknown>>> {
  const path = `/devices/${textMember(record, "devEui")}`;
  const [keys, session, queue] = await Promise.all([
    client.find(`${path}/keys`),
    client.find(`${path}/activation`),
    client.find(`${path}/queue`),
  ]);
  return { "root keys": keys?.set === true ? "set" : "not set", session: session ?? null, queue: queue?.items ?? [] };
}

/** With what the device's QR code says, if it was given; what the options say goes before it. */
async function withLabel(client: ApiClient, { qr, ...body }: ApiRecord): Promise<ApiRecord> {
  const draft =
    qr === undefined
      ? {}
      : await client.record("POST", "/devices/qr", { body: { applicationId: body.applicationId, text: qr } });
  const known = isObject(draft.device) ? draft.device : {};
  const whole: ApiRecord = { ...known, ...body };
  const missing = [
    ["devEui", "--dev-eui <eui>"],
    ["deviceProfileId", "--profile <profile>"],
    ["name", "--name <name>"],
  ].find(([member = ""]) => whole[member] === undefined);
  if (missing !== undefined) throw new UsageError(missingText(missing[1] ?? "", draft));
  return whole;
}

function missingText(flags: string, { deviceProfiles }: ApiRecord): string {
  const names = Array.isArray(deviceProfiles) ? deviceProfiles.filter(isObject).map(({ name }) => cellOf(name)) : [];
  const choice = flags.startsWith("--profile") && names.length > 0 ? `; the label fits ${names.join(", ")}` : "";
  return `required option '${flags}' not specified${choice}`;
}

const device: Resource = {
  ...deviceNames,
  command: "device",
  summary: "devices",
  columns: [
    ["DevEUI", "devEui"],
    ["Name", "name"],
    ["Application", "application"],
    ["Profile", "profile"],
    ["LoRaWAN", "macVersion"],
    ["Disabled", "isDisabled"],
  ],
  fields,
  tenant: "filter",
  filters: [{ flags: "--application <application>", query: "applicationId", reference: applicationNames }],
  hasUpdate: true,
  examples: {
    create: [
      "upchirp device create --application greenhouse --profile thermometer --name north-wall \\\n" +
        "    --dev-eui 70b3d57ed0001234 --app-key 000102030405060708090a0b0c0d0e0f",
    ],
    update: ["upchirp device update north-wall --profile thermometer-2"],
  },
  decorate: withNames,
  details: detailsOf,
  complete: async (body, { client }, action) => (action === "create" ? withLabel(client, body) : body),
};

interface DeviceAction {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly method: "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly fields: readonly Field[];
  /** What is sent where no option says otherwise. */
  readonly defaults?: ApiRecord;
  /** Where the server makes up with `--generate` what the options leave out. */
  readonly generator?: string;
  readonly done: string;
  readonly example: string;
}

const actions: readonly DeviceAction[] = [
  {
    name: "set-keys",
    summary: "set the root keys",
    description: "Sets the root keys that a device joins with, in place of earlier ones.",
    method: "PUT",
    path: "keys",
    fields: rootKeyFields(""),
    generator: "generate-keys",
    done: "Set the root keys of",
    example: "upchirp device set-keys north-wall --app-key 000102030405060708090a0b0c0d0e0f",
  },
  {
    name: "activate",
    summary: "start a session (ABP)",
    description: "Starts a session with the address and keys given, ending any other.",
    method: "PUT",
    path: "activation",
    fields: sessionFields(""),
    generator: "generate-activation",
    done: "Started a session of",
    example: "upchirp device activate north-wall --dev-addr 01020304 --nwk-s-key <key> --app-s-key <key>",
  },
  {
    name: "deactivate",
    summary: "end the session",
    description: "Ends the session; a device that joins must join again.",
    method: "DELETE",
    path: "activation",
    fields: [],
    done: "Ended the session of",
    example: "upchirp device deactivate north-wall",
  },
  {
    name: "force-rejoin",
    summary: "tell a device to rejoin (LoRaWAN 1.1)",
    description:
      "Tells a device of LoRaWAN 1.1 to rejoin, with its next downlinks until it obeys, a few times at most.",
    method: "POST",
    path: "force-rejoin",
    fields: rejoinFields,
    defaults: { rejoinType: 0 },
    done: "Will tell to rejoin:",
    example: "upchirp device force-rejoin north-wall --type 2",
  },
  {
    name: "forget-nonces",
    summary: "let a device with a reset nonce counter join",
    description: "Forgets used DevNonces. Until its next join, an old join request could be replayed.",
    method: "DELETE",
    path: "nonces",
    fields: [],
    done: "Forgot the DevNonces of",
    example: "upchirp device forget-nonces north-wall",
  },
];

export const deviceIdOf = async (client: ApiClient, text: string, values: OptionValues): Promise<string> =>
  resolveId(client, deviceNames, text, await tenantQuery(client, textOption(values, "tenant")));

/** What the server makes up for the device and no option has given. */
async function madeUp(
  client: ApiClient,
  devEui: string,
  { generator }: DeviceAction,
  given: ApiRecord,
): Promise<ApiRecord> {
  const { macVersion } = await client.record("GET", `/devices/${devEui}`);
  const made = await client.record("POST", `/devices/${generator}`, { body: { macVersion } });
  return Object.fromEntries(Object.entries(made).filter(([name]) => given[name] === undefined));
}

function addAction(group: Command, action: DeviceAction, terminal: Terminal): void {
  const command = group.command(action.name).argument("<device>", "name or DevEUI");
  addFieldOptions(command, action.fields, "create").option("--tenant <tenant>", "tenant to look a name up in");
  if (action.generator !== undefined)
    command.option("--generate", "let the server make up what is not given, and show it once");
  addApiOptions(command)
    .summary(action.summary)
    .description(action.description)
    .addHelpText("after", examplesText([action.example]))
    .action(async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const devEui = await deviceIdOf(client, text, values);
      const given = await bodyOf(action.fields, values, client, undefined);
      const made = flagOption(values, "generate") ? await madeUp(client, devEui, action, given) : {};
      const body = { ...action.defaults, ...made, ...given };
      const request = action.method === "DELETE" ? {} : { body };
      await client.call(action.method, `/devices/${devEui}/${action.path}`, request);
      terminal.write(`${action.done} device ${devEui}.\n`);
      if (Object.keys(made).length === 0) return;
      terminal.write(renderFields(terminal, fieldsOf(made)));
      terminal.write("Keep it now: it is not shown again.\n");
    });
}

function addUnknown(group: Command, terminal: Terminal): void {
  addApiOptions(group.command("unknown"))
    .summary("list devices that ask to join and are not here")
    .description("Lists devices whose Join-Requests are heard and that nobody has; `device create` lets them in.")
    .addHelpText("after", examplesText(["upchirp device unknown"]))
    .action(async (values: OptionValues) => {
      const { items } = await connect(values, terminal).list("/devices/unknown", undefined, mostUnknown);
      if (flagOption(values, "json")) return printJson(terminal, items);
      if (items.length === 0) return terminal.write("No unknown device has asked to join in the last seven days.\n");
      const members = ["devEui", "joinEui", "requests", "lastHeardAt", "gatewayIds"];
      const rows = items.map(item => members.map(name => textMember(item, name)));
      terminal.write(renderTable(terminal, ["DevEUI", "JoinEUI", "Requests", "Last heard", "By"], rows));
    });
}

const mostUnknown = 200;

export function addDeviceCommands(program: Command, terminal: Terminal): void {
  const group = addResource(program, device, terminal);
  for (const action of actions) addAction(group, action, terminal);
  addUnknown(group, terminal);
}

import type { Command } from "commander";
import { regionNames } from "../../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../../lorawan/version.ts";
import { jsonContent, scriptKindOf } from "../codec-files.ts";
import { integerBetween, textOption } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { addResource } from "./commands.ts";
import { describingFields, flagField, macField, nameField } from "./common-fields.ts";
import { type Field, type Named, type Resource, uuidOf } from "./resource.ts";

export const profileNames: Named = {
  noun: "device profile",
  path: "/device-profiles",
  idMember: "id",
  nameMember: "name",
  idOf: uuidOf,
};

const count = (name: string, path: string, least: number, most: number, description: string): Field => ({
  flags: `--${name} <n>`,
  description,
  path,
  parse: integerBetween(least, most),
});

const countOrNone = (name: string, path: string, most: number, description: string): Field => ({
  flags: `--${name} <n>`,
  description: `${description}; or none`,
  path,
  parse: text => (text === "none" ? text : integerBetween(0, most)(text)),
  nullWord: "none",
});

const manySeconds = 2_147_483_647;

const fields: readonly Field[] = [
  nameField,
  {
    flags: "--region <region>",
    description: "radio plan",
    path: "region",
    choices: regionNames,
    isRequired: true,
  },
  ...describingFields,
  {
    flags: "--region-config <id>",
    description: "which configuration of the region; or none",
    path: "regionConfigId",
    nullWord: "none",
  },
  { flags: "--mac-version <version>", description: "LoRaWAN version", path: "macVersion", choices: macVersions },
  {
    flags: "--regional-parameters <revision>",
    description: "revision of the regional parameters",
    path: "regionalParameters",
    choices: regionalParametersRevisions,
  },
  {
    flags: "--codec <kind>",
    description: "how payloads become JSON",
    path: "codec",
    choices: ["none", "cayenne-lpp", "javascript", "typescript"],
  },
  {
    flags: "--codec-file <script.js>",
    description: "script of The Things Stack or ChirpStack; implies --codec javascript, or typescript for a .ts file",
    path: "codecScript",
    isFile: true,
  },
  {
    flags: "--codec-cases <cases.json>",
    description: "what the codec has to make of what; tried before a change of the codec is stored",
    path: "codecCases",
    isFile: true,
    parseFile: jsonContent,
  },
  flagField("otaa", "supportsOtaa", "devices join by themselves (yes unless said otherwise)"),
  flagField("class-b", "supportsClassB", "devices support class B"),
  flagField("class-c", "supportsClassC", "devices support class C"),
  count("class-b-timeout", "classBTimeoutSeconds", 1, manySeconds, "seconds to wait for an answer in class B"),
  count("class-c-timeout", "classCTimeoutSeconds", 1, manySeconds, "seconds to wait for an answer in class C"),
  countOrNone(
    "class-b-ping-slot-periodicity",
    "classBPingSlotPeriodicity",
    7,
    "class B: a ping slot every 0.96 s times 2^n until a device says otherwise",
  ),
  countOrNone("class-b-ping-slot-data-rate", "classBPingSlotDataRate", 15, "class B: data rate of ping slots"),
  countOrNone(
    "class-b-ping-slot-frequency",
    "classBPingSlotFrequencyHz",
    2_600_000_000,
    "class B: frequency of ping slots in Hz",
  ),
  {
    flags: "--adr <algorithm>",
    description: "adaptive data rate",
    path: "adrAlgorithm",
    choices: ["default", "script", "none"],
  },
  {
    flags: "--adr-file <script.js>",
    description: "an ADR algorithm of your own; implies --adr script",
    path: "adrScript",
    isFile: true,
  },
  countOrNone("adr-min-data-rate", "adrMinDataRate", 15, "slowest data rate that ADR asks for"),
  countOrNone("adr-max-data-rate", "adrMaxDataRate", 15, "fastest data rate that ADR asks for"),
  macField('radio parameters in place of the region configuration\'s, like {"rx1DelaySeconds":5}'),
  count("uplink-interval", "expectedUplinkIntervalSeconds", 1, manySeconds, "seconds between uplinks, as expected"),
  count(
    "status-interval",
    "deviceStatusIntervalSeconds",
    0,
    manySeconds,
    "seconds between status requests; 0 is never",
  ),
  flagField("flush-queue-on-join", "flushQueueOnActivate", "a join empties the queue"),
  count("confirmed-retries", "confirmedDownlinkRetries", 0, 15, "how often a confirmed downlink is repeated"),
  count("abp-rx1-delay", "abpRx1DelaySeconds", 1, 15, "ABP: seconds to RX1"),
  count("abp-rx1-dr-offset", "abpRx1DrOffset", 0, 7, "ABP: RX1 data rate offset"),
  count("abp-rx2-data-rate", "abpRx2DataRate", 0, 15, "ABP: RX2 data rate"),
  count("abp-rx2-frequency", "abpRx2FrequencyHz", 1_000_000, 2_000_000_000, "ABP: RX2 frequency in Hz"),
];

const profile: Resource = {
  ...profileNames,
  command: "profile",
  summary: "device profiles: what kind of device it is",
  columns: [
    ["Name", "name"],
    ["Region", "region"],
    ["LoRaWAN", "macVersion"],
    ["Codec", "codec"],
    ["Id", "id"],
  ],
  fields,
  tenant: "owner",
  hasUpdate: true,
  examples: {
    create: [
      "upchirp profile create --name thermometer --region EU868 --codec cayenne-lpp",
      "upchirp profile create --name meter --region US915 --mac-version 1.0.3 --codec-file meter.js",
    ],
    update: ["upchirp profile update meter --codec-file meter.js", "upchirp profile update meter --adr-file adr.js"],
  },
  force: "store a codec although it does not load or does not pass its cases",
  complete: async (body, { values }) => ({
    ...(body.codecScript !== undefined && { codec: scriptKindOf(textOption(values, "codecFile") ?? "") }),
    ...(body.adrScript !== undefined && { adrAlgorithm: "script" }),
    ...body,
  }),
};

export const addProfileCommands = (program: Command, terminal: Terminal): Command =>
  addResource(program, profile, terminal);

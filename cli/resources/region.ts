import type { Command } from "commander";
import { regionNames } from "../../lorawan/region/region.ts";
import type { ApiClient, ApiRecord } from "../api-client.ts";
import { jsonContent } from "../codec-files.ts";
import { jsonObject } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { addResource } from "./commands.ts";
import { flagField } from "./common-fields.ts";
import { textMember } from "./lookup.ts";
import type { Resource } from "./resource.ts";

const region: Resource = {
  noun: "region configuration",
  path: "/region-configs",
  hasOneOrder: true,
  idMember: "id",
  nameMember: "id",
  idOf: text => text,
  command: "region",
  summary: "configurations of regions: channels and windows that devices are told",
  columns: [
    ["Id", "id"],
    ["Region", "region"],
    ["Default", "isDefault"],
    ["Where", "source"],
    ["Description", "description"],
  ],
  fields: [
    {
      flags: "--id <id>",
      description: "name that profiles, gateways and events use",
      path: "id",
      isRequired: true,
      only: "create",
    },
    {
      flags: "--region <region>",
      description: "radio plan",
      path: "region",
      choices: regionNames,
      isRequired: true,
      only: "create",
    },
    { flags: "--description <text>", description: "what it is for", path: "description" },
    flagField("default", "isDefault", "it counts where neither profile nor gateway names one"),
    {
      flags: "--settings <json>",
      description: 'what differs from what the region has, like {"rx1DelaySeconds":5}; replaces all of it',
      path: "settings",
      parse: jsonObject,
    },
    {
      flags: "--settings-file <file>",
      description: "the same as a file",
      path: "settings",
      isFile: true,
      parseFile: jsonContent,
    },
  ],
  tenant: "none",
  hasUpdate: true,
  examples: {
    create: [
      "upchirp region create --id us915-2 --region US915 --settings '{\"subBand\":2}'",
      "upchirp region create --id eu868-harbour --region EU868 --settings-file harbour.json",
    ],
    update: ["upchirp region update eu868-harbour --settings '{\"rx1DelaySeconds\":5}'"],
  },
  details: usesOf,
};

/** Who names it, for those who may know: they are of all tenants. */
async function usesOf(client: ApiClient, record: ApiRecord): Promise<Readonly<Record<string, unknown>>> {
  const uses = await client
    .find(`/region-configs/${encodeURIComponent(textMember(record, "id"))}/uses`)
    .catch(() => undefined);
  return uses === undefined ? {} : { "device profiles": uses.deviceProfiles, gateways: uses.gateways };
}

export const addRegionCommands = (program: Command, terminal: Terminal): Command =>
  addResource(program, region, terminal);

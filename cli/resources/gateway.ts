import { type Command, InvalidArgumentError } from "commander";
import type { ApiClient, ApiRecord } from "../api-client.ts";
import { addApiOptions, connect } from "../api-options.ts";
import { decimal, flagOption, hexDigits, integerBetween, type OptionValues, textOption } from "../option-values.ts";
import { renderTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { addResource, examplesText, printJson } from "./commands.ts";
import { describingFields, flagField, nameField } from "./common-fields.ts";
import { resolveId, tenantQuery, textMember } from "./lookup.ts";
import { eui64Of, type Named, type Resource } from "./resource.ts";

const gatewayNames: Named = {
  noun: "gateway",
  path: "/gateways",
  idMember: "gatewayId",
  nameMember: "name",
  idOf: eui64Of,
};

/** `54.35,18.65` or `54.35,18.65,40`, in degrees and metres; `none` takes a location away. */
function locationOf(text: string): ApiRecord | "none" {
  if (text === "none") return text;
  const [latitude = "", longitude = "", altitude = "0", ...more] = text.split(",");
  if (more.length > 0) throw new InvalidArgumentError("latitude,longitude[,altitude] is expected.");
  return { latitude: decimal(latitude), longitude: decimal(longitude), altitude: decimal(altitude) };
}

const sourceRuleOf = (text: string): ApiRecord =>
  text === "any" || text === "pin" ? { kind: text } : { kind: "networks", cidrs: text.split(",") };

const statusesAtOnce = 10;
/** Past these a list says nothing of who is there, rather than ask for each. */
const mostStatuses = 200;

/** Whether each gateway is there; some are asked for at a time. */
async function withStatus(client: ApiClient, items: readonly ApiRecord[]): Promise<readonly ApiRecord[]> {
  if (items.length > mostStatuses) return items;
  const shown: ApiRecord[] = [];
  for (let start = 0; start < items.length; start += statusesAtOnce) {
    const statuses = items.slice(start, start + statusesAtOnce).map(async item => {
      const status = await client.find(`/gateways/${textMember(item, "gatewayId")}/status`);
      return { ...item, state: status?.state, lastSeenAt: status?.lastSeenAt };
    });
    shown.push(...(await Promise.all(statuses)));
  }
  return shown;
}

const gateway: Resource = {
  ...gatewayNames,
  command: "gateway",
  summary: "gateways: which radios may speak to this server",
  columns: [
    ["Gateway", "gatewayId"],
    ["Name", "name"],
    ["State", "state"],
    ["Last seen", "lastSeenAt"],
    ["Disabled", "isDisabled"],
  ],
  fields: [
    {
      flags: "--id <eui>",
      description: "EUI of the gateway, 16 hex digits",
      path: "gatewayId",
      parse: hexDigits(16),
      isRequired: true,
      only: "create",
    },
    nameField,
    ...describingFields,
    flagField("disabled", "isDisabled", "what it sends is refused"),
    {
      flags: "--location <lat,lon[,metres]>",
      description: "where it stands, in degrees; or none",
      path: "location",
      parse: locationOf,
      nullWord: "none",
    },
    {
      flags: "--region-config <id>",
      description: "configuration of the region that its channels are set up for; or none",
      path: "regionConfigId",
      nullWord: "none",
    },
    { flags: "--antenna-gain <db>", description: "antenna gain in dB", path: "antennaGainDb", parse: decimal },
    {
      flags: "--source <rule>",
      description:
        "addresses that it may send from: any, pin (the first heard), or networks like 10.0.0.0/8,2001:db8::/32",
      path: "sourceRule",
      parse: sourceRuleOf,
    },
    {
      flags: "--rate-limit <n>",
      description: "most datagrams a second",
      path: "rateLimit",
      parse: integerBetween(1, 1_000_000),
    },
  ],
  tenant: "owner",
  hasUpdate: true,
  examples: {
    create: ["upchirp gateway create --id 0016c001f1500812 --name roof"],
    update: ["upchirp gateway update roof --location 54.3520,18.6466,40"],
  },
  decorate: withStatus,
  details: async (client, record) => ({
    status: (await client.find(`/gateways/${textMember(record, "gatewayId")}/status`)) ?? null,
  }),
};

function addUnknown(group: Command, terminal: Terminal): void {
  addApiOptions(group.command("unknown"))
    .summary("list gateways that are heard and refused")
    .description("Lists gateways that speak to this server and are not registered; `gateway create` lets them in.")
    .action(async (values: OptionValues) => {
      const { items } = await connect(values, terminal).list("/gateways/unknown", undefined, Number.MAX_SAFE_INTEGER);
      if (flagOption(values, "json")) return printJson(terminal, items);
      if (items.length === 0) {
        terminal.write("No unknown gateway has been heard; does its packet forwarder point at this machine?\n");
        return;
      }
      const members = ["gatewayId", "remoteAddress", "firstSeenAt", "lastSeenAt"];
      const rows = items.map(item => members.map(name => textMember(item, name)));
      terminal.write(renderTable(terminal, ["Gateway", "Address", "First seen", "Last seen"], rows));
    });
}

function addReleaseAddress(group: Command, terminal: Terminal): void {
  const command = group.command("release-address").argument("<gateway>", "name or EUI");
  addApiOptions(command.option("--tenant <tenant>", "tenant to look a name up in"))
    .summary("let a pinned gateway come from a new address")
    .description("Forgets the address that a gateway with the source rule `pin` is held to; the next one is taken.")
    .addHelpText("after", examplesText(["upchirp gateway release-address roof"]))
    .action(async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const id = await resolveId(client, gatewayNames, text, await tenantQuery(client, textOption(values, "tenant")));
      await client.call("POST", `/gateways/${id}/release-address`);
      terminal.write(`Released the address of gateway ${id}.\n`);
    });
}

export function addGatewayCommands(program: Command, terminal: Terminal): void {
  const group = addResource(program, gateway, terminal);
  addUnknown(group, terminal);
  addReleaseAddress(group, terminal);
}

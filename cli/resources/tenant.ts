import type { Command } from "commander";
import type { ApiRecord } from "../api-client.ts";
import { addApiOptions, connect } from "../api-options.ts";
import {
  collected,
  flagOption,
  integerBetween,
  isObject,
  listOption,
  type OptionValues,
  textOption,
} from "../option-values.ts";
import { cellOf, renderTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { applicationIdsOf } from "./application.ts";
import { addFieldOptions, bodyOf } from "./body.ts";
import { addResource, examplesText, printJson } from "./commands.ts";
import { describingFields, nameField } from "./common-fields.ts";
import { resolveId, tenantNames, textMember } from "./lookup.ts";
import type { Field, Resource } from "./resource.ts";
import { userNames } from "./user.ts";

const tenant: Resource = {
  ...tenantNames,
  command: "tenant",
  summary: "tenants: who owns gateways, applications and devices",
  columns: [
    ["Name", "name"],
    ["Description", "description"],
    ["Id", "id"],
  ],
  fields: [nameField, ...describingFields],
  tenant: "none",
  hasUpdate: true,
  examples: {
    create: ['upchirp tenant create --name "City of Gdansk"'],
    update: ['upchirp tenant update Default --name "Our company"'],
  },
};

export const tenantRoleNames: readonly string[] = ["admin", "device-manager", "gateway-manager", "viewer"];

const limitField = (name: string, path: string, description: string): Field => ({
  flags: `--${name} <n>`,
  description: `${description}; or none for no limit`,
  path,
  parse: text => (text === "none" ? text : integerBetween(0, 2_147_483_647)(text)),
  nullWord: "none",
});

const limitFields: readonly Field[] = [
  limitField("max-devices", "maxDevices", "most devices"),
  limitField("max-gateways", "maxGateways", "most gateways; with 0 it may have none"),
  limitField("max-applications", "maxApplications", "most applications"),
  limitField("max-integrations", "maxIntegrations", "most integrations"),
  limitField("requests-per-minute", "requestsPerMinute", "of all API keys and tokens together"),
];

function addLimits(group: Command, terminal: Terminal): void {
  const command = group.command("limits").argument("<tenant>", "name or id");
  addApiOptions(addFieldOptions(command, limitFields, "update"))
    .summary("show or change what a tenant may have at most")
    .description("Shows what a tenant has and may have at most, after changing what is given.")
    .addHelpText("after", examplesText(["upchirp tenant limits Default --max-devices 1000 --max-gateways 0"]))
    .action(async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const path = `/tenants/${await resolveId(client, tenantNames, text)}/limits`;
      const body = await bodyOf(limitFields, values, client, undefined);
      const isChange = Object.keys(body).length > 0;
      const { limits, use } = await client.record(isChange ? "PATCH" : "GET", path, isChange ? { body } : {});
      if (flagOption(values, "json")) return printJson(terminal, { limits, use });
      const [most, present] = [limits, use].map(value => (isObject(value) ? value : {}));
      const rows = ["devices", "gateways", "applications", "integrations"].map(name => [
        name,
        cellOf(present?.[name]),
        cellOf(most?.[`max${name.charAt(0).toUpperCase()}${name.slice(1)}`] ?? "no limit"),
      ]);
      const rate = ["requests a minute", "", cellOf(most?.requestsPerMinute ?? "no limit")];
      terminal.write(renderTable(terminal, ["What", "There are", "At most"], [...rows, rate]));
    });
}

export function addTenantCommands(program: Command, terminal: Terminal): void {
  const group = addResource(program, tenant, terminal);
  addLimits(group, terminal);

  addApiOptions(group.command("users").argument("<tenant>", "name or id"))
    .summary("list who may do what in a tenant")
    .description("Lists the users of a tenant and their roles.")
    .action(async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const path = `/tenants/${await resolveId(client, tenantNames, text)}/users`;
      const { items } = await client.list(path, undefined, Number.MAX_SAFE_INTEGER);
      if (flagOption(values, "json")) return printJson(terminal, items);
      const reachOf = ({ applicationIds }: ApiRecord) =>
        Array.isArray(applicationIds) ? `${applicationIds.length} applications` : "everything";
      const rows = items.map(member => [textMember(member, "email"), textMember(member, "role"), reachOf(member)]);
      terminal.write(renderTable(terminal, ["User", "Role", "Reaches"], rows));
    });

  const add = group.command("add-user").argument("<tenant>", "name or id").argument("<user>", "email or id");
  add
    .requiredOption("--role <role>", tenantRoleNames.join(", "))
    .option("--application <application>", "only in this one, by name or id; repeatable", collected);
  addApiOptions(add)
    .summary("give a user a role in a tenant")
    .description("Gives a user a role in a tenant; an earlier role there is replaced.")
    .addHelpText(
      "after",
      examplesText([
        "upchirp tenant add-user Default ada@example.com --role viewer",
        "upchirp tenant add-user Default ada@example.com --role device-manager --application water",
      ]),
    )
    .action(async (text: string, user: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const id = await resolveId(client, tenantNames, text);
      const userId = await resolveId(client, userNames, user);
      const role = textOption(values, "role");
      const limit = await applicationIdsOf(client, id, listOption(values, "application"));
      await client.call("PUT", `/tenants/${id}/users/${userId}`, { body: { role, ...limit } });
      terminal.write(`${user} is ${role} in ${text}.\n`);
    });

  const remove = group.command("remove-user").argument("<tenant>", "name or id").argument("<user>", "email or id");
  addApiOptions(remove)
    .summary("take a user out of a tenant")
    .description("Takes a user out of a tenant; the user stays.")
    .action(async (text: string, user: string, values: OptionValues) => {
      const client = connect(values, terminal);
      const id = await resolveId(client, tenantNames, text);
      await client.call("DELETE", `/tenants/${id}/users/${await resolveId(client, userNames, user)}`);
      terminal.write(`${user} is no longer in ${text}.\n`);
    });
}

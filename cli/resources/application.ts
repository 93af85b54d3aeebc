import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import { addApiOptions, connect } from "../api-options.ts";
import { flagOption, type OptionValues, textOption } from "../option-values.ts";
import { renderFields, renderTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { addResource, examplesText, fieldsOf, printJson } from "./commands.ts";
import { describingFields, nameField } from "./common-fields.ts";
import { resolveId, tenantQuery, textMember } from "./lookup.ts";
import { type Named, type Resource, uuidOf } from "./resource.ts";
import { passwordFromInput } from "./user.ts";

export const applicationNames: Named = {
  noun: "application",
  path: "/applications",
  idMember: "id",
  nameMember: "name",
  idOf: uuidOf,
};

/** For a grant that is limited to these, given by name or id; nothing when none is given. */
export async function applicationIdsOf(
  client: ApiClient,
  tenantId: string,
  given: readonly string[],
): Promise<{ applicationIds?: readonly string[] }> {
  if (given.length === 0) return {};
  return {
    applicationIds: await Promise.all(given.map(text => resolveId(client, applicationNames, text, { tenantId }))),
  };
}

const application: Resource = {
  ...applicationNames,
  command: "application",
  summary: "applications: devices whose readings go to one place",
  columns: [
    ["Name", "name"],
    ["Description", "description"],
    ["Id", "id"],
  ],
  fields: [nameField, ...describingFields],
  tenant: "owner",
  hasUpdate: true,
  examples: {
    create: ["upchirp application create --name greenhouse"],
    update: ['upchirp application update greenhouse --description "beds 1 to 8"'],
  },
};

async function credentialsPath(text: string, values: OptionValues, terminal: Terminal) {
  const client = connect(values, terminal);
  const id = await resolveId(client, applicationNames, text, await tenantQuery(client, textOption(values, "tenant")));
  return { client, id, path: `/applications/${id}/mqtt-credentials` };
}

const credentialCommand = (group: Command, name: string): Command =>
  group
    .command(name)
    .argument("<application>", "name or id")
    .option("--tenant <tenant>", "tenant to look a name up in");

function addMqttUser(group: Command, terminal: Terminal): void {
  const command = credentialCommand(group, "mqtt-user")
    .option("--username <name>", "else one is made up")
    .option("--password <password>", "else one is made up, and printed this once")
    .option("--password-stdin", "take the password from standard input")
    .option("--read-only", "it sees events and sends no commands")
    .option("--delete", "delete the user of this name instead");
  addApiOptions(command)
    .summary("let a program subscribe to an application by MQTT")
    .description("Adds an MQTT user, who sees this application alone; or deletes one.")
    .addHelpText("after", examplesText(["upchirp application mqtt-user greenhouse --username dashboard --read-only"]))
    .action(async (text: string, values: OptionValues) => {
      const { client, id, path } = await credentialsPath(text, values, terminal);
      const username = textOption(values, "username");
      if (flagOption(values, "delete") && username !== undefined) {
        await client.call("DELETE", `${path}/${encodeURIComponent(username)}`);
        terminal.write(`Deleted MQTT user ${username}.\n`);
        return;
      }
      const typed = flagOption(values, "passwordStdin") ? await passwordFromInput(terminal) : undefined;
      const password = typed ?? textOption(values, "password");
      const body = {
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password }),
        ...(flagOption(values, "readOnly") && { isReadOnly: true }),
      };
      const answer = await client.record("POST", path, { body });
      if (flagOption(values, "json")) return printJson(terminal, answer);
      terminal.write(
        renderFields(terminal, fieldsOf({ username: answer.username, password: answer.password ?? "as given" })),
      );
      if (password === undefined) terminal.write("Keep the password now: it is not shown again.\n");
      terminal.write(`Events are on application/${id}/device/+/event/+\n`);
    });
}

function addMqttUsers(group: Command, terminal: Terminal): void {
  addApiOptions(credentialCommand(group, "mqtt-users"))
    .summary("list the MQTT users of an application")
    .description("Lists who may subscribe to an application by MQTT.")
    .action(async (text: string, values: OptionValues) => {
      const { client, path } = await credentialsPath(text, values, terminal);
      const { items } = await client.list(path, undefined, Number.MAX_SAFE_INTEGER);
      if (flagOption(values, "json")) return printJson(terminal, items);
      const rows = items.map(item => [
        textMember(item, "username"),
        item.isReadOnly === true ? "reads" : "reads, sends commands",
        textMember(item, "createdAt"),
      ]);
      terminal.write(renderTable(terminal, ["User", "May", "Since"], rows));
    });
}

export function addApplicationCommands(program: Command, terminal: Terminal): void {
  const group = addResource(program, application, terminal);
  addMqttUser(group, terminal);
  addMqttUsers(group, terminal);
}

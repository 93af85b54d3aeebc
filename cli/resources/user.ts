import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import type { ApiRecord } from "../api-client.ts";
import { addApiOptions, connect } from "../api-options.ts";
import { UsageError } from "../errors.ts";
import { flagOption, type OptionValues } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { addResource } from "./commands.ts";
import { flagField } from "./common-fields.ts";
import { resolveId } from "./lookup.ts";
import { type Invocation, type Named, type Resource, uuidOf } from "./resource.ts";

export const userNames: Named = {
  noun: "user",
  path: "/users",
  idMember: "id",
  nameMember: "email",
  idOf: uuidOf,
};

/** The first line of standard input. */
export async function passwordFromInput(terminal: Terminal): Promise<string> {
  const [line = ""] = (await terminal.readStandardInput()).split(/\r?\n/);
  if (line === "") throw new UsageError("there is no password on standard input");
  return line;
}

const generatedBytes = 15;

async function withPassword(
  body: ApiRecord,
  { values, terminal }: Invocation,
  action: "create" | "update",
): Promise<ApiRecord> {
  // Only a sign to read it: passwords are not for the list of processes.
  const { readsPassword: _, ...rest } = body;
  if (flagOption(values, "passwordStdin")) return { ...rest, password: await passwordFromInput(terminal) };
  return action === "create" ? { ...rest, password: randomBytes(generatedBytes).toString("base64url") } : rest;
}

const user: Resource = {
  ...userNames,
  command: "user",
  summary: "users: people who log in",
  columns: [
    ["Email", "email"],
    ["Administrator", "isAdministrator"],
    ["Active", "isActive"],
    ["Note", "note"],
    ["Id", "id"],
  ],
  fields: [
    { flags: "--email <address>", description: "what the user logs in with", path: "email", isRequired: true },
    flagField("admin", "isAdministrator", "may do everything, in every tenant"),
    flagField("active", "isActive", "may log in"),
    { flags: "--note <text>", description: "for administrators to read", path: "note" },
    {
      flags: "--password-stdin",
      description: "take the password from standard input; a new user without one gets a made-up one",
      path: "readsPassword",
    },
  ],
  tenant: "none",
  hasUpdate: true,
  examples: {
    create: ["upchirp user create --email ada@example.com", "upchirp user create --email ops@example.com --admin"],
    update: ["upchirp user update ada@example.com --password-stdin < password.txt"],
  },
  complete: withPassword,
  // A password is shown only where it was made here.
  secrets: (_answer, { password }, values) =>
    flagOption(values, "passwordStdin") || typeof password !== "string" ? {} : { password },
};

export function addUserCommands(program: Command, terminal: Terminal): void {
  const group = addResource(program, user, terminal);
  addApiOptions(group.command("remove-second-factor").argument("<user>", "email or id"))
    .summary("for a user who lost it")
    .description("Removes a user's second factor: the next login needs the password alone.")
    .action(async (text: string, values: OptionValues) => {
      const client = connect(values, terminal);
      await client.call("DELETE", `/users/${await resolveId(client, userNames, text)}/second-factor`);
      terminal.write(`${text} has no second factor any more.\n`);
    });
}

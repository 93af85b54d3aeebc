import type { Command } from "commander";
import type { ApiRecord } from "../api-client.ts";
import { duration, integerBetween, listOption, numberOption, textOption } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { applicationIdsOf } from "./application.ts";
import { addResource } from "./commands.ts";
import { flagField, nameField } from "./common-fields.ts";
import { tenantOrDefault } from "./lookup.ts";
import { type Invocation, type Resource, uuidOf } from "./resource.ts";
import { tenantRoleNames } from "./tenant.ts";

/** A key belongs to a tenant, except that of an administrator. */
async function withTenant(body: ApiRecord, { client, values, terminal }: Invocation): Promise<ApiRecord> {
  const { expiresIn: _, applications: names, ...rest } = body;
  const lifetimeMs = numberOption(values, "expiresIn");
  const expiry =
    lifetimeMs === undefined ? {} : { expiresAt: new Date(terminal.clock.nowMs() + lifetimeMs).toISOString() };
  if (body.role === "administrator") return { ...rest, ...expiry };
  const tenantId = await tenantOrDefault(client, textOption(values, "tenant"));
  const applicationIds = await applicationIdsOf(client, tenantId, listOption(values, "application"));
  return { ...rest, ...expiry, ...applicationIds, tenantId };
}

const apiKey: Resource = {
  noun: "API key",
  path: "/api-keys",
  idMember: "id",
  nameMember: "name",
  idOf: uuidOf,
  command: "api-key",
  summary: "API keys: how programs log in",
  columns: [
    ["Name", "name"],
    ["Role", "role"],
    ["Read-only", "isReadOnly"],
    ["Requests/min", "requestsPerMinute"],
    ["Expires", "expiresAt"],
    ["Last used", "lastUsedAt"],
    ["Id", "id"],
  ],
  fields: [
    nameField,
    {
      flags: "--role <role>",
      description: "what its holder may do",
      path: "role",
      choices: ["administrator", ...tenantRoleNames],
      isRequired: true,
    },
    flagField("read-only", "isReadOnly", "changes nothing, whatever its role may"),
    {
      flags: "--application <application>",
      description: "only this one, by name or id; repeatable; for the roles device-manager and viewer",
      path: "applications",
      isList: true,
    },
    {
      flags: "--requests-per-minute <n>",
      description: "without it what the server's configuration says",
      path: "requestsPerMinute",
      parse: integerBetween(1, 2_147_483_647),
    },
    { flags: "--expires-in <duration>", description: "like 90d; without it never", path: "expiresIn", parse: duration },
  ],
  tenant: "filter",
  hasUpdate: false,
  examples: {
    create: [
      "upchirp api-key create --name dashboard --role viewer --expires-in 90d",
      "upchirp api-key create --name meters --role device-manager --application water --requests-per-minute 60",
    ],
  },
  complete: withTenant,
  // Only the hash is kept, so that this is the one time.
  secrets: ({ token }) => (typeof token === "string" ? { token } : {}),
};

export const addApiKeyCommands = (program: Command, terminal: Terminal): Command =>
  addResource(program, apiKey, terminal);

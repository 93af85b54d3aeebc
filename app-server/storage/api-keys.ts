import { randomUUID } from "node:crypto";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import { type ApiKey, type ApiKeys, apiKeyRoles } from "../catalog-ports.ts";
import { type Columns, rfc3339 } from "./statement.ts";
import { createTable, inTenants, named } from "./table.ts";
import { apiKeyPrefix, hashToken, newToken } from "./tokens.ts";

const NullableText = Type.Union([Type.String(), Type.Null()]);
const Row = Type.Object({
  id: Type.String(),
  tenantId: NullableText,
  name: Type.String(),
  role: Type.Enum([...apiKeyRoles]),
  isReadOnly: Type.Boolean(),
  applicationIds: Type.Union([Type.Array(Type.String()), Type.Null()]),
  requestsPerMinute: Type.Union([Type.Integer(), Type.Null()]),
  createdAt: Type.String(),
  updatedAt: Type.String(),
  expiresAt: NullableText,
  lastUsedAt: NullableText,
});
const createdAt = rfc3339("api_keys.created_at");
const selected = `api_keys.id, tenant_id as "tenantId", name, role, is_read_only as "isReadOnly",
  application_ids as "applicationIds", requests_per_minute as "requestsPerMinute", ${createdAt} as "createdAt",
  ${rfc3339("api_keys.updated_at")} as "updatedAt", ${rfc3339("expires_at")} as "expiresAt", ${rfc3339("last_used_at")} as "lastUsedAt"`;
const columns: Columns = {
  id: { name: "id" },
  tenantId: { name: "tenant_id" },
  name: { name: "name" },
  role: { name: "role" },
  isReadOnly: { name: "is_read_only" },
  applicationIds: { name: "application_ids" },
  requestsPerMinute: { name: "requests_per_minute" },
  expiresAt: { name: "expires_at" },
  tokenHash: { name: "token_hash" },
};
/** A time of last use is for people: writing it for every request would make reads into writes. */
const useNotedEveryMs = 60_000;

const toApiKey = (row: Static<typeof Row>): ApiKey => ({
  ...row,
  tenantId: row.tenantId === null ? null : parseTenantId(row.tenantId),
  applicationIds: row.applicationIds?.map(id => parseApplicationId(id)) ?? null,
});

export function createApiKeys(sql: Sql, clock: Clock): ApiKeys {
  const table = createTable(sql, {
    name: "api_keys",
    key: "id",
    row: Row,
    columns,
    selected,
    sorts: { name: "api_keys.name", createdAt },
    placeOf: (row, by) => [by === "name" ? row.name : row.createdAt, row.id],
    toItem: toApiKey,
  });
  return {
    list: ({ tenants, search }, page) =>
      table.list([inTenants(tenants, "tenant_id"), named(search, "api_keys.name")], page),
    get: table.get,
    async create(key, tokenOf = () => newToken(apiKeyPrefix)) {
      const id = randomUUID();
      const token = tokenOf(id);
      return { apiKey: await table.add({ ...key, id, tokenHash: hashToken(token) }), token };
    },
    update: (id, change, check) => table.update(id, change, check),
    remove: (id, check) => table.remove(id, check),
    async find(token) {
      const nowMs = clock.nowMs();
      const [row] = await sql.rows(
        Row,
        `select ${selected} from api_keys where token_hash = $1 and (expires_at is null or expires_at > $2)`,
        [hashToken(token), new Date(nowMs).toISOString()],
      );
      if (row === undefined) return undefined;
      if (row.lastUsedAt === null || Date.parse(row.lastUsedAt) + useNotedEveryMs <= nowMs) {
        await sql.run("update api_keys set last_used_at = $2 where id = $1", [row.id, new Date(nowMs).toISOString()]);
      }
      return toApiKey(row);
    },
  };
}

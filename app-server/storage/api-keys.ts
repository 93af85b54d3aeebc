import Type, { type Static } from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import { type ApiKey, type ApiKeys, apiKeyRoles } from "../catalog-ports.ts";
import { type Columns, insertion, listPage, mapPage, rfc3339, scopeValue } from "./statement.ts";
import { apiKeyPrefix, hashToken, newToken } from "./tokens.ts";

const NullableText = Type.Union([Type.String(), Type.Null()]);
const Row = Type.Object({
  id: Type.String(),
  tenantId: NullableText,
  name: Type.String(),
  role: Type.Enum([...apiKeyRoles]),
  createdAt: Type.String(),
  expiresAt: NullableText,
  lastUsedAt: NullableText,
});
const selected = `api_keys.id, tenant_id as "tenantId", name, role, ${rfc3339("created_at")} as "createdAt",
  ${rfc3339("expires_at")} as "expiresAt", ${rfc3339("last_used_at")} as "lastUsedAt"`;
const columns: Columns = {
  tenantId: { name: "tenant_id" },
  name: { name: "name" },
  role: { name: "role" },
  expiresAt: { name: "expires_at" },
  tokenHash: { name: "token_hash" },
};
/** A time of last use is for people: writing it for every request would make reads into writes. */
const useNotedEveryMs = 60_000;

const toApiKey = (row: Static<typeof Row>): ApiKey => ({
  ...row,
  tenantId: row.tenantId === null ? null : parseTenantId(row.tenantId),
});

export function createApiKeys(sql: Sql, clock: Clock): ApiKeys {
  return {
    async list(scope, page) {
      const text = `select ${selected} from api_keys where ($1::uuid[] is null or tenant_id = any($1))`;
      const query = { text, values: [scopeValue(scope)], orderBy: "name", key: "id::text" };
      return mapPage(await listPage(sql, Row, query, page, row => [row.name, row.id]), toApiKey);
    },
    async get(id) {
      const [row] = await sql.rows(Row, `select ${selected} from api_keys where id = $1`, [id]);
      return row && toApiKey(row);
    },
    async create(key) {
      const token = newToken(apiKeyPrefix);
      const { text, values } = insertion(columns, { ...key, tokenHash: hashToken(token) });
      const [row] = await sql.rows(Row, `insert into api_keys ${text} returning ${selected}`, values);
      return { apiKey: toApiKey(row!), token };
    },
    async remove(id) {
      return (await sql.run("delete from api_keys where id = $1", [id])) > 0;
    },
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

import Type, { type Static } from "typebox";
import { type IntegrationId, parseApplicationId, parseIntegrationId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { Integration, IntegrationCatalog, Integrations, Secrets } from "../integration-ports.ts";
import { eventFormats, integrationModes, overflowPolicies } from "../integration-ports.ts";
import type { ApplicationEventKind } from "../ports.ts";
import { open, type SealingKeys, seal } from "./sealed-secret.ts";
import { type Columns, jsonColumn, selectList, TagsColumn, timestampSorts } from "./statement.ts";
import { createTable, equal, named, withinScope } from "./table.ts";
import { keepWithinLimit } from "./tenant-limits.ts";

const Filter = Type.Object({
  events: Type.Array(Type.Unsafe<ApplicationEventKind>(Type.String())),
  fPorts: Type.Array(Type.Integer()),
  tags: TagsColumn,
});
const Limits = Type.Object({
  maxMessages: Type.Integer(),
  maxMegabytes: Type.Integer(),
  maxAgeHours: Type.Integer(),
  onOverflow: Type.Enum([...overflowPolicies]),
  maxAttempts: Type.Integer(),
});
const Row = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  applicationId: Type.Union([Type.String(), Type.Null()]),
  name: Type.String(),
  description: Type.String(),
  kind: Type.String(),
  mode: Type.Enum([...integrationModes]),
  filter: Filter,
  format: Type.Enum([...eventFormats]),
  mapping: Type.String(),
  settings: Type.Record(Type.String(), Type.Unknown()),
  limits: Limits,
  secretNames: Type.Array(Type.String()),
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = {
  tenantId: { name: "tenant_id" },
  applicationId: { name: "application_id" },
  name: { name: "name" },
  description: { name: "description" },
  kind: { name: "kind" },
  mode: { name: "mode" },
  filter: jsonColumn("filter"),
  format: { name: "format" },
  mapping: { name: "mapping" },
  settings: jsonColumn("settings"),
  limits: jsonColumn("limits"),
  secretNames: { name: "secret_names" },
};
/** Written as the others are, and never read with them. */
const writable: Columns = { ...columns, secrets: { name: "secrets" } };

const toIntegration = (row: Static<typeof Row>): Integration => ({
  ...row,
  id: parseIntegrationId(row.id),
  tenantId: parseTenantId(row.tenantId),
  applicationId: row.applicationId === null ? null : parseApplicationId(row.applicationId),
});

const selected = `integrations.id, ${selectList(columns, "integrations")}`;
const SecretsRow = Type.Object({ secrets: Type.Union([Type.Unsafe<Buffer>(Type.Any()), Type.Null()]) });

const isObject = (value: unknown): value is Secrets => typeof value === "object" && value !== null;

function opened(keys: SealingKeys, id: IntegrationId, sealed: Buffer | null): Secrets {
  if (sealed === null) return {};
  const value: unknown = JSON.parse(open(keys, sealed, id).toString("utf8"));
  return isObject(value) ? value : {};
}

async function secretsOf(sql: SqlTransaction, keys: SealingKeys, id: IntegrationId): Promise<Secrets> {
  const [row] = await sql.rows(SecretsRow, "select secrets from integrations where id = $1", [id]);
  return opened(keys, id, row?.secrets ?? null);
}

/** Rows of these tables are the integration's, and no foreign key says so. */
const belongings = ["integration_queue", "integration_dead_letters", "integration_states"];

export function createIntegrations(sql: Sql, keys: SealingKeys): Integrations {
  const table = createTable(sql, {
    name: "integrations",
    key: "id",
    row: Row,
    columns: writable,
    selected,
    sorts: { name: "integrations.name", ...timestampSorts("integrations") },
    placeOf: (row, by) => [row[by], row.id],
    toItem: toIntegration,
  });
  const sealed = (id: string, secrets: Secrets) => {
    const secretNames = Object.keys(secrets).sort();
    return {
      secrets: secretNames.length === 0 ? null : seal(keys, Buffer.from(JSON.stringify(secrets)), id),
      secretNames,
    };
  };
  return {
    list: ({ tenants, applications, search, applicationId }, page) =>
      table.list(
        [
          withinScope(tenants, "integrations.tenant_id", applications, "integrations.application_id"),
          named(search, "integrations.name"),
          equal(applicationId, "integrations.application_id"),
        ],
        page,
      ),
    get: table.get,
    create: (integration, secrets) =>
      // Sealed for its id, which is known once the row is there.
      sql.transaction(async transaction => {
        const { id, tenantId } = await table.add(integration, transaction);
        await keepWithinLimit(transaction, tenantId, "integrations");
        const { secrets: text, secretNames } = sealed(id, secrets);
        const [row] = await transaction.rows(
          Row,
          `with integrations as (update integrations set secrets = $2, secret_names = $3 where id = $1 returning *)
             select ${selected} from integrations`,
          [id, text, secretNames],
        );
        if (row === undefined) throw new Error("an integration that was just added is gone");
        return toIntegration(row);
      }),
    update: (id, change, secrets, check) => table.update(id, { ...change, ...(secrets && sealed(id, secrets)) }, check),
    remove: (id, check) =>
      table.remove(id, check, async (_integration, transaction) => {
        for (const name of belongings) await transaction.run(`delete from ${name} where integration_id = $1`, [id]);
      }),
    secrets: id => secretsOf(sql, keys, id),
  };
}

/** Its listener gets news of `catalog`, which every change of the table gives. */
export function createIntegrationCatalog(sql: Sql, keys: SealingKeys): IntegrationCatalog {
  const CatalogRow = Type.Object({ ...Row.properties, ...SecretsRow.properties });
  const select = `select ${selected}, integrations.secrets from integrations`;
  const toConfigured = ({ secrets, ...row }: Static<typeof CatalogRow>) => {
    const integration = toIntegration(row);
    return { integration, secrets: opened(keys, integration.id, secrets) };
  };
  return {
    all: async () => (await sql.rows(CatalogRow, select, [])).map(toConfigured),
    async one(id) {
      const [row] = await sql.rows(CatalogRow, `${select} where id = $1`, [id]);
      return row && toConfigured(row);
    },
    async pause(id) {
      const text = "update integrations set mode = 'paused', updated_at = now() where id = $1 and mode = 'active'";
      await sql.run(text, [id]);
    },
    onChange(listener) {
      const prefix = "integrations ";
      const changed = (payload: string): void => {
        if (payload.startsWith(prefix)) listener(parseIntegrationId(payload.slice(prefix.length)));
      };
      return sql.listen("catalog", changed, () => listener());
    },
  };
}

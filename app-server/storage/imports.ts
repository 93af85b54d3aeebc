import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { onExistingChoices } from "../bulk-ports.ts";
import { type Import, type ImportFault, type Imports, importKinds } from "../import-ports.ts";
import { listPage, mapPage, rfc3339 } from "./statement.ts";
import { type Condition, equal, withinScope } from "./table.ts";

/** Faults of one import that are kept; what is more is counted. */
const mostFaults = 100_000;
/** How long a finished import is known by its key, and how long at all. */
const knownFor = "1 day";
const keptFor = "30 days";

const NullableText = Type.Union([Type.String(), Type.Null()]);
const Row = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  applicationId: NullableText,
  kind: Type.Enum([...importKinds]),
  key: Type.String(),
  onExisting: Type.Enum([...onExistingChoices]),
  isDryRun: Type.Boolean(),
  startedBy: Type.String(),
  state: Type.Enum(["running", "interrupted", "finished"]),
  position: Type.Integer(),
  digest: Type.String(),
  bytesRead: Type.Integer(),
  totalBytes: Type.Union([Type.Integer(), Type.Null()]),
  created: Type.Integer(),
  updated: Type.Integer(),
  unchanged: Type.Integer(),
  skipped: Type.Integer(),
  failed: Type.Integer(),
  faults: Type.Integer(),
  startedAt: Type.String(),
  changedAt: Type.String(),
  finishedAt: NullableText,
});
const selected = `id, tenant_id as "tenantId", application_id as "applicationId", kind, key, on_existing as "onExisting",
  is_dry_run as "isDryRun", started_by as "startedBy", state, position, digest,
  bytes_read as "bytesRead", total_bytes as "totalBytes", created, updated, unchanged, skipped, failed, faults,
  ${rfc3339("started_at")} as "startedAt", ${rfc3339("changed_at")} as "changedAt",
  ${rfc3339("finished_at")} as "finishedAt"`;
const toImport = (row: Static<typeof Row>): Import => ({
  ...row,
  tenantId: parseTenantId(row.tenantId),
  applicationId: row.applicationId === null ? null : parseApplicationId(row.applicationId),
});

const SessionRow = Type.Object({ devEui: Type.String() });
const FaultRow = Type.Object({
  number: Type.Integer(),
  line: Type.Integer(),
  column: NullableText,
  message: Type.String(),
});

export function createImports(sql: Sql): Imports {
  const only = async (text: string, values: readonly unknown[]): Promise<Import | undefined> => {
    const [row] = await sql.rows(Row, text, values);
    return row && toImport(row);
  };
  return {
    async begin({ tenantId, key, ...started }) {
      await sql.run(`delete from imports where changed_at < now() - interval '${keptFor}'`);
      const known = () =>
        only(
          `select ${selected} from imports
             where tenant_id = $1 and key = $2
               and (state <> 'finished' or finished_at > now() - interval '${knownFor}')
             order by started_at desc limit 1`,
          [tenantId, key],
        );
      const before = await known();
      if (before !== undefined) return before;
      const made = await only(
        `insert into imports
             (tenant_id, key, application_id, kind, on_existing, is_dry_run, started_by, total_bytes)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (tenant_id, key) where state <> 'finished' do nothing returning ${selected}`,
        [
          tenantId,
          key,
          started.applicationId,
          started.kind,
          started.onExisting,
          started.isDryRun,
          started.startedBy,
          started.totalBytes,
        ],
      );
      const begun = made ?? (await known());
      if (begun === undefined) throw new Error("an import that was there is gone");
      return begun;
    },
    get: id => only(`select ${selected} from imports where id = $1`, [id]),
    async list({ tenants, applications, key, kind, state }, page) {
      const values: unknown[] = [];
      const value = (given: unknown): string => `$${values.push(given)}`;
      const conditions: readonly Condition[] = [
        withinScope(tenants, "tenant_id", applications, "application_id"),
        equal(key, "key"),
        equal(kind, "kind"),
        equal(state, "state"),
      ];
      const text = `select ${selected} from imports where ${conditions.map(condition => condition(value)).join(" and ")}`;
      const order = { by: "createdAt", place: rfc3339("started_at"), key: "id::text", descending: true } as const;
      const listed = await listPage(sql, Row, { text, values, order }, page, row => [row.startedAt, row.id]);
      return mapPage(listed, toImport);
    },
    async faults(id, { limit, after = 0 }) {
      const rows = await sql.rows(
        FaultRow,
        `select number, line, column_name as "column", message from import_faults
           where import_id = $1 and number > $2 order by number limit $3`,
        [id, after, limit + 1],
      );
      const items = rows.slice(0, limit).map(({ line, column, message }): ImportFault => ({ line, column, message }));
      const last = rows[limit - 1];
      return rows.length > limit && last !== undefined ? { items, next: String(last.number) } : { items };
    },
    async advance({ id, from, counts, faults, sessions, ...step }, transaction) {
      const [before] = await transaction.rows(
        Type.Object({ faults: Type.Integer() }),
        `update imports set position = $3, digest = $4, bytes_read = $5, created = created + $6,
             updated = updated + $7, unchanged = unchanged + $8, skipped = skipped + $9, failed = failed + $10,
             faults = faults + $11, state = 'running', changed_at = now()
           where id = $1 and position = $2 and state <> 'finished' returning faults - $11 as faults`,
        [
          id,
          from,
          step.position,
          step.digest,
          step.bytesRead,
          counts.created,
          counts.updated,
          counts.unchanged,
          counts.skipped,
          counts.failed,
          faults.length,
        ],
      );
      if (before === undefined) return false;
      await transaction.run("delete from import_sessions where import_id = $1", [id]);
      await transaction.run("insert into import_sessions select $1, unnest($2::text[])", [id, sessions]);
      const kept = faults.slice(0, Math.max(0, mostFaults - before.faults));
      if (kept.length === 0) return true;
      await transaction.run(
        `insert into import_faults (import_id, number, line, column_name, message)
           select $1::uuid, $2::integer + place, line, column_name, message
           from unnest($3::integer[], $4::text[], $5::text[])
             with ordinality as given (line, column_name, message, place)`,
        [
          id,
          before.faults,
          kept.map(({ line }) => line),
          kept.map(({ column }) => column),
          kept.map(({ message }) => message),
        ],
      );
      return true;
    },
    async sessions(id) {
      const rows = await sql.rows(SessionRow, `select dev_eui as "devEui" from import_sessions where import_id = $1`, [
        id,
      ]);
      return new Set(rows.map(({ devEui }) => parseDevEui(devEui)));
    },
    end: (id, state) =>
      only(
        `update imports set state = $2, changed_at = now(), finished_at = case when $2 = 'finished' then now() end
           where id = $1 and state <> 'finished' returning ${selected}`,
        [id, state],
      ),
  };
}

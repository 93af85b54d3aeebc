import Type from "typebox";
import type { ApplicationId, TenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";

/** The id of an alert of a device that nobody looks after yet. */
export async function raisedAlert(sql: Sql, tenantId: TenantId, applicationId: ApplicationId): Promise<string> {
  const Row = Type.Object({ id: Type.String() });
  const insert = `insert into alerts (tenant_id, application_id, kind, severity, state, subject_type, subject, value, threshold,
      raised_at, partition)
    values ($1, $2, 'replay', 'warning', 'raised', 'device', gen_random_uuid()::text, 5, 5, now(), 0) returning id::text as id`;
  const [row] = await sql.rows(Row, insert, [tenantId, applicationId]);
  return row?.id ?? "";
}

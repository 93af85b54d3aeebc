import type { SqlTransaction } from "../../platform/sql.ts";

export type Kept = "events" | "frames";

/** Whose usage it is that a frame of no known device takes. */
export const nobody = "00000000-0000-0000-0000-000000000000";

interface Accountable {
  readonly tenantId?: string;
  readonly time: string;
}

/** Adds rows to what their tenants are known to keep, in the transaction that keeps them. */
export async function addUse<Row extends Accountable>(
  sql: SqlTransaction,
  what: Kept,
  rows: readonly Row[],
  bytesOf: (row: Row) => number,
): Promise<void> {
  const sums = new Map<string, { readonly tenantId: string; readonly day: string; rows: number; bytes: number }>();
  for (const row of rows) {
    const { tenantId = nobody } = row;
    const day = row.time.slice(0, 10);
    const key = `${tenantId} ${day}`;
    const sum = sums.get(key) ?? { tenantId, day, rows: 0, bytes: 0 };
    sum.rows += 1;
    sum.bytes += bytesOf(row);
    sums.set(key, sum);
  }
  // In one order, so that two servers that write at once wait for each other and not in a ring.
  const ordered = [...sums].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, sum]) => sum);
  await sql.run(
    `insert into history_usage as u (tenant_id, what, day, rows, bytes)
       select t.tenant_id, $1, t.day, t.rows, t.bytes
         from unnest($2::uuid[], $3::date[], $4::bigint[], $5::bigint[]) as t (tenant_id, day, rows, bytes)
       on conflict (tenant_id, what, day) do update set rows = u.rows + excluded.rows, bytes = u.bytes + excluded.bytes`,
    [
      what,
      ordered.map(({ tenantId }) => tenantId),
      ordered.map(({ day }) => day),
      ordered.map(({ rows: count }) => count),
      ordered.map(({ bytes }) => bytes),
    ],
  );
}

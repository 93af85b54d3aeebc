import Type from "typebox";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { EventRow } from "./event-row.ts";
import { type WritablePartitions, withPartitions } from "./partitions.ts";
import { addUse } from "./usage.ts";

/** What a row takes beside its text: its columns, and its place in each index. */
export const rowOverhead = 200;

/** What is counted of events, in the transaction that keeps them: each event counts once, however often it comes. */
export type CountEvents = (rows: readonly EventRow[], sql: SqlTransaction) => Promise<void>;

export interface EventWriter {
  /** Resolves when every row is kept for good; gives how many were new. Rejects with SqlError, and nothing is kept then. */
  write(rows: readonly EventRow[]): Promise<number>;
}

const KeptRow = Type.Object({ id: Type.String(), kind: Type.String() });
const keyOf = ({ id, kind }: { readonly id: string; readonly kind: string }): string => `${id} ${kind}`;

export function createEventWriter(sql: Sql, partitions: WritablePartitions, count: CountEvents): EventWriter {
  return {
    async write(rows) {
      if (rows.length === 0) return 0;
      return withPartitions(partitions, new Set(rows.map(({ atMs }) => atMs)), () =>
        sql.transaction(async transaction => {
          const kept = await insert(transaction, rows);
          if (kept.length === 0) return 0;
          await insertGateways(transaction, kept);
          await addUse(transaction, "events", kept, ({ json }) => Buffer.byteLength(json) + rowOverhead);
          await count(kept, transaction);
          return kept.length;
        }),
      );
    },
  };
}

/** Gives the rows that were not there. Rows go in in one order, so that two servers with the same ones wait and do not lock up. */
async function insert(sql: SqlTransaction, rows: readonly EventRow[]): Promise<readonly EventRow[]> {
  const values = [
    rows.map(({ time }) => time),
    rows.map(({ id }) => id),
    rows.map(({ kind }) => kind),
    rows.map(({ tenantId }) => tenantId),
    rows.map(({ applicationId }) => applicationId),
    rows.map(({ devEui }) => devEui),
    rows.map(({ code = null }) => code),
    rows.map(({ devAddr = null }) => devAddr),
    rows.map(({ json }) => json),
  ];
  const kept = await sql.rows(
    KeptRow,
    `insert into event_history (at, id, kind, tenant_id, application_id, dev_eui, code, dev_addr, body)
       select * from unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
         $8::text[], $9::text[])
       order by 1, 2, 3
       on conflict do nothing returning id::text, kind`,
    values,
  );
  const isNew = new Set(kept.map(keyOf));
  // The same event twice in one batch is kept once.
  return rows.filter(row => isNew.delete(keyOf(row)));
}

async function insertGateways(sql: SqlTransaction, rows: readonly EventRow[]): Promise<void> {
  const links = rows.flatMap(row => row.gatewayIds.map(gatewayId => ({ gatewayId, row })));
  if (links.length === 0) return;
  await sql.run(
    `insert into event_history_gateways (gateway_id, at, id, kind)
       select * from unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::text[]) order by 1, 2, 3, 4
       on conflict do nothing`,
    [
      links.map(({ gatewayId }) => gatewayId),
      links.map(({ row }) => row.time),
      links.map(({ row }) => row.id),
      links.map(({ row }) => row.kind),
    ],
  );
}

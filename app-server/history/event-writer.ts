import Type from "typebox";
import { jsonList, jsonTexts } from "../../platform/json-list.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { JournalSpan } from "../journal-ports.ts";
import { type EventRow, journalKey } from "./event-row.ts";
import { takeNumbers } from "./journal.ts";
import { type WritablePartitions, withPartitions } from "./partitions.ts";
import { addUse } from "./usage.ts";

/** What a row takes beside its text: its columns, and its place in each index. */
export const rowOverhead = 200;

/** What is counted of events, in the transaction that keeps them: each event counts once, however often it comes. */
export type CountEvents = (rows: readonly EventRow[], sql: SqlTransaction) => Promise<void>;

export interface EventWriter {
  /** Resolves when every row is kept for good; gives those that were new. Rejects with SqlError, and nothing is kept then. */
  write(rows: readonly EventRow[]): Promise<WrittenRows>;
}

/** New rows with their numbers in the journal, of those that the transaction took. */
export interface WrittenRows extends JournalSpan {
  readonly rows: readonly { readonly row: EventRow; readonly number: number }[];
}

const KeptRow = Type.Object({ id: Type.String(), kind: Type.String(), number: Type.Integer() });

export function createEventWriter(sql: Sql, partitions: WritablePartitions, count: CountEvents): EventWriter {
  return {
    async write(rows) {
      if (rows.length === 0) return { after: 0, upTo: 0, rows: [] };
      return withPartitions(partitions, new Set(rows.map(({ atMs }) => atMs)), () =>
        sql.transaction(
          async transaction => {
            const after = await takeNumbers(transaction, rows.length);
            const numbered = await insert(transaction, rows, after);
            const written = { after, upTo: after + rows.length, rows: numbered };
            const kept = numbered.map(({ row }) => row);
            if (kept.length === 0) return written;
            await insertGateways(transaction, kept);
            await addUse(transaction, "events", kept, ({ json }) => Buffer.byteLength(json) + rowOverhead);
            await count(kept, transaction);
            return written;
          },
          { prepare: true },
        ),
      );
    },
  };
}

/** Gives the rows that were not there. Rows go in in one order, so that two servers with the same ones wait and do not lock up. */
async function insert(sql: SqlTransaction, rows: readonly EventRow[], after: number): Promise<WrittenRows["rows"]> {
  const values = [
    rows.map(({ time }) => time),
    rows.map(({ id }) => id),
    rows.map(({ kind }) => kind),
    rows.map(({ tenantId }) => tenantId),
    rows.map(({ applicationId }) => applicationId),
    rows.map(({ devEui }) => devEui),
    rows.map(({ code = null }) => code),
    rows.map(({ devAddr = null }) => devAddr),
    jsonList(rows.map(({ json }) => json)),
    rows.map((_, index) => after + 1 + index),
  ];
  const kept = await sql.rows(
    KeptRow,
    `insert into event_history (at, id, kind, tenant_id, application_id, dev_eui, code, dev_addr, body, number)
       select * from unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
         $8::text[], ${jsonTexts("$9")}, $10::bigint[])
       order by 1, 2, 3
       on conflict do nothing returning id::text, kind, number`,
    values,
  );
  const numberOf = new Map(kept.map(({ number, ...key }) => [journalKey(key), number]));
  // The same event twice in one batch is kept once.
  return rows.flatMap((row, index) => {
    const number = after + 1 + index;
    return numberOf.get(journalKey(row)) === number ? [{ row, number }] : [];
  });
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

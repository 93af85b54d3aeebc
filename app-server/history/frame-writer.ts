import Type from "typebox";
import { writeFrame } from "../../platform/frames/frame-letter.ts";
import { type FrameRecord, gatewaysOf } from "../../platform/frames/frame-record.ts";
import { jsonList, jsonTexts } from "../../platform/json-list.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { rowOverhead } from "./event-writer.ts";
import { type WritablePartitions, withPartitions } from "./partitions.ts";
import { addUse } from "./usage.ts";

export interface FrameRow {
  readonly frame: FrameRecord;
  readonly time: string;
  readonly tenantId?: string;
  readonly details: string;
}

/** What is counted of frames, in the transaction that keeps them. */
export type CountFrames = (frames: readonly FrameRecord[], sql: SqlTransaction) => Promise<void>;

export interface FrameWriter {
  /** Rejects with SqlError, and nothing is kept then. */
  write(frames: readonly FrameRecord[]): Promise<void>;
}

/** @param isKept which of the frames are kept beside being counted. */
export function createFrameWriter(
  sql: Sql,
  partitions: WritablePartitions,
  count: CountFrames,
  isKept: (frame: FrameRecord) => boolean,
): FrameWriter {
  return {
    async write(frames) {
      const rows = frames.filter(isKept).map(rowOf);
      await withPartitions(partitions, new Set(frames.map(({ atMs }) => atMs)), () =>
        sql.transaction(
          async transaction => {
            const kept = await keep(transaction, rows);
            // Those that are not kept cannot be known again, should the answer to a commit get lost.
            await count(
              frames.filter(frame => !isKept(frame) || kept.has(frame.id)),
              transaction,
            );
          },
          { prepare: true },
        ),
      );
    },
  };
}

const rowOf = (frame: FrameRecord): FrameRow => ({
  frame,
  time: new Date(frame.atMs).toISOString(),
  ...(frame.subject && { tenantId: frame.subject.tenantId }),
  details: writeFrame(frame),
});

const IdRow = Type.Object({ id: Type.String() });

/** Gives the ids of those that were not there. */
async function keep(sql: SqlTransaction, given: readonly FrameRow[]): Promise<ReadonlySet<string>> {
  if (given.length === 0) return new Set();
  const kept = new Set((await insert(sql, given)).map(({ id }) => id));
  const rows = given.filter(({ frame }) => kept.has(frame.id));
  if (rows.length === 0) return kept;
  const links = rows.flatMap(({ frame, time }) =>
    gatewaysOf(frame).map(gatewayId => ({ gatewayId, time, id: frame.id })),
  );
  await sql.run(
    `insert into frame_history_gateways (gateway_id, at, id)
       select * from unnest($1::text[], $2::timestamptz[], $3::uuid[])`,
    [links.map(({ gatewayId }) => gatewayId), links.map(({ time }) => time), links.map(({ id }) => id)],
  );
  const sizeOf = ({ frame, details }: FrameRow): number =>
    frame.phyPayload.length + Buffer.byteLength(details) + rowOverhead;
  await addUse(sql, "frames", rows, sizeOf);
  return kept;
}

const insert = (sql: SqlTransaction, rows: readonly FrameRow[]) =>
  sql.rows(
    IdRow,
    `insert into frame_history
         (at, id, direction, tenant_id, application_id, dev_eui, dev_addr, result, phy_payload, details)
       select t.at, t.id, t.direction, t.tenant_id, t.application_id, t.dev_eui, t.dev_addr, t.result,
           decode(t.phy_payload, 'hex'), t.details
         from unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
           $9::text[], ${jsonTexts("$10")})
           as t (at, id, direction, tenant_id, application_id, dev_eui, dev_addr, result, phy_payload, details)
       order by t.at, t.id
       on conflict do nothing returning id::text as id`,
    [
      rows.map(({ time }) => time),
      rows.map(({ frame }) => frame.id),
      rows.map(({ frame }) => frame.direction),
      rows.map(({ tenantId = null }) => tenantId),
      rows.map(({ frame }) => frame.subject?.applicationId ?? null),
      rows.map(({ frame }) => frame.subject?.devEui ?? null),
      rows.map(({ frame }) => frame.devAddr ?? null),
      rows.map(({ frame }) => (frame.direction === "up" ? frame.verdict : frame.outcome)),
      rows.map(({ frame }) => Buffer.from(frame.phyPayload).toString("hex")),
      jsonList(rows.map(({ details }) => details)),
    ],
  );

import Type from "typebox";
import { type FrameRecord, gatewaysOf } from "../../platform/frames/frame-record.ts";
import type { SqlTransaction } from "../../platform/sql.ts";
import type { TxModulation } from "../../platform/state/network-event.ts";
import { addToDays, type Told } from "./device-days.ts";
import { putLatest } from "./device-latest.ts";
import type { EventRow } from "./event-row.ts";
import { measurementsOf } from "./measured.ts";
import { readTally, TallyColumn, tallyJson } from "./sum-columns.ts";
import { GrowingTally, type Happening, mergeTallies } from "./tally.ts";

const hourMs = 3_600_000;
const lengths = { hour: hourMs, day: 24 * hourMs } as const;
export type Every = keyof typeof lengths;

interface Sum {
  /** Values of the key's columns but `every` and `start`. */
  readonly owner: readonly string[];
  readonly every: Every;
  readonly startMs: number;
  readonly tally: GrowingTally;
}

/** Sums that are put together in memory before they are added to those in the database. */
class Sums {
  readonly #sums = new Map<string, Sum>();

  add(owner: readonly string[], atMs: number, happening: Happening): void {
    for (const every of ["hour", "day"] as const) {
      const startMs = Math.floor(atMs / lengths[every]) * lengths[every];
      const key = [...owner, every, startMs].join(" ");
      const sum = this.#sums.get(key) ?? { owner, every, startMs, tally: new GrowingTally() };
      sum.tally.add(happening);
      this.#sums.set(key, sum);
    }
  }

  /** In one order, in which every server takes the rows. */
  get ordered(): readonly Sum[] {
    return [...this.#sums].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => sum);
  }
}

interface SumTable {
  readonly name: "gateway_sums" | "tenant_sums";
  readonly owner: readonly (readonly [column: string, type: "text" | "uuid"])[];
}

const gatewaySums: SumTable = { name: "gateway_sums", owner: [["gateway_id", "text"]] };
const tenantSums: SumTable = { name: "tenant_sums", owner: [["tenant_id", "uuid"]] };

const StoredRow = Type.Object({ place: Type.Integer(), tally: TallyColumn });

/** Reads, adds and writes rows that nobody else changes meanwhile: the same whoever comes first. */
async function addSums(sql: SqlTransaction, { name, owner }: SumTable, sums: readonly Sum[]): Promise<void> {
  if (sums.length === 0) return;
  const columns = [...owner.map(([column]) => column), "every", "start"];
  const types = [...owner.map(([, type]) => type), "text", "timestamptz"];
  const keys = [
    ...owner.map((_, index) => sums.map(sum => sum.owner[index])),
    sums.map(({ every }) => every),
    sums.map(({ startMs }) => new Date(startMs).toISOString()),
  ];
  const given = `unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(", ")})`;
  const list = columns.join(", ");
  await sql.run(`insert into ${name} (${list}) select * from ${given} on conflict do nothing`, keys);
  const joined = columns.map(column => `s.${column} = t.${column}`).join(" and ");
  const starts = sums.map(({ startMs }) => startMs);
  // The bounds leave out partitions before the plan is made.
  const bounds = [Math.min(...starts), Math.max(...starts)].map(ms => `'${new Date(ms).toISOString()}'::timestamptz`);
  const within = `s.start between ${bounds.join(" and ")}`;
  const rows = await sql.rows(
    StoredRow,
    `select t.place, s.tally from ${given} with ordinality as t (${list}, place) join ${name} s on ${joined}
       where ${within} order by t.place for update of s`,
    keys,
  );
  const merged = rows.flatMap(({ place, tally }) => {
    const sum = sums[place - 1];
    return sum === undefined ? [] : [JSON.stringify(tallyJson(mergeTallies(readTally(tally), sum.tally)))];
  });
  const pick = (values: readonly unknown[]) => rows.map(({ place }) => values[place - 1]);
  await sql.run(
    `update ${name} s set tally = t.tally
       from unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(", ")}, $${columns.length + 1}::jsonb[])
         as t (${list}, tally)
       where ${joined} and ${within}`,
    [...keys.map(pick), merged],
  );
}

/** What one event counts for its device and its tenant. */
export function happeningOf(row: EventRow): Happening {
  switch (row.kind) {
    case "up": {
      const best = row.rxInfo.reduce<(typeof row.rxInfo)[number] | undefined>(
        (so, copy) => (so === undefined || (copy.snr ?? 0) > (so.snr ?? 0) ? copy : so),
        undefined,
      );
      return {
        counts: { uplinks: 1 },
        by: { dataRate: row.dr?.toString(), frequency: row.frequency?.toString() },
        figures: { rssi: best?.rssi, snr: best?.snr, gateways: row.gatewayIds.length },
      };
    }
    case "join":
      return { counts: { joins: 1 } };
    case "txack":
      return { counts: { downlinks: 1 }, by: { downlinkFrequency: row.frequency?.toString() } };
    case "ack":
      return { counts: row.acknowledged === true ? { acks: 1 } : { nacks: 1 } };
    case "status":
      return { counts: { statuses: 1 }, figures: { battery: row.batteryLevel, margin: row.margin } };
    case "log":
      return row.level === "INFO" ? { counts: { notes: 1 } } : { counts: { errors: 1 }, by: { error: row.code } };
    case "location":
      return { counts: { locations: 1 } };
  }
}

/** Adds events to the sums of their devices and tenants, and to what was told last. */
export async function countEvents(rows: readonly EventRow[], sql: SqlTransaction): Promise<void> {
  const [told, uplinks, tenants] = [[] as Told[], [] as Told[], new Sums()];
  for (const row of rows) {
    const { devEui, tenantId, atMs, object } = row;
    const happening = happeningOf(row);
    const one = { devEui, tenantId, atMs, happening, measurements: object === undefined ? [] : measurementsOf(object) };
    told.push(one);
    if (row.kind === "up") uplinks.push(one);
    tenants.add([tenantId], atMs, happening);
  }
  await addToDays(sql, told);
  await addSums(sql, tenantSums, tenants.ordered);
  await putLatest(sql, uplinks);
}

/** Adds frames to the sums of the gateways that heard or sent them. */
export async function countFrames(frames: readonly FrameRecord[], sql: SqlTransaction): Promise<void> {
  const gateways = new Sums();
  for (const frame of frames) {
    if (frame.direction === "up") {
      const [frequency, dataRate] = [String(frame.txInfo.frequency), modulationName(frame.txInfo.modulation)];
      for (const gatewayId of gatewaysOf(frame)) {
        const { rssi, snr } = frame.rxInfo.find(copy => copy.gatewayId === gatewayId) ?? {};
        const by = { frequency, dataRate, channel: `${frequency} ${dataRate}`, verdict: frame.verdict };
        gateways.add([gatewayId], frame.atMs, { counts: { received: 1 }, by, figures: { rssi, snr } });
      }
      continue;
    }
    for (const { gatewayId, status } of frame.attempts) {
      const isSent = status === "OK";
      const by = { status, ...(isSent && { downlinkFrequency: frame.txInfo?.frequency.toString() }) };
      gateways.add([gatewayId], frame.atMs, { counts: isSent ? { sent: 1 } : { refused: 1 }, by });
    }
  }
  await addSums(sql, gatewaySums, gateways.ordered);
}

/** Like `SF7BW125`, as Semtech's forwarders spell it. */
function modulationName(modulation: TxModulation): string {
  if ("lora" in modulation) return `SF${modulation.lora.spreadingFactor}BW${modulation.lora.bandwidth / 1000}`;
  if ("fsk" in modulation) return `FSK${modulation.fsk.datarate}`;
  return `LR-FHSS${modulation.lrFhss.operatingChannelWidth / 1000}`;
}

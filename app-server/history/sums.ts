import Type, { type Static } from "typebox";
import { type FrameRecord, gatewaysOf } from "../../platform/frames/frame-record.ts";
import type { SqlTransaction } from "../../platform/sql.ts";
import type { TxModulation } from "../../platform/state/network-event.ts";
import type { EventRow } from "./event-row.ts";
import {
  addMeasurements,
  type Measured,
  type MeasuredSum,
  measuredOf,
  measurementsOf,
  mergeMeasured,
} from "./measured.ts";
import { MeasuredColumn, measuredJson, readMeasured, readTally, TallyColumn, tallyJson } from "./sum-columns.ts";
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
  readonly measured: Map<string, MeasuredSum>;
}

/** Sums that are put together in memory before they are added to those in the database. */
class Sums {
  readonly #sums = new Map<string, Sum>();

  add(owner: readonly string[], atMs: number, happening: Happening, told?: Measured): void {
    for (const every of ["hour", "day"] as const) {
      const startMs = Math.floor(atMs / lengths[every]) * lengths[every];
      const key = [...owner, every, startMs].join(" ");
      const sum = this.#sums.get(key) ?? { owner, every, startMs, tally: new GrowingTally(), measured: new Map() };
      sum.tally.add(happening);
      if (told) addMeasurements(sum.measured, told);
      this.#sums.set(key, sum);
    }
  }

  /** In one order, in which every server takes the rows. */
  get ordered(): readonly Sum[] {
    return [...this.#sums].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, sum]) => sum);
  }
}

interface SumTable {
  readonly name: "device_sums" | "gateway_sums" | "tenant_sums";
  readonly owner: readonly (readonly [column: string, type: "text" | "uuid"])[];
}

const deviceSums: SumTable = {
  name: "device_sums",
  owner: [
    ["dev_eui", "text"],
    ["tenant_id", "uuid"],
  ],
};
const gatewaySums: SumTable = { name: "gateway_sums", owner: [["gateway_id", "text"]] };
const tenantSums: SumTable = { name: "tenant_sums", owner: [["tenant_id", "uuid"]] };

const StoredRow = Type.Object({
  place: Type.Integer(),
  tally: TallyColumn,
  measured: Type.Optional(MeasuredColumn),
});

/** Reads, adds and writes rows that nobody else changes meanwhile: the same whoever comes first. */
async function addSums(sql: SqlTransaction, { name, owner }: SumTable, sums: readonly Sum[]): Promise<void> {
  if (sums.length === 0) return;
  const hasMeasured = name === "device_sums";
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
    `select t.place, s.tally${hasMeasured ? ", s.measured" : ""}
       from ${given} with ordinality as t (${list}, place) join ${name} s on ${joined}
       where ${within} order by t.place for update of s`,
    keys,
  );
  const merged = rows.flatMap(row => {
    const sum = sums[row.place - 1];
    return sum === undefined ? [] : [mergedRow(sum, row)];
  });
  const pick = (values: readonly unknown[]) => rows.map(({ place }) => values[place - 1]);
  const [tallyAt, measuredAt] = [columns.length + 1, columns.length + 2];
  await sql.run(
    `update ${name} s set tally = t.tally${hasMeasured ? ", measured = t.measured" : ""}
       from unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(", ")}, $${tallyAt}::jsonb[]${
         hasMeasured ? `, $${measuredAt}::jsonb[]` : ""
       }) as t (${list}, tally${hasMeasured ? ", measured" : ""})
       where ${joined} and ${within}`,
    [
      ...keys.map(pick),
      merged.map(({ tally }) => tally),
      ...(hasMeasured ? [merged.map(({ measured }) => measured)] : []),
    ],
  );
}

function mergedRow(sum: Sum, { tally, measured = {} }: Static<typeof StoredRow>) {
  return {
    tally: JSON.stringify(tallyJson(mergeTallies(readTally(tally), sum.tally))),
    measured: JSON.stringify(measuredJson(mergeMeasured(readMeasured(measured), sum.measured))),
  };
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

const nothing: Measured = new Map();

/** Adds events to the sums of their devices and tenants, and to what was told last. */
export async function countEvents(rows: readonly EventRow[], sql: SqlTransaction): Promise<void> {
  const [devices, tenants] = [new Sums(), new Sums()];
  const latest = new Map<string, { row: EventRow; measured: Measured }>();
  for (const row of rows) {
    const happening = happeningOf(row);
    const measured = row.object === undefined ? nothing : measuredOf(measurementsOf(row.object), row.atMs);
    devices.add([row.devEui, row.tenantId], row.atMs, happening, measured);
    tenants.add([row.tenantId], row.atMs, happening);
    if (row.kind !== "up") continue;
    const key = `${row.devEui} ${row.tenantId}`;
    const known = latest.get(key);
    latest.set(key, {
      row: known !== undefined && known.row.atMs > row.atMs ? known.row : row,
      measured: known === undefined ? measured : mergeMeasured(known.measured, measured),
    });
  }
  await addSums(sql, deviceSums, devices.ordered);
  await addSums(sql, tenantSums, tenants.ordered);
  const ordered = [...latest].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry);
  await putLatest(sql, ordered);
}

const LatestRow = Type.Object({ place: Type.Integer(), measured: MeasuredColumn });

async function putLatest(
  sql: SqlTransaction,
  entries: readonly { readonly row: EventRow; readonly measured: Measured }[],
): Promise<void> {
  if (entries.length === 0) return;
  const keys = [entries.map(({ row }) => row.devEui), entries.map(({ row }) => row.tenantId)];
  const given = "unnest($1::text[], $2::uuid[])";
  await sql.run(`insert into device_latest (dev_eui, tenant_id) select * from ${given} on conflict do nothing`, keys);
  const rows = await sql.rows(
    LatestRow,
    `select t.place, l.measured from ${given} with ordinality as t (dev_eui, tenant_id, place)
       join device_latest l on l.dev_eui = t.dev_eui and l.tenant_id = t.tenant_id order by t.place for update of l`,
    keys,
  );
  const found = rows.flatMap(({ place, measured }) => {
    const entry = entries[place - 1];
    return entry === undefined ? [] : [{ entry, merged: mergeMeasured(readMeasured(measured), entry.measured) }];
  });
  await sql.run(
    `update device_latest l set heard_at = greatest(l.heard_at, t.heard_at), measured = t.measured
       from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::jsonb[]) as t (dev_eui, tenant_id, heard_at, measured)
       where l.dev_eui = t.dev_eui and l.tenant_id = t.tenant_id`,
    [
      found.map(({ entry }) => entry.row.devEui),
      found.map(({ entry }) => entry.row.tenantId),
      found.map(({ entry }) => entry.row.time),
      found.map(({ merged }) => JSON.stringify(measuredJson(merged))),
    ],
  );
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

import Type, { type Static } from "typebox";
import { jsonList, jsonTexts } from "../../platform/json-list.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { Span } from "../history-ports.ts";
import {
  addMeasurements,
  type Measured,
  type MeasuredSum,
  type Measurement,
  measuredOf,
  mergeMeasured,
} from "./measured.ts";
import { MeasuredColumn, measuredJson, readMeasured, readTally, TallyColumn, tallyJson } from "./sum-columns.ts";
import { GrowingTally, type Happening, mergeTallies, type Tally } from "./tally.ts";

/**
 * What devices did and measured: a row for each device and day. An event is one more line in `pending`, which costs the
 * database little more than the line. Lines that have become many are added up to the sums of their hours in `hours`.
 * Whoever reads a day adds up what is left.
 */

const hourMs = 3_600_000;
const dayMs = 86_400_000;
/** Bytes of `pending` that are not worth adding up: a dozen events. More is left where what it would be added to is large. */
const shortPending = 2000;

/** What an event tells of its device. */
export interface Told {
  readonly devEui: string;
  readonly tenantId: string;
  readonly atMs: number;
  readonly happening: Happening;
  readonly measurements: readonly Measurement[];
}

/** What is known of some time. */
export interface TimeSum {
  readonly startMs: number;
  readonly tally: Tally;
  readonly measured: Measured;
}

const Line = Type.Tuple([
  Type.Number(),
  Type.Object({
    counts: Type.Record(Type.String(), Type.Number()),
    by: Type.Optional(Type.Record(Type.String(), Type.String())),
    figures: Type.Optional(Type.Record(Type.String(), Type.Number())),
  }),
  Type.Array(Type.Tuple([Type.String(), Type.Union([Type.Number(), Type.String()])])),
]);

const DayRow = Type.Object({
  start: Type.String(),
  hours: Type.Record(Type.String(), Type.Object({ tally: TallyColumn, measured: MeasuredColumn })),
  pending: Type.Array(Line),
});
type DayRow = Static<typeof DayRow>;
const LongRow = Type.Object({ devEui: Type.String(), tenantId: Type.String(), ...DayRow.properties });

/** A comma before each line makes of many the inside of a list. */
const lineOf = ({ atMs, happening, measurements }: Told): string =>
  `,${JSON.stringify([atMs, happening, measurements])}`;
const pendingLines = "('[' || ltrim(d.pending, ',') || ']')::json as pending";
const key = ["text", "uuid", "timestamptz"].map((type, index) => `$${index + 1}::${type}[]`).join(", ");
const sameKey = "d.dev_eui = t.dev_eui and d.tenant_id = t.tenant_id and d.start = t.start";

/** In the transaction that keeps the events. */
export async function addToDays(sql: SqlTransaction, told: readonly Told[]): Promise<void> {
  const lines = new Map<string, { readonly first: Told; pending: string }>();
  for (const one of told) {
    const name = `${one.devEui} ${one.tenantId} ${dayOf(one.atMs)}`;
    const known = lines.get(name);
    if (known === undefined) lines.set(name, { first: one, pending: lineOf(one) });
    else known.pending += lineOf(one);
  }
  if (lines.size === 0) return;
  // In one order, in which every server takes the rows.
  const days = [...lines].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, day]) => day);
  const long = await sql.rows(
    LongRow,
    `with put as (
       insert into device_days as d (dev_eui, tenant_id, start, pending)
         select * from unnest(${key}, ${jsonTexts("$4")})
         on conflict (dev_eui, tenant_id, start) do update set pending = d.pending || excluded.pending
         returning dev_eui, tenant_id, start, hours, pending)
     select d.dev_eui as "devEui", d.tenant_id as "tenantId", d.start, d.hours, ${pendingLines} from put d
       where octet_length(d.pending) > greatest(${shortPending}, pg_column_size(d.hours))`,
    [
      days.map(({ first }) => first.devEui),
      days.map(({ first }) => first.tenantId),
      days.map(({ first }) => new Date(dayOf(first.atMs)).toISOString()),
      jsonList(days.map(({ pending }) => pending)),
    ],
  );
  if (long.length === 0) return;
  await sql.run(
    `update device_days d set hours = t.hours, pending = ''
       from unnest(${key}, $4::json[]) as t (dev_eui, tenant_id, start, hours) where ${sameKey}`,
    [
      long.map(({ devEui }) => devEui),
      long.map(({ tenantId }) => tenantId),
      long.map(({ start }) => start),
      long.map(row => JSON.stringify(hoursJson(addUp(row)))),
    ],
  );
}

export type DeviceDays = (
  devEui: string,
  tenantId: string,
  every: "hour" | "day",
  span: Span,
) => Promise<readonly TimeSum[]>;

/** Hours or days of a device that begin in a span, in their order. Rejects with SqlError. */
export const createDeviceDays =
  (sql: Sql): DeviceDays =>
  async (devEui, tenantId, every, { since, until }) => {
    const [sinceMs, untilMs] = [Date.parse(since), Date.parse(until)];
    const rows = await sql.rows(
      DayRow,
      `select d.start, d.hours, ${pendingLines} from device_days d
         where d.dev_eui = $1 and d.tenant_id = $2 and d.start >= $3::timestamptz and d.start < $4::timestamptz order by d.start`,
      [devEui, tenantId, new Date(dayOf(sinceMs)).toISOString(), until],
    );
    return rows
      .flatMap(row => (every === "hour" ? addUp(row) : dayAsWhole(row)))
      .filter(({ startMs }) => startMs >= sinceMs && startMs < untilMs);
  };

const dayOf = (atMs: number): number => Math.floor(atMs / dayMs) * dayMs;

/** The hours of a day in which something happened, in their order. */
function addUp({ start, hours, pending }: DayRow): readonly TimeSum[] {
  const dayStartMs = Date.parse(start);
  const sums = new Map<number, TimeSum>();
  for (const [hour, { tally, measured }] of Object.entries(hours)) {
    const startMs = dayStartMs + Number(hour) * hourMs;
    sums.set(startMs, { startMs, tally: readTally(tally), measured: readMeasured(measured) });
  }
  for (const [startMs, lines] of Map.groupBy(pending, ([atMs]) => Math.floor(atMs / hourMs) * hourMs)) {
    const tally = new GrowingTally();
    const measured = new Map<string, MeasuredSum>();
    for (const [atMs, happening, measurements] of lines) {
      tally.add(happening);
      addMeasurements(measured, measuredOf(measurements, atMs));
    }
    const known = sums.get(startMs);
    sums.set(
      startMs,
      known === undefined ? { startMs, tally, measured } : mergedTime(known, { startMs, tally, measured }),
    );
  }
  return [...sums.values()].sort((one, other) => one.startMs - other.startMs);
}

const mergedTime = (one: TimeSum, other: TimeSum): TimeSum => ({
  startMs: one.startMs,
  tally: mergeTallies(one.tally, other.tally),
  measured: mergeMeasured(one.measured, other.measured),
});

const dayAsWhole = (row: DayRow): readonly TimeSum[] => {
  const [first, ...others] = addUp(row);
  return first === undefined ? [] : [{ ...others.reduce(mergedTime, first), startMs: Date.parse(row.start) }];
};

const hoursJson = (sums: readonly TimeSum[]) =>
  Object.fromEntries(
    sums.map(({ startMs, tally, measured }) => [
      (startMs % dayMs) / hourMs,
      { tally: tallyJson(tally), measured: measuredJson(measured) },
    ]),
  );

import Type, { type Static } from "typebox";
import type { Sql } from "../../platform/sql.ts";
import type { TenantScope } from "../catalog-ports.ts";
import type { MetricsPoint, Span } from "../history-ports.ts";
import { TallyColumn } from "./sum-columns.ts";

const MetricsRow = Type.Object({ start: Type.String(), tally: TallyColumn });
const Figure = Type.Union([Type.Number(), Type.Null()]);
const PartRow = Type.Object({
  start: Type.String(),
  part: Type.Enum(["counts", "by", "figures"]),
  group: Type.String(),
  name: Type.String(),
  sum: Type.Number(),
  count: Figure,
  min: Figure,
  max: Figure,
});
type PartRow = Static<typeof PartRow>;
export type SumEvery = "hour" | "day";

const stepsMs: Readonly<Record<SumEvery, number>> = { hour: 3_600_000, day: 86_400_000 };
/** What is over changes only by events that come late: those may wait. */
const knownForMs = 10 * 60_000;
/** The history may be behind what happens by as much. */
const settledAfterMs = 2 * 60_000;
const mostKnownSteps = 1000;

/** Each row of sums for itself: of one owner. `owner` is a condition on `$1`, `$2` and so on, its values. */
export async function sumsOfOne(
  sql: Sql,
  table: "gateway_sums" | "tenant_sums",
  owner: string,
  ids: readonly string[],
  every: SumEvery,
  { since, until }: Span,
): Promise<readonly MetricsPoint[]> {
  const [everyAt, sinceAt, untilAt] = [1, 2, 3].map(place => `$${ids.length + place}`);
  const rows = await sql.rows(
    MetricsRow,
    `select start, tally from ${table} where ${owner} and every = ${everyAt}
       and start >= ${sinceAt}::timestamptz and start < ${untilAt}::timestamptz order by start`,
    [...ids, every, since, until],
  );
  return rows.map(({ start, tally }) => metricsPoint(start, tally));
}

export const metricsPoint = (
  time: string,
  { counts = {}, by = {}, figures = {} }: Static<typeof TallyColumn>,
): MetricsPoint => ({
  time,
  counts,
  by,
  figures: Object.fromEntries(
    Object.entries(figures).map(([name, { count, sum, min, max }]) => [
      name,
      { count, average: sum / count, min, max },
    ]),
  ),
});

/** The database adds up, since a thousand tenants have a thousand rows for each hour. */
async function sumsOfMany(
  sql: Sql,
  tenants: TenantScope,
  every: SumEvery,
  { since, until }: Span,
): Promise<readonly MetricsPoint[]> {
  const isAll = tenants === "all";
  const rows = await sql.rows(
    PartRow,
    `with s as materialized (
         select start, tally from tenant_sums
           where every = $1 and start >= $2::timestamptz and start < $3::timestamptz${isAll ? "" : " and tenant_id = any($4::uuid[])"})
       select start, 'counts' as part, '' as "group", c.key as name, sum(c.value::float8) as sum,
           null::float8 as count, null::float8 as min, null::float8 as max
         from s, jsonb_each(tally -> 'counts') c group by s.start, c.key
       union all select start, 'by', g.key, c.key, sum(c.value::float8), null, null, null
         from s, jsonb_each(tally -> 'by') g, jsonb_each(g.value) c group by s.start, g.key, c.key
       union all select start, 'figures', '', f.key, sum((f.value ->> 'sum')::float8), sum((f.value ->> 'count')::float8),
           min((f.value ->> 'min')::float8), max((f.value ->> 'max')::float8)
         from s, jsonb_each(tally -> 'figures') f group by s.start, f.key
       order by start`,
    [every, since, until, ...(isAll ? [] : [tenants])],
  );
  return [...Map.groupBy(rows, ({ start }) => start)].map(([time, parts]) => pointOf(time, parts));
}

function pointOf(time: string, rows: readonly PartRow[]): MetricsPoint {
  const ofPart = (part: PartRow["part"]) => rows.filter(row => row.part === part);
  const sumsOf = (parts: readonly PartRow[]) => Object.fromEntries(parts.map(({ name, sum }) => [name, sum]));
  const groups = Map.groupBy(ofPart("by"), ({ group }) => group);
  return {
    time,
    counts: sumsOf(ofPart("counts")),
    by: Object.fromEntries([...groups].map(([group, parts]) => [group, sumsOf(parts)])),
    figures: Object.fromEntries(
      ofPart("figures").map(({ name, sum, count, min, max }) => {
        const times = count ?? 0;
        return [name, { count: times, average: sum / Math.max(times, 1), min: min ?? 0, max: max ?? 0 }];
      }),
    ),
  };
}

interface KnownStep {
  readonly point: MetricsPoint | undefined;
  readonly readAtMs: number;
}

export type TenantSums = (
  tenants: TenantScope,
  every: SumEvery,
  span: Span,
  nowMs: number,
) => Promise<readonly MetricsPoint[]>;

/** Sums over tenants. Of all tenants together, steps that are over are read once for everybody who looks. */
export function createTenantSums(sql: Sql): TenantSums {
  const known = new Map<string, KnownStep>();

  async function ofAll(every: SumEvery, span: Span, nowMs: number): Promise<readonly MetricsPoint[]> {
    for (const [key, { readAtMs }] of known) if (Math.abs(nowMs - readAtMs) > knownForMs) known.delete(key);
    const stepMs = stepsMs[every];
    const [sinceMs, untilMs] = [Date.parse(span.since), Date.parse(span.until)];
    const steps = Math.ceil((untilMs - sinceMs) / stepMs);
    if (steps > mostKnownSteps || sinceMs % stepMs !== 0) return sumsOfMany(sql, "all", every, span);
    const starts = Array.from({ length: steps }, (_, index) => new Date(sinceMs + index * stepMs).toISOString());
    const keyOf = (start: string): string => `${every} ${start}`;
    const missing = starts.find(start => !known.has(keyOf(start)));
    const read = missing === undefined ? [] : await sumsOfMany(sql, "all", every, { ...span, since: missing });
    const points = new Map(read.map(point => [point.time, point]));
    return starts.flatMap(start => {
      if (missing === undefined || start < missing) return known.get(keyOf(start))?.point ?? [];
      const point = points.get(start);
      if (Date.parse(start) + stepMs + settledAfterMs < nowMs) known.set(keyOf(start), { point, readAtMs: nowMs });
      return point ?? [];
    });
  }

  return async (tenants, every, span, nowMs) => {
    if (tenants === "all") return ofAll(every, span, nowMs);
    const [only, ...others] = tenants;
    if (only === undefined) return [];
    if (others.length === 0) return sumsOfOne(sql, "tenant_sums", "tenant_id = $1", [only], every, span);
    return sumsOfMany(sql, tenants, every, span);
  };
}

import type { Schemas } from "../../../../client/client.ts";

/** What happened in one hour or day: of a tenant, gateway or device alike. */
export type Point = Schemas["TenantMetrics"]["items"][number];

const byTime = (points: readonly Point[]): ReadonlyMap<number, Point> =>
  new Map(points.map(point => [Date.parse(point.time), point]));

/** How often something happened in each step; 0 where there is nothing of that time. */
export function countsOver(points: readonly Point[], steps: readonly number[], ...names: readonly string[]) {
  const found = byTime(points);
  return steps.map(step => names.reduce((sum, name) => sum + (found.get(step)?.counts[name] ?? 0), 0));
}

/** A figure in each step; null where none was measured. */
export function figuresOver(
  points: readonly Point[],
  steps: readonly number[],
  name: string,
  part: "average" | "min" | "max",
): readonly (number | null)[] {
  const found = byTime(points);
  return steps.map(step => found.get(step)?.figures[name]?.[part] ?? null);
}

export const totalOf = (points: readonly Point[], ...names: readonly string[]): number =>
  points.reduce((sum, { counts }) => sum + names.reduce((so, name) => so + (counts[name] ?? 0), 0), 0);

/** Over the whole time, in the order of names read as numbers where they are some. */
export function totalsBy(points: readonly Point[], group: string): ReadonlyMap<string, number> {
  const totals = new Map<string, number>();
  for (const { by } of points) {
    for (const [sort, count] of Object.entries(by[group] ?? {})) totals.set(sort, (totals.get(sort) ?? 0) + count);
  }
  return new Map([...totals].sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true })));
}

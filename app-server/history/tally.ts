/** Of figures in some time. */
export interface Spread {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** What happened in some time: how often, how often of each sort, and figures. */
export interface Tally {
  readonly counts: ReadonlyMap<string, number>;
  readonly by: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly figures: ReadonlyMap<string, Spread>;
}

/** Sorts beyond these are counted as a whole alone; a channel is a frequency with a data rate. */
const mostSorts = (group?: string): number => (group === "channel" ? 512 : 64);

/** What one thing that happened counts. */
export interface Happening {
  readonly counts: Readonly<Record<string, number>>;
  readonly by?: Readonly<Record<string, string | undefined>>;
  readonly figures?: Readonly<Record<string, number | undefined>>;
}

/** A tally that is added to as things happen: what many copies of maps would cost otherwise. */
export class GrowingTally implements Tally {
  readonly counts = new Map<string, number>();
  readonly by = new Map<string, Map<string, number>>();
  readonly figures = new Map<string, Spread>();

  add({ counts, by = {}, figures = {} }: Happening): void {
    for (const name of Object.keys(counts)) increase(this.counts, name, counts[name] ?? 0);
    for (const group of Object.keys(by)) {
      const sort = by[group];
      if (sort === undefined) continue;
      const sorts = this.by.get(group) ?? new Map<string, number>();
      this.by.set(group, sorts);
      increase(sorts, sort, 1, mostSorts(group));
    }
    for (const name of Object.keys(figures)) {
      const value = figures[name];
      if (value === undefined) continue;
      const spread = { count: 1, sum: value, min: value, max: value };
      const known = this.figures.get(name);
      this.figures.set(name, known === undefined ? spread : mergeSpreads(known, spread));
    }
  }
}

function increase(counts: Map<string, number>, name: string, by: number, most = mostSorts()): void {
  const known = counts.get(name);
  if (known !== undefined || counts.size < most) counts.set(name, (known ?? 0) + by);
}

export function mergeTallies(one: Tally, other: Tally): Tally {
  const by = new Map(one.by);
  for (const [group, sorts] of other.by)
    by.set(group, mergeCounts(by.get(group) ?? new Map(), sorts, mostSorts(group)));
  const figures = new Map(one.figures);
  for (const [name, spread] of other.figures) {
    const known = figures.get(name);
    figures.set(name, known === undefined ? spread : mergeSpreads(known, spread));
  }
  return { counts: mergeCounts(one.counts, other.counts), by, figures };
}

function mergeCounts(
  one: ReadonlyMap<string, number>,
  other: ReadonlyMap<string, number>,
  most = mostSorts(),
): ReadonlyMap<string, number> {
  const merged = new Map(one);
  for (const [name, count] of other) {
    const known = merged.get(name);
    if (known !== undefined || merged.size < most) merged.set(name, (known ?? 0) + count);
  }
  return merged;
}

const mergeSpreads = (one: Spread, other: Spread): Spread => ({
  count: one.count + other.count,
  sum: one.sum + other.sum,
  min: Math.min(one.min, other.min),
  max: Math.max(one.max, other.max),
});

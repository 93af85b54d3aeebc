/** A number or a state that a device told, under the names that lead to it, with dots between. */
export type Measurement = readonly [key: string, value: number | string];

const maxDepth = 8;
const maxKeyLength = 100;
const maxStateLength = 64;
/** Of one payload, and of what is kept of a device in one row. */
export const maxKeys = 64;
/** Different states that are counted one by one. */
const maxStates = 16;

/** As JSON columns of PostgreSQL can hold it. */
const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "");

/**
 * Numbers and states of a decoded payload: what is nested under its names with dots between, members of lists under their
 * place. Texts that are too long to be a state, and what is beyond the bounds, are no measurements. Pure; never throws.
 */
export function measurementsOf(object: Readonly<Record<string, unknown>>): readonly Measurement[] {
  const found = new Map<string, number | string>();
  const visit = (key: string, value: unknown, depth: number): void => {
    if (found.size >= maxKeys || key.length > maxKeyLength) return;
    if (typeof value === "number") {
      if (Number.isFinite(value)) put(key, value);
    } else if (typeof value === "boolean") put(key, String(value));
    else if (typeof value === "string") {
      if (value.length <= maxStateLength) put(key, storable(value));
    } else if (typeof value === "object" && value !== null && depth < maxDepth) {
      for (const [name, member] of Object.entries(value))
        visit(key === "" ? name : `${key}.${name}`, member, depth + 1);
    }
  };
  const put = (key: string, value: number | string): void => {
    const name = storable(key);
    if (name !== "" && !found.has(name)) found.set(name, value);
  };
  visit("", object, 0);
  return [...found];
}

export interface NumberSum {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly last: number;
  readonly lastAtMs: number;
}

export interface StateSum {
  readonly count: number;
  readonly last: string;
  readonly lastAtMs: number;
  /** How often each was told; those beyond the first few are in `count` alone. */
  readonly states: readonly (readonly [state: string, count: number])[];
}

/** What became of one measurement in some time. A codec that changes its mind about what it tells has both. */
export interface MeasuredSum {
  readonly number?: NumberSum;
  readonly state?: StateSum;
}

export type Measured = ReadonlyMap<string, MeasuredSum>;

export function measuredOf(measurements: readonly Measurement[], atMs: number): Measured {
  return new Map(
    measurements.map(([key, value]) => [
      key,
      typeof value === "number"
        ? { number: { count: 1, sum: value, min: value, max: value, last: value, lastAtMs: atMs } }
        : { state: { count: 1, last: value, lastAtMs: atMs, states: [[value, 1]] } },
    ]),
  );
}

/** Adds what was told at a time to sums that grow. */
export function addMeasurements(sums: Map<string, MeasuredSum>, told: Measured): void {
  for (const [key, sum] of told) {
    const known = sums.get(key);
    if (known !== undefined) sums.set(key, mergeSums(known, sum));
    else if (sums.size < maxKeys) sums.set(key, sum);
  }
}

/** Both together; the order does not matter but for values of the same millisecond. New names beyond the bound are left out. */
export function mergeMeasured(one: Measured, other: Measured): Measured {
  const merged = new Map(one);
  addMeasurements(merged, other);
  return merged;
}

function mergeSums(one: MeasuredSum, other: MeasuredSum): MeasuredSum {
  const number = one.number && other.number ? mergeNumbers(one.number, other.number) : (one.number ?? other.number);
  const state = one.state && other.state ? mergeStates(one.state, other.state) : (one.state ?? other.state);
  return { ...(number && { number }), ...(state && { state }) };
}

const later = <Sum extends { readonly lastAtMs: number }>(one: Sum, other: Sum): Sum =>
  other.lastAtMs >= one.lastAtMs ? other : one;

function mergeNumbers(one: NumberSum, other: NumberSum): NumberSum {
  const { last, lastAtMs } = later(one, other);
  return {
    count: one.count + other.count,
    sum: one.sum + other.sum,
    min: Math.min(one.min, other.min),
    max: Math.max(one.max, other.max),
    last,
    lastAtMs,
  };
}

function mergeStates(one: StateSum, other: StateSum): StateSum {
  const { last, lastAtMs } = later(one, other);
  const states = new Map(one.states);
  for (const [state, count] of other.states) {
    const known = states.get(state);
    if (known !== undefined || states.size < maxStates) states.set(state, (known ?? 0) + count);
  }
  return { count: one.count + other.count, last, lastAtMs, states: [...states] };
}

/** Whichever of the two was told last. */
export function latestOf({ number, state }: MeasuredSum): { readonly value: number | string; readonly atMs: number } {
  if (number !== undefined && (state === undefined || number.lastAtMs >= state.lastAtMs)) {
    return { value: number.last, atMs: number.lastAtMs };
  }
  return { value: state?.last ?? "", atMs: state?.lastAtMs ?? 0 };
}

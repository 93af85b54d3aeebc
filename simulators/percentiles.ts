export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly highest: number;
}

/** Nearest rank; all 0 for no values. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), highest: at(1) };
}

/** In one line, in milliseconds. */
export const percentilesText = ({ p50, p95, p99, highest }: Percentiles): string =>
  [`p50 ${p50.toFixed(1)}`, `p95 ${p95.toFixed(1)}`, `p99 ${p99.toFixed(1)}`, `highest ${highest.toFixed(1)} ms`].join(
    ", ",
  );

/** 1980-01-06T00:00:00Z, where GPS time began equal to UTC. */
const gpsEpochUtcMs = Date.UTC(1980, 0, 6);

export interface LeapSecondEntry {
  /** First instant, as a UTC timestamp, at which the difference holds. */
  readonly fromUtcMs: number;
  /** GPS time minus UTC from then on. */
  readonly gpsMinusUtcSeconds: number;
}

const from = (year: number, month: number, gpsMinusUtcSeconds: number): LeapSecondEntry => ({
  fromUtcMs: Date.UTC(year, month - 1, 1),
  gpsMinusUtcSeconds,
});

/**
 * IERS Bulletin C (leap-seconds.list), oldest first. A new leap second, positive or negative, is announced half a
 * year ahead and is one more line here.
 */
export const leapSeconds: readonly LeapSecondEntry[] = [
  from(1981, 7, 1),
  from(1982, 7, 2),
  from(1983, 7, 3),
  from(1985, 7, 4),
  from(1988, 1, 5),
  from(1990, 1, 6),
  from(1991, 1, 7),
  from(1992, 7, 8),
  from(1993, 7, 9),
  from(1994, 7, 10),
  from(1996, 1, 11),
  from(1997, 7, 12),
  from(1999, 1, 13),
  from(2006, 1, 14),
  from(2009, 1, 15),
  from(2012, 7, 16),
  from(2015, 7, 17),
  from(2017, 1, 18),
];

/** Milliseconds since the GPS epoch of a UTC timestamp in milliseconds (DeviceTimeAns, class B beacons). */
export function gpsMsOf(utcMs: number, table: readonly LeapSecondEntry[] = leapSeconds): number {
  const entry = table.findLast(({ fromUtcMs }) => utcMs >= fromUtcMs);
  return utcMs - gpsEpochUtcMs + 1000 * (entry?.gpsMinusUtcSeconds ?? 0);
}

/**
 * UTC timestamp in milliseconds of GPS milliseconds. UTC timestamps have no name for an inserted second (23:59:60);
 * it reads as the second before it, which is then told twice, as POSIX clocks do.
 */
export function utcMsOf(gpsMs: number, table: readonly LeapSecondEntry[] = leapSeconds): number {
  const entry = table.findLast(
    ({ fromUtcMs, gpsMinusUtcSeconds }) => gpsMs >= fromUtcMs - gpsEpochUtcMs + 1000 * gpsMinusUtcSeconds,
  );
  const utcMs = gpsMs + gpsEpochUtcMs - 1000 * (entry?.gpsMinusUtcSeconds ?? 0);
  const next = table[entry === undefined ? 0 : table.indexOf(entry) + 1];
  return next !== undefined && utcMs >= next.fromUtcMs ? utcMs - 1000 : utcMs;
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gpsMsOf, type LeapSecondEntry, leapSeconds, utcMsOf } from "../../lorawan/gps-time.ts";

describe("C48 GPS time", () => {
  test.each([
    ["1980-01-06T00:00:00Z", 0],
    ["1981-06-30T23:59:59Z", 46_828_799],
    ["1981-07-01T00:00:00Z", 46_828_801],
    ["1999-08-22T00:00:00Z", 1024 * 604_800 + 13],
    ["2016-12-31T23:59:59Z", 1_167_264_016],
    ["2017-01-01T00:00:00Z", 1_167_264_018],
    ["2020-02-29T12:34:56Z", 1_267_014_914],
  ])("C48 %s is GPS second %i", (utc, gpsSeconds) => {
    expect(gpsMsOf(Date.parse(utc))).toBe(gpsSeconds * 1000);
    expect(utcMsOf(gpsSeconds * 1000)).toBe(Date.parse(utc));
  });

  test("C48 GPS is 18 s ahead of UTC since 2017", () => {
    const utcMs = Date.parse("2025-06-01T00:00:00Z");
    expect(gpsMsOf(utcMs) - (utcMs - Date.parse("1980-01-06T00:00:00Z"))).toBe(18_000);
  });

  test("C48 the table is that of leap-seconds.list, which counts from 1900 and has TAI, 19 s ahead of GPS", () => {
    const published = [
      [2571782400, 20],
      [2603318400, 21],
      [2634854400, 22],
      [2698012800, 23],
      [2776982400, 24],
      [2840140800, 25],
      [2871676800, 26],
      [2918937600, 27],
      [2950473600, 28],
      [2982009600, 29],
      [3029443200, 30],
      [3076704000, 31],
      [3124137600, 32],
      [3345062400, 33],
      [3439756800, 34],
      [3550089600, 35],
      [3644697600, 36],
      [3692217600, 37],
    ];
    const from1900 = ({ fromUtcMs, gpsMinusUtcSeconds }: LeapSecondEntry) => [
      (fromUtcMs - Date.UTC(1900, 0, 1)) / 1000,
      gpsMinusUtcSeconds + 19,
    ];
    expect(leapSeconds.map(from1900)).toEqual(published);
  });

  test("C48 the table rises by one second a line", () => {
    expect(leapSeconds.map(entry => entry.gpsMinusUtcSeconds)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
    expect(leapSeconds.map(entry => entry.fromUtcMs)).toEqual(
      leapSeconds.map(entry => entry.fromUtcMs).toSorted((one, other) => one - other),
    );
  });

  test("C48 an inserted second repeats the one before it", () => {
    const boundary = gpsMsOf(Date.parse("2017-01-01T00:00:00Z"));
    expect(utcMsOf(boundary - 1)).toBe(Date.parse("2016-12-31T23:59:59.999Z"));
    expect(utcMsOf(boundary - 1000)).toBe(Date.parse("2016-12-31T23:59:59.000Z"));
    expect(utcMsOf(boundary - 1001)).toBe(Date.parse("2016-12-31T23:59:59.999Z"));
    expect(utcMsOf(boundary - 2000)).toBe(Date.parse("2016-12-31T23:59:59.000Z"));
  });

  test("C48 a leap second to come is one more line of data, of either sign", () => {
    const fromUtcMs = Date.parse("2035-07-01T00:00:00Z");
    for (const gpsMinusUtcSeconds of [17, 19]) {
      const table = [...leapSeconds, { fromUtcMs, gpsMinusUtcSeconds }];
      const ahead = (utcMs: number) => (gpsMsOf(utcMs, table) - gpsMsOf(utcMs)) / 1000;
      expect([ahead(fromUtcMs - 1), ahead(fromUtcMs)]).toEqual([0, gpsMinusUtcSeconds - 18]);
      expect(utcMsOf(gpsMsOf(fromUtcMs, table), table)).toBe(fromUtcMs);
      expect(utcMsOf(gpsMsOf(fromUtcMs - 2001, table), table)).toBe(fromUtcMs - 2001);
    }
  });

  test("C48 every UTC time is found again", () => {
    const times = fc.oneof(
      fc.integer({ min: Date.parse("1980-01-06"), max: Date.parse("2100-01-01") }),
      fc.tuple(fc.constantFrom(...leapSeconds), fc.integer({ min: -3000, max: 3000 })).map(([e, d]) => e.fromUtcMs + d),
    );
    fc.assert(
      fc.property(times, utcMs => utcMsOf(gpsMsOf(utcMs)) === utcMs),
      { numRuns: 5000 },
    );
  });
});

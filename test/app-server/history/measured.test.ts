import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Measured,
  type Measurement,
  measuredOf,
  measurementsOf,
  mergeMeasured,
} from "../../../app-server/history/measured.ts";
import { GrowingTally, type Happening, mergeTallies, type Tally } from "../../../app-server/history/tally.ts";

describe("measurements of a payload", () => {
  test("are its numbers and states, under the names that lead to them", () => {
    const object = {
      temperature: 21.5,
      door: { open: true, state: "ajar" },
      list: [1, { x: 2 }],
      nothing: null,
      text: "x".repeat(65),
      "": 3,
    };
    expect(measurementsOf(object)).toEqual([
      ["temperature", 21.5],
      ["door.open", "true"],
      ["door.state", "ajar"],
      ["list.0", 1],
      ["list.1.x", 2],
    ]);
  });

  test("are kept within bounds, and one name is one measurement", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`k${n}`, n]));
    expect(measurementsOf(many)).toHaveLength(64);
    const deep = JSON.parse(`${'{"a":'.repeat(50)}1${"}".repeat(50)}`);
    expect(measurementsOf(deep)).toEqual([]);
    expect(measurementsOf({ a: { b: 1 }, "a.b": 2 })).toEqual([["a.b", 1]]);
    expect(measurementsOf({ ["k".repeat(101)]: 1 })).toEqual([]);
  });

  test("whatever a codec tells can be kept by the database, and names that objects have a use for are names", () => {
    expect(
      measurementsOf(JSON.parse('{"__proto__":{"x":1},"constructor":2,"a\\u0000b":"\\u0000","c":"\\ud800"}')),
    ).toEqual([
      ["__proto__.x", 1],
      ["constructor", 2],
      ["ab", ""],
      ["c", "\ufffd"],
    ]);
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 5 })), object => {
        const found = measurementsOf(object);
        expect(found.length).toBeLessThanOrEqual(64);
        expect(new Set(found.map(([key]) => key)).size).toBe(found.length);
        for (const [key, value] of found) {
          expect(key.length).toBeLessThanOrEqual(100);
          expect(key.isWellFormed() && !key.includes("\0")).toBe(true);
          if (typeof value === "string") expect(value.isWellFormed() && value.length <= 64).toBe(true);
          else expect(Number.isFinite(value)).toBe(true);
        }
      }),
    );
  });

  test("every number of an object of objects is found where it is", () => {
    const name = fc.stringMatching(/^[a-z]{1,5}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.dictionary(name, fc.integer(), { maxKeys: 4 }), { maxKeys: 8 }), object => {
        const expected = Object.entries(object).flatMap(([outer, inner]) =>
          Object.entries(inner).map(([key, value]): Measurement => [`${outer}.${key}`, value]),
        );
        expect(measurementsOf(object)).toEqual(expected);
      }),
    );
  });
});

/** As JSON, with names in order. */
const plain = (measured: Measured) =>
  Object.fromEntries([...measured].toSorted(([one], [other]) => (one < other ? -1 : 1)));

function tallyOf(...happenings: readonly Happening[]): GrowingTally {
  const tally = new GrowingTally();
  for (const happening of happenings) tally.add(happening);
  return tally;
}

describe("sums", () => {
  const told = fc.array(
    fc.record({
      key: fc.constantFrom("a", "b"),
      value: fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constantFrom("on", "off")),
    }),
    { maxLength: 30 },
  );

  test("of measurements are the same however they are put together", () => {
    fc.assert(
      fc.property(told, fc.nat(30), (events, cut) => {
        const parts = events.map(({ key, value }, index) => measuredOf([[key, value]], index));
        const sumOf = (some: readonly Measured[]) => some.reduce(mergeMeasured, new Map());
        const whole = sumOf(parts);
        expect(plain(mergeMeasured(sumOf(parts.slice(0, cut)), sumOf(parts.slice(cut))))).toEqual(plain(whole));
        const numbers = events
          .filter(({ key, value }) => key === "a" && typeof value === "number")
          .map(({ value }) => Number(value));
        const sum = whole.get("a")?.number;
        expect(sum?.count ?? 0).toBe(numbers.length);
        if (sum === undefined) return;
        expect(sum).toMatchObject({
          sum: numbers.reduce((so, value) => so + value, 0),
          min: Math.min(...numbers),
          max: Math.max(...numbers),
          last: numbers.at(-1),
        });
      }),
    );
  });

  test("of what happened count each sort, up to a bound, and everything as a whole", () => {
    const tally = tallyOf(
      ...Array.from({ length: 100 }, (_, n) => ({
        counts: { errors: 1 },
        by: { error: `E${n}` },
        figures: { snr: n },
      })),
    );
    expect(tally.counts.get("errors")).toBe(100);
    expect(tally.by.get("error")?.size).toBe(64);
    expect(tally.figures.get("snr")).toEqual({ count: 100, sum: 4950, min: 0, max: 99 });
  });

  test("of what happened are the same in either order", () => {
    const [one, other] = [tallyOf({ counts: { a: 1 }, by: { x: "1" } }), tallyOf({ counts: { b: 1 }, by: { x: "2" } })];
    const json = ({ counts, by }: Tally) => [
      Object.fromEntries(counts),
      Object.fromEntries([...by].map(([group, sorts]) => [group, Object.fromEntries(sorts)])),
    ];
    const both = tallyOf({ counts: { a: 1 }, by: { x: "1" } }, { counts: { b: 1 }, by: { x: "2" } });
    expect(json(mergeTallies(one, other))).toEqual(json(both));
    expect(json(mergeTallies(other, one))).toEqual(json(both));
  });
});

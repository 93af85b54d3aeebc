import { describe, expect, test } from "vitest";
import { Conduct } from "../../../platform/sandbox/conduct.ts";

const options = { overrunsBeforeRest: 3, restMs: 10_000, longestRestMs: 60_000 };
const script = { owner: "tenant", key: "script" };

const overrunUntilRest = (conduct: Conduct, nowMs: number): number => {
  for (let n = 0; n < 10; n += 1) {
    const restMs = conduct.ran(script, 100, true, nowMs);
    if (restMs !== undefined) return restMs;
  }
  throw new Error("it never rests");
};

describe("a script that overruns", () => {
  test("rests after the third time, and may run again when the rest is over", () => {
    const conduct = new Conduct(options);
    expect(conduct.ran(script, 100, true, 0)).toBeUndefined();
    expect(conduct.ran(script, 100, true, 0)).toBeUndefined();
    expect(conduct.ran(script, 100, true, 0)).toBe(10_000);
    expect(conduct.restLeftMs("script", 4000)).toBe(6000);
    expect(conduct.restLeftMs("script", 10_000)).toBe(0);
    expect(conduct.restLeftMs("another", 0)).toBe(0);
  });

  test("rests twice as long each time after that, up to a limit", () => {
    const conduct = new Conduct(options);
    expect(overrunUntilRest(conduct, 0)).toBe(10_000);
    expect([1, 2, 3, 4].map(() => conduct.ran(script, 100, true, 20_000))).toEqual([20_000, 40_000, 60_000, 60_000]);
  });

  test("rests too when some of its calls are good", () => {
    const conduct = new Conduct(options);
    const rests = Array.from({ length: 20 }, (_, n) => conduct.ran(script, 100, n % 2 === 0, 0));
    expect(rests.some(restMs => restMs !== undefined)).toBe(true);
  });

  test("is forgiven after enough good calls", () => {
    const conduct = new Conduct(options);
    overrunUntilRest(conduct, 0);
    for (let n = 0; n < 40; n += 1) conduct.ran(script, 0.1, false, 20_000);
    expect(conduct.isSlow(script, 20_000)).toBe(false);
    expect(conduct.ran(script, 100, true, 20_000)).toBeUndefined();
    expect(conduct.ran(script, 100, true, 20_000)).toBeUndefined();
    expect(conduct.ran(script, 100, true, 20_000)).toBe(10_000);
  });
});

describe("which scripts are slow", () => {
  test("those whose calls take long, or that overran", () => {
    const conduct = new Conduct(options);
    expect(conduct.isSlow(script, 0)).toBe(false);
    for (let n = 0; n < 10; n += 1) conduct.ran(script, 30, false, 0);
    expect(conduct.isSlow(script, 0)).toBe(true);
    expect(conduct.expectedMs("script")).toBeGreaterThan(20);
    conduct.ran({ owner: "tenant", key: "other" }, 100, true, 0);
    expect(conduct.isSlow({ owner: "tenant", key: "other" }, 0)).toBe(true);
  });

  test("for a while new ones of an owner who had others overrun, until they have shown that they are not", () => {
    const conduct = new Conduct(options);
    conduct.ran({ owner: "tenant", key: "bad" }, 100, true, 0);
    const fresh = { owner: "tenant", key: "new" };
    expect(conduct.isSlow(fresh, 1)).toBe(true);
    expect(conduct.isSlow({ owner: "another", key: "new" }, 1)).toBe(false);
    expect(conduct.isSlow(fresh, options.longestRestMs + 1)).toBe(false);
    conduct.ran(fresh, 1, false, 1);
    expect(conduct.isSlow(fresh, 1)).toBe(false);
  });
});

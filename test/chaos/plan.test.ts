import { expect, test } from "vitest";
import { type Planned, planFaults } from "./plan.ts";

const kinds = ["kill", "freeze", "cut"] as const;
const pauseMs = { from: 100, to: 200 };

const firstOf = (seed: number, count: number): readonly Planned<(typeof kinds)[number]>[] => {
  const plan = planFaults(seed, kinds, pauseMs);
  return Array.from({ length: count }, () => plan.next().value);
};

test("the same seed gives the same faults, another seed others", () => {
  expect(firstOf(1, 30)).toEqual(firstOf(1, 30));
  expect(firstOf(1, 30)).not.toEqual(firstOf(2, 30));
});

test("every kind comes before one comes again", () => {
  const planned = firstOf(3, 30).map(({ item }) => item);
  for (let start = 0; start < planned.length; start += kinds.length) {
    expect(new Set(planned.slice(start, start + kinds.length)).size).toBe(kinds.length);
  }
});

test("pauses are as long as was asked", () => {
  for (const planned of firstOf(4, 30)) {
    expect(planned.pauseMs).toBeGreaterThanOrEqual(pauseMs.from);
    expect(planned.pauseMs).toBeLessThanOrEqual(pauseMs.to);
  }
});

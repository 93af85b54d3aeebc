import { expect, test } from "vitest";
import { findHighestRate } from "../../../simulators/load/search.ts";

const limits = { firstRate: 1000, highestRate: 50_000, precision: 0.05, repeats: 0 };

test.each([10, 740, 1000, 7321, 49_000])("finds a limit of %i within the precision", async limit => {
  const found = await findHighestRate({ ...limits, attempt: async rate => rate <= limit });
  expect(found).toBeLessThanOrEqual(limit);
  expect(found).toBeGreaterThanOrEqual(limit / 1.06 - 1);
});

test("ends at the highest rate, and where none holds", async () => {
  expect(await findHighestRate({ ...limits, attempt: async () => true })).toBe(50_000);
  expect(await findHighestRate({ ...limits, attempt: async () => false })).toBeUndefined();
});

test("tries a rate again before it counts as failed", async () => {
  const tried = new Map<number, number>();
  const attempt = async (rate: number) => {
    tried.set(rate, (tried.get(rate) ?? 0) + 1);
    return tried.get(rate) === 2;
  };
  expect(await findHighestRate({ ...limits, repeats: 1, attempt })).toBe(50_000);
});

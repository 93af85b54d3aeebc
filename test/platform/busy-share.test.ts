import { expect, test } from "vitest";
import { createRest, restMs } from "../../platform/busy-share.ts";

test("rests as is usual while other things leave time, and the longer the busier the process is with them", () => {
  expect([0, 0.2, 0.4].map(share => restMs(50, share))).toEqual([50, 50, 50]);
  const longer = [0.7, 0.8, 0.9, 1].map(share => restMs(50, share));
  expect(longer).toEqual(longer.toSorted((a, b) => a - b));
  expect(longer[0]).toBeGreaterThan(500);
  expect(longer.at(-1)).toBe(5000);
});

/** Three rests of work that usually rests for 50 ms, by what a watch says: before the first rest, and then of each rest and each piece of work. */
async function restsBy(shares: number[]): Promise<readonly number[]> {
  const rests: number[] = [];
  const rest = createRest(
    () => shares.shift() ?? 0,
    async delayMs => void rests.push(delayMs),
  );
  for (let piece = 0; piece < 3; piece += 1) await rest(50);
  return rests;
}

test("work of its own does not make it slower: only what is done while it rests", async () => {
  expect(await restsBy([1, 1, 1, 0.1, 1, 0.1])).toEqual([5000, 5000, 50]);
});

test("a short rest in which others happened to be busy changes little", async () => {
  expect(await restsBy([0.2, 1, 1, 0.2, 1, 0.2])).toEqual([50, 50, 50]);
});

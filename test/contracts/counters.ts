import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Counters } from "../../platform/counters/counters.ts";

export interface OpenCounters {
  /** One more process, or the same where there is only one. */
  join(): Promise<Counters>;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
}

/** The contract of Counters: every implementation passes it. */
export function describeCounters(name: string, open: () => Promise<OpenCounters>): void {
  describe(`${name} as counters`, () => {
    let opened: OpenCounters;
    let one: Counters;
    let other: Counters;
    beforeEach(async () => {
      opened = await open();
      [one, other] = [await opened.join(), await opened.join()];
    });
    afterEach(async () => {
      await Promise.all([one, other].map(counters => counters.close()));
    });

    test("every one is counted once, whoever counts it, and keys do not mix", async () => {
      const counts = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).count("tries", "a {key}\n", 60_000)),
      );
      expect(counts.map(({ count }) => count).toSorted((left, right) => left - right)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      expect((await other.count("tries", "another", 60_000)).count).toBe(1);
      expect((await other.count("codes", "a {key}\n", 60_000)).count).toBe(1);
    });

    test("a window starts with the first, is not drawn out by others, and is over then", async () => {
      const first = await one.count("tries", "key", 2_000);
      expect(first.endsInMs).toBeGreaterThan(1_000);
      expect(first.endsInMs).toBeLessThanOrEqual(2_000);
      await opened.pass(30);
      const second = await other.count("tries", "key", 2_000);
      expect(second.count).toBe(2);
      expect(second.endsInMs).toBeLessThan(first.endsInMs);
      const short = await one.count("tries", "short", 40);
      expect(short.count).toBe(1);
      await opened.pass(60);
      expect((await other.count("tries", "short", 40)).count).toBe(1);
    });

    test("what is forgotten counts no more", async () => {
      await one.count("tries", "key", 60_000);
      await one.count("tries", "key", 60_000);
      await other.forget("tries", "key");
      expect((await one.count("tries", "key", 60_000)).count).toBe(1);
    });
  });
}

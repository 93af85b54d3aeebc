import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Leases } from "../../platform/leases/leases.ts";
import { partitionCount } from "../../platform/state/store.ts";

export interface Member {
  readonly leases: Leases;
  /** As if the process were killed: it is not heard of any more. */
  readonly vanish: () => Promise<void>;
}

export interface OpenLeases {
  join(): Promise<Member>;
  /** False: the implementation is for one process alone. */
  readonly hasSeveral: boolean;
  readonly cleanup: () => Promise<void>;
}

/** The contract of Leases: every implementation passes it. */
export function describeLeases(name: string, open: () => Promise<OpenLeases>): void {
  describe(`${name} as leases`, () => {
    let opened: OpenLeases;
    const joined: Member[] = [];
    /** Who holds each partition by what the members were told; never two. */
    const holders = new Map<number, string>();
    const faults: string[] = [];
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(async () => {
      await Promise.all(joined.splice(0).map(({ leases }) => leases.close()));
      holders.clear();
      await opened.cleanup();
      expect(faults.splice(0)).toEqual([]);
    });
    const join = async (who: string, releaseMs = 0): Promise<Member> => {
      const member = await opened.join();
      joined.push(member);
      await member.leases.start({
        acquired(partition) {
          const before = holders.get(partition);
          if (before !== undefined) faults.push(`${who} got ${partition}, which ${before} has`);
          holders.set(partition, who);
        },
        async released(partition) {
          if (releaseMs > 0) await new Promise(resolve => setTimeout(resolve, releaseMs));
          if (holders.get(partition) === who) holders.delete(partition);
        },
        lost(partition) {
          if (holders.get(partition) === who) holders.delete(partition);
        },
      });
      return member;
    };
    const countOf = (who: string): number => [...holders.values()].filter(holder => holder === who).length;
    const until = async (condition: () => boolean): Promise<void> => {
      while (!condition()) await new Promise(resolve => setTimeout(resolve, 10));
    };

    test("one process alone holds every partition", async () => {
      const { leases } = await join("one");
      await until(() => countOf("one") === partitionCount);
      for (let partition = 0; partition < partitionCount; partition += 1) expect(leases.isHeld(partition)).toBe(true);
    });

    test("nothing is held after the end, and everything was given back", async () => {
      const { leases } = await join("one");
      await until(() => countOf("one") === partitionCount);
      await leases.close();
      expect(holders.size).toBe(0);
      expect(leases.isHeld(0)).toBe(false);
    });

    test("two share, each partition after the other has let go of it, and the rest takes over at an end", async context => {
      if (!opened.hasSeveral) return context.skip();
      await join("one", 30);
      await until(() => countOf("one") === partitionCount);
      const other = await join("other", 30);
      await until(() => holders.size === partitionCount && countOf("other") > partitionCount / 4);
      expect(countOf("one")).toBeGreaterThan(partitionCount / 4);
      await other.leases.close();
      await until(() => countOf("one") === partitionCount);
    });

    test("what a process held that vanished is taken over", async context => {
      if (!opened.hasSeveral) return context.skip();
      const one = await join("one");
      await until(() => countOf("one") === partitionCount);
      await join("other");
      await until(() => holders.size === partitionCount && countOf("other") > partitionCount / 4);
      await one.vanish();
      // It does not hold them any more by the time that the other may.
      await until(() => !Array.from({ length: partitionCount }, (_, n) => one.leases.isHeld(n)).includes(true));
      for (const [partition, holder] of holders) if (holder === "one") holders.delete(partition);
      await until(() => countOf("other") === partitionCount);
    });
  });
}

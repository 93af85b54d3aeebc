import { describe, expect, test } from "vitest";
import { createRecordCache } from "../../../network-server/catalog/record-cache.ts";

/** A cache over `source`; `reads` lists the keys it was read for. */
function cacheOver(source: Map<string, string>, maxRecords = 10, maxAbsent = 10) {
  const reads: string[] = [];
  const cache = createRecordCache<string, string>({
    maxRecords,
    maxAbsent,
    read: async key => {
      reads.push(key);
      return source.get(key);
    },
  });
  return { cache, reads };
}

describe("a record cache", () => {
  test("reads a record once, and once too that there is none", async () => {
    const { cache, reads } = cacheOver(new Map([["a", "A"]]));
    for (let n = 0; n < 3; n += 1) {
      expect(await cache.get("a")).toBe("A");
      expect(await cache.get("x")).toBeUndefined();
    }
    expect(reads).toEqual(["a", "x"]);
  });

  test("drops the record that was asked for least recently", async () => {
    const { cache, reads } = cacheOver(new Map(["a", "b", "c"].map(key => [key, key])), 2);
    for (const key of ["a", "b", "a", "c", "a", "c", "b"]) await cache.get(key);
    expect(reads).toEqual(["a", "b", "c", "b"]);
  });

  test("a flood of unknown keys pushes out no record, and is bounded itself", async () => {
    const { cache, reads } = cacheOver(new Map([["a", "A"]]), 1, 3);
    await cache.get("a");
    for (let n = 0; n < 1000; n += 1) await cache.get(`unknown ${n}`);
    reads.length = 0;
    await cache.get("a");
    for (const n of [999, 998, 997, 0]) await cache.get(`unknown ${n}`);
    expect(reads).toEqual(["unknown 0"]);
    expect(cache.forgetAll()).toHaveLength(4);
  });

  test("reads again what it was told to forget, whether there was a record or not", async () => {
    const source = new Map([["a", "old"]]);
    const { cache } = cacheOver(source);
    await cache.get("a");
    await cache.get("x");
    source.set("a", "new").set("x", "there now");
    expect([await cache.get("a"), await cache.get("x")]).toEqual(["old", undefined]);
    cache.forget("a");
    cache.forget("x");
    expect([await cache.get("a"), await cache.get("x")]).toEqual(["new", "there now"]);
    source.delete("a");
    cache.forget("a");
    expect(await cache.get("a")).toBeUndefined();
  });

  test("forgets by condition, and says what", async () => {
    const { cache, reads } = cacheOver(new Map(["a1", "a2", "b1"].map(key => [key, key])));
    for (const key of ["a1", "a2", "b1"]) await cache.get(key);
    expect(cache.forgetWhere(value => value.startsWith("a"))).toEqual(["a1", "a2"]);
    reads.length = 0;
    for (const key of ["a1", "a2", "b1"]) await cache.get(key);
    expect(reads).toEqual(["a1", "a2"]);
  });
});

/** Reads that end when the test says so. */
function heldReads() {
  const reads: PromiseWithResolvers<string | undefined>[] = [];
  const cache = createRecordCache<string, string>({
    maxRecords: 10,
    maxAbsent: 10,
    read: () => {
      const read = Promise.withResolvers<string | undefined>();
      reads.push(read);
      return read.promise;
    },
  });
  return { cache, reads };
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe("a record cache, while a read is under way", () => {
  test("reads once for all who ask", async () => {
    const { cache, reads } = heldReads();
    const answers = Array.from({ length: 50 }, () => cache.get("a"));
    expect(reads).toHaveLength(1);
    reads[0]?.resolve("A");
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["A"]));
    expect(await cache.get("a")).toBe("A");
    expect(reads).toHaveLength(1);
  });

  test.each(["forget", "forgetWhere", "forgetAll"] as const)(
    "%s makes it read again before it answers, since the read may have been too early",
    async change => {
      const { cache, reads } = heldReads();
      const answer = cache.get("a");
      if (change === "forget") cache.forget("a");
      else if (change === "forgetAll") cache.forgetAll();
      else cache.forgetWhere(() => false);
      const joined = cache.get("a");
      reads[0]?.resolve("old");
      await settled();
      expect(reads).toHaveLength(2);
      reads[1]?.resolve("new");
      expect(await Promise.all([answer, joined, cache.get("a")])).toEqual(["new", "new", "new"]);
      expect(reads).toHaveLength(2);
    },
  );

  test("a record that changes with every read is answered and not remembered", async () => {
    const { cache, reads } = heldReads();
    const answer = cache.get("a");
    for (let n = 0; n < 5; n += 1) {
      cache.forget("a");
      reads[n]?.resolve(`${n}`);
      await settled();
    }
    expect(await answer).toBe("4");
    expect(reads).toHaveLength(5);
    const again = cache.get("a");
    expect(reads).toHaveLength(6);
    reads[5]?.resolve("quiet");
    expect(await again).toBe("quiet");
  });

  test("a failed read rejects all who asked, and the next one reads again", async () => {
    const { cache, reads } = heldReads();
    const answers = [cache.get("a"), cache.get("a")].map(answer => expect(answer).rejects.toThrow("away"));
    reads[0]?.reject(new Error("away"));
    await Promise.all(answers);
    const answer = cache.get("a");
    reads[1]?.resolve("A");
    expect(await answer).toBe("A");
  });
});

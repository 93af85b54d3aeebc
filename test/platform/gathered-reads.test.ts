import { expect, test } from "vitest";
import { gatherReads } from "../../platform/gathered-reads.ts";

/** A read that answers when it is told to. */
function createReads(maxKeys = 100) {
  const reads: { keys: readonly number[]; answer: () => void; fail: () => void }[] = [];
  const read = gatherReads<number, string>(maxKeys, keys => {
    const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<number, string>>();
    const even = keys.filter(key => key % 2 === 0);
    const answer = () => resolve(new Map(even.map(key => [key, `value ${key}`])));
    reads.push({ keys, answer, fail: () => reject(new Error("away")) });
    return promise;
  });
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return { reads, read, turn };
}

test("keys asked for in one turn are read together, each once, and absent ones are undefined", async () => {
  const { reads, read, turn } = createReads();
  const all = Promise.all([read(2), read(3), read(2)]);
  await turn();
  expect(reads.map(({ keys }) => keys)).toEqual([[2, 3]]);
  reads[0]?.answer();
  expect(await all).toEqual(["value 2", undefined, "value 2"]);
});

test("what is asked for while a read is under way waits for the next, also a key of the read itself", async () => {
  const { reads, read, turn } = createReads();
  const first = read(2);
  await turn();
  const later = [read(4), read(6), read(2)];
  await turn();
  expect(reads.length).toBe(1);
  reads[0]?.answer();
  await first;
  await turn();
  expect(reads[1]?.keys).toEqual([4, 6, 2]);
  reads[1]?.answer();
  expect(await Promise.all(later)).toEqual(["value 4", "value 6", "value 2"]);
});

test("one read has so many keys at most, and the rest follows", async () => {
  const { reads, read, turn } = createReads(2);
  const all = Promise.all([2, 4, 6].map(key => read(key)));
  await turn();
  reads[0]?.answer();
  await turn();
  reads[1]?.answer();
  expect(await all).toEqual(["value 2", "value 4", "value 6"]);
  expect(reads.map(({ keys }) => keys)).toEqual([[2, 4], [6]]);
});

test("a fault rejects the keys of its read alone", async () => {
  const { reads, read, turn } = createReads();
  const failing = expect(read(2)).rejects.toThrow("away");
  await turn();
  const next = read(4);
  reads[0]?.fail();
  await failing;
  await turn();
  reads[1]?.answer();
  expect(await next).toBe("value 4");
});

import { describe, expect, test } from "vitest";
import type { DevEui } from "../../lorawan/ids.ts";
import type { QueueChange, StateStore } from "../../platform/state/store.ts";
import { bytes, devEuiOf, hex, text } from "./state-store-values.ts";

export function describeStateStoreQueue(store: () => StateStore): void {
  const devEui = devEuiOf(0x70b3d57ed0000001n);
  const put = (id: string, value = id, maxEntries = 100): Promise<boolean> =>
    store().enqueue(devEui, { id, value: bytes(value) }, maxEntries);
  const waiting = async (of: DevEui = devEui): Promise<readonly string[]> =>
    (await store().queue(of)).map(entry => `${entry.id}=${text(entry.value)}`);
  const commit = async (expectedVersion: number, queue: readonly QueueChange[]): Promise<void> => {
    const change = { devEui, expectedVersion, value: bytes("x"), devAddrs: [], queue };
    expect(await store().commit(change)).toMatchObject({ kind: "committed" });
  };

  describe("device queues", () => {
    test("are first in, first out, whatever the ids", async () => {
      const ids = ["m", "z", "a", "0", "", "ä", "M"];
      for (const id of ids) expect(await put(id, "v")).toBe(true);
      expect(await waiting()).toEqual(ids.map(id => `${id}=v`));
      expect(await waiting(devEuiOf(2))).toEqual([]);
    });

    test("keep the order of calls that did not wait for each other", async () => {
      const ids = Array.from({ length: 50 }, (_, n) => `item ${(n * 7) % 50}`);
      await Promise.all(ids.map(id => put(id, "v")));
      expect(await waiting()).toEqual(ids.map(id => `${id}=v`));
    });

    test("of neighbouring devices do not mix", async () => {
      const neighbours = [0n, 1n, 2n ** 64n - 2n, 2n ** 64n - 1n].map(devEuiOf);
      for (const each of neighbours) await store().enqueue(each, { id: "same", value: bytes(each) }, 1);
      for (const each of neighbours) expect(await waiting(each)).toEqual([`same=${each}`]);
      expect(await store().flushQueue(devEuiOf(2n ** 64n - 2n))).toBe(1);
      expect(await waiting(devEuiOf(2n ** 64n - 1n))).toHaveLength(1);
      expect(await waiting(devEuiOf(1))).toHaveLength(1);
    });

    test("refuse an id that waits already, and take it again once it is gone", async () => {
      expect(await put("a", "first")).toBe(true);
      expect(await put("a", "second")).toBe(false);
      expect(await waiting()).toEqual(["a=first"]);
      expect(await store().removeQueued(devEui, "a")).toBe(true);
      expect(await store().removeQueued(devEui, "a")).toBe(false);
      expect(await put("a", "third")).toBe(true);
      expect(await waiting()).toEqual(["a=third"]);
    });

    test("of two entries with one id at once take one", async () => {
      const taken = await Promise.all([put("a", "first"), put("a", "second")]);
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await waiting()).toHaveLength(1);
    });

    test("take as many entries as may wait and no more, also at once", async () => {
      const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => put(`${n}`, "v", 5)));
      expect(taken.filter(Boolean)).toHaveLength(5);
      expect(await waiting()).toHaveLength(5);
      expect(await put("more", "v", 5)).toBe(false);
      expect(await put("more", "v", 6)).toBe(true);
      expect(await put("none", "v", 0)).toBe(false);
    });

    test("add at the end after the last entry was removed", async () => {
      await put("a");
      await put("b");
      await store().removeQueued(devEui, "b");
      await put("c");
      await store().removeQueued(devEui, "a");
      await put("a");
      expect(await waiting()).toEqual(["c=c", "a=a"]);
    });

    test("put the entries that are named into their order, in the places that they have", async () => {
      for (const id of ["a", "b", "c", "d", "e"]) await put(id);
      await store().reorderQueue(devEui, ["d", "gone", "b", "d"]);
      expect(await waiting()).toEqual(["a=a", "d=d", "c=c", "b=b", "e=e"]);
      await store().reorderQueue(devEui, ["e", "d", "c", "b", "a"]);
      expect(await waiting()).toEqual(["e=e", "d=d", "c=c", "b=b", "a=a"]);
      expect(await store().removeQueued(devEui, "d")).toBe(true);
      expect(await put("d", "again")).toBe(true);
      expect(await waiting()).toEqual(["e=e", "c=c", "b=b", "a=a", "d=again"]);
      await store().reorderQueue(devEui, []);
      expect(await waiting()).toHaveLength(5);
    });

    test("say how many entries a flush removed", async () => {
      for (const id of ["a", "b", "c"]) await put(id);
      expect(await store().flushQueue(devEui)).toBe(3);
      expect(await store().flushQueue(devEui)).toBe(0);
      expect(await waiting()).toEqual([]);
      expect(await put("a")).toBe(true);
      expect(await waiting()).toEqual(["a=a"]);
    });

    test("change with a commit, in place", async () => {
      for (const id of ["a", "b", "c"]) await put(id);
      await commit(0, [
        { kind: "replace", id: "a", value: bytes("A") },
        { kind: "remove", id: "b" },
        { kind: "replace", id: "c", value: bytes("C") },
        { kind: "replace", id: "c", value: bytes("CC") },
      ]);
      expect(await waiting()).toEqual(["a=A", "c=CC"]);
      expect(await put("b", "again")).toBe(true);
      expect(await waiting()).toEqual(["a=A", "c=CC", "b=again"]);
    });

    test("a commit skips entries that were removed meanwhile", async () => {
      await put("a");
      await put("b");
      await store().removeQueued(devEui, "a");
      await commit(0, [
        { kind: "replace", id: "a", value: bytes("A") },
        { kind: "remove", id: "gone" },
        { kind: "remove", id: "b" },
        { kind: "replace", id: "b", value: bytes("B") },
      ]);
      expect(await waiting()).toEqual([]);
    });

    test("a commit that relies on an empty queue conflicts where something waits", async () => {
      const change = { devEui, expectedVersion: 0, value: bytes("x"), devAddrs: [], expectsNoQueue: true };
      await put("a");
      expect(store().mayHaveQueue(devEui)).toBe(true);
      expect(await store().commit({ ...change, events: [bytes("event")] })).toEqual({ kind: "conflict" });
      expect(await store().device(devEui)).toBeUndefined();
      expect(await waiting()).toEqual(["a=a"]);
      await store().removeQueued(devEui, "a");
      expect(await waiting()).toEqual([]);
      expect(store().mayHaveQueue(devEui)).toBe(false);
      expect(await store().commit(change)).toEqual({ kind: "committed", version: 1 });
      expect(store().mayHaveQueue(devEuiOf(2))).toBe(false);
    });

    test("ids of one beginning and of any length are told apart", async () => {
      const ids = [
        "x".repeat(63),
        "x".repeat(64),
        "x".repeat(65),
        "x".repeat(5000),
        `${"x".repeat(4999)}y`,
        "x\0",
        "x",
      ];
      for (const id of ids) expect(await put(id, "v")).toBe(true);
      for (const id of ids) expect(await put(id, "v")).toBe(false);
      expect(await store().removeQueued(devEui, "x".repeat(5000))).toBe(true);
      expect((await store().queue(devEui)).map(entry => entry.id)).toEqual(ids.filter(id => id !== "x".repeat(5000)));
    });

    test("hold empty and large values", async () => {
      const large = new Uint8Array(65_536).fill(9);
      await store().enqueue(devEui, { id: "empty", value: new Uint8Array() }, 10);
      await store().enqueue(devEui, { id: "large", value: large }, 10);
      await store().enqueue(devEui, { id: "large too", value: large.map(byte => byte + 1) }, 10);
      const found = await store().queue(devEui);
      expect(found.map(entry => entry.value.length)).toEqual([0, 65_536, 65_536]);
      expect(found[1] && hex(found[1].value) === hex(large)).toBe(true);
      expect(found[2]?.value.every(byte => byte === 10)).toBe(true);
    });

    test("what a caller does with its bytes afterwards changes nothing that waits", async () => {
      const value = bytes("stored");
      const added = store().enqueue(devEui, { id: "a", value }, 10);
      value.fill(0);
      await added;
      expect(await waiting()).toEqual(["a=stored"]);
    });

    test("listeners hear of each entry once it waits, and of no refused one, until they unsubscribe", async () => {
      const heard: string[] = [];
      const also: string[] = [];
      const unsubscribe = store().onEnqueued(each => heard.push(each));
      store().onEnqueued(() => {
        throw new Error("a listener's own fault");
      });
      store().onEnqueued(each => also.push(each));
      await put("a");
      await put("a");
      await put("b", "v", 1);
      await store().enqueue(devEuiOf(2), { id: "a", value: bytes("v") }, 10);
      await expect.poll(() => heard).toEqual([devEui, devEuiOf(2)]);
      expect(also).toEqual(heard);
      unsubscribe();
      await put("c");
      await expect.poll(() => also).toHaveLength(3);
      expect(heard).toHaveLength(2);
    });

    test("a listener finds the entry it hears of", async () => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      store().onEnqueued(each => {
        waiting(each).then(resolve, reject);
      });
      await put("a");
      expect(await promise).toEqual(["a=a"]);
    });
  });
}

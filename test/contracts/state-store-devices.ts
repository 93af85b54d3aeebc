import { describe, expect, test } from "vitest";
import type { DevAddr } from "../../lorawan/ids.ts";
import { partitionOf, type StateStore } from "../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf, eventTexts, hex, text } from "./state-store-values.ts";

export function describeStateStoreDevices(store: () => StateStore): void {
  describeCommits(store);
  describeAddresses(store);
  describeWakeUps(store);
}

function describeCommits(store: () => StateStore): void {
  const devEui = devEuiOf(0x70b3d57ed0000001n);

  describe("device documents", () => {
    test("are absent until they are committed", async () => {
      expect(await store().device(devEui)).toBeUndefined();
    });

    test("start at version 1 and rise by one with each commit", async () => {
      for (const expectedVersion of [0, 1, 2]) {
        const value = bytes(`after ${expectedVersion}`);
        expect(await store().commit({ devEui, expectedVersion, value, devAddrs: [] })).toEqual({
          kind: "committed",
          version: expectedVersion + 1,
        });
        expect(await store().device(devEui)).toEqual({ devEui, version: expectedVersion + 1, value });
      }
    });

    test("a commit from another version than the stored one changes nothing at all", async () => {
      await store().enqueue(devEui, { id: "a", value: bytes("waits") }, 10);
      await store().commit({ devEui, expectedVersion: 0, value: bytes("one"), devAddrs: [devAddrOf(1)], wakeAtMs: 10 });
      for (const expectedVersion of [0, 2, 7]) {
        const outcome = await store().commit({
          devEui,
          expectedVersion,
          value: bytes("other"),
          devAddrs: [devAddrOf(2)],
          wakeAtMs: 5,
          events: [bytes("event")],
          queue: [{ kind: "remove", id: "a" }],
        });
        expect(outcome).toEqual({ kind: "conflict" });
      }
      expect(await store().device(devEui)).toEqual({ devEui, version: 1, value: bytes("one") });
      expect(await store().devicesByDevAddr(devAddrOf(2))).toEqual([]);
      expect(await store().devicesByDevAddr(devAddrOf(1))).toHaveLength(1);
      expect(await store().dueDevices(9, 10)).toEqual([]);
      expect(await store().dueDevices(10, 10)).toEqual([devEui]);
      expect(await eventTexts(store(), partitionOf(devEui))).toEqual([]);
      expect(await store().queue(devEui)).toEqual([{ id: "a", value: bytes("waits") }]);
    });

    test("of a hundred commits at once from one version exactly one wins", async () => {
      for (const expectedVersion of [0, 1, 2]) {
        const outcomes = await Promise.all(
          Array.from({ length: 100 }, (_, n) =>
            store().commit({
              devEui,
              expectedVersion,
              value: bytes(`${expectedVersion}/${n}`),
              devAddrs: [devAddrOf(n)],
              events: [bytes(`${expectedVersion}/${n}`)],
            }),
          ),
        );
        const winners = outcomes.flatMap((outcome, n) => (outcome.kind === "committed" ? [n] : []));
        expect(winners).toHaveLength(1);
        const stored = await store().device(devEui);
        expect(stored && text(stored.value)).toBe(`${expectedVersion}/${winners[0]}`);
        expect((await eventTexts(store(), partitionOf(devEui))).at(-1)).toBe(`${expectedVersion}/${winners[0]}`);
      }
      expect(await eventTexts(store(), partitionOf(devEui))).toHaveLength(3);
    });

    test("a hundred writers that read again after a conflict all get their turn", async () => {
      const increment = async (): Promise<void> => {
        const found = await store().device(devEui);
        const value = bytes(String(Number(found === undefined ? "0" : text(found.value)) + 1));
        const outcome = await store().commit({ devEui, expectedVersion: found?.version ?? 0, value, devAddrs: [] });
        if (outcome.kind === "conflict") await increment();
      };
      await Promise.all(Array.from({ length: 100 }, increment));
      expect(await store().device(devEui)).toEqual({ devEui, version: 100, value: bytes("100") });
    });

    test("commits of different devices at once all succeed", async () => {
      const devEuis = Array.from({ length: 300 }, (_, n) => devEuiOf(n));
      const outcomes = await Promise.all(
        devEuis.map(each => store().commit({ devEui: each, expectedVersion: 0, value: bytes(each), devAddrs: [] })),
      );
      expect(outcomes.every(outcome => outcome.kind === "committed")).toBe(true);
      for (const each of devEuis) expect(await store().device(each)).toMatchObject({ value: bytes(each) });
    });

    test("a removed document is gone with its addresses and its wake-up; events and queue stay", async () => {
      await store().enqueue(devEui, { id: "a", value: bytes("waits") }, 10);
      const full = { devEui, value: bytes("one"), devAddrs: [devAddrOf(1)], wakeAtMs: 10 };
      await store().commit({ ...full, expectedVersion: 0, events: [bytes("event")] });
      const removal = { devEui, expectedVersion: 1, value: null, devAddrs: [] };
      expect(await store().commit(removal)).toEqual({ kind: "committed", version: 0 });
      expect(await store().device(devEui)).toBeUndefined();
      expect(await store().devicesByDevAddr(devAddrOf(1))).toEqual([]);
      expect(await store().dueDevices(1000, 10)).toEqual([]);
      expect(await eventTexts(store(), partitionOf(devEui))).toEqual(["event"]);
      expect(await store().queue(devEui)).toHaveLength(1);
      expect(await store().commit(removal)).toEqual({ kind: "conflict" });
      expect(await store().commit({ ...full, expectedVersion: 0 })).toEqual({ kind: "committed", version: 1 });
    });

    test("a removal leaves no address and no wake-up, whatever else it says", async () => {
      const rest = { devEui, devAddrs: [devAddrOf(1)], wakeAtMs: 1 };
      await store().commit({ ...rest, expectedVersion: 0, value: bytes("one") });
      await store().commit({ ...rest, expectedVersion: 1, value: null });
      expect(await store().devicesByDevAddr(devAddrOf(1))).toEqual([]);
      expect(await store().dueDevices(1000, 10)).toEqual([]);
    });

    test("removing what is not there still appends events", async () => {
      const removal = { devEui, expectedVersion: 0, value: null, devAddrs: [], events: [bytes("refused")] };
      expect(await store().commit(removal)).toEqual({ kind: "committed", version: 0 });
      expect(await store().device(devEui)).toBeUndefined();
      expect(await eventTexts(store(), partitionOf(devEui))).toEqual(["refused"]);
    });

    test.each([0, 1, 65_536, 1_000_000])("a value of %i bytes comes back as it was", async length => {
      const value = Uint8Array.from({ length }, (_, index) => index % 251);
      await store().commit({ devEui, expectedVersion: 0, value, devAddrs: [devAddrOf(1)] });
      const found = await store().device(devEui);
      const [byAddress] = await store().devicesByDevAddr(devAddrOf(1));
      expect([found, byAddress].map(each => each && hex(each.value) === hex(value))).toEqual([true, true]);
    });

    test("what a caller does with its bytes afterwards changes nothing that is stored", async () => {
      const value = bytes("stored");
      const event = bytes("logged");
      const committed = store().commit({ devEui, expectedVersion: 0, value, devAddrs: [], events: [event] });
      value.fill(0);
      event.fill(0);
      await committed;
      const found = await store().device(devEui);
      expect(found && text(found.value)).toBe("stored");
      found?.value.fill(0);
      const again = await store().device(devEui);
      expect(again && text(again.value)).toBe("stored");
      expect(await eventTexts(store(), partitionOf(devEui))).toEqual(["logged"]);
    });

    test("a document stays as it was read while later reads go on", async () => {
      const devEuis = Array.from({ length: 20 }, (_, n) => devEuiOf(n));
      await Promise.all(
        devEuis.map(each =>
          store().commit({ devEui: each, expectedVersion: 0, value: bytes(each), devAddrs: [devAddrOf(1)] }),
        ),
      );
      const found = await store().devicesByDevAddr(devAddrOf(1));
      expect(found.map(each => text(each.value)).sort()).toEqual(devEuis);
    });
  });
}

function describeAddresses(store: () => StateStore): void {
  const addressed = async (devAddr: DevAddr): Promise<readonly string[]> =>
    (await store().devicesByDevAddr(devAddr)).map(each => each.devEui).sort();

  describe("the DevAddr index", () => {
    test("finds every device under each of its addresses", async () => {
      await store().commit({ devEui: devEuiOf(1), expectedVersion: 0, value: bytes("1"), devAddrs: [devAddrOf(7)] });
      await store().commit({
        devEui: devEuiOf(2),
        expectedVersion: 0,
        value: bytes("2"),
        devAddrs: [devAddrOf(7), devAddrOf(8), devAddrOf(8)],
      });
      expect(await addressed(devAddrOf(7))).toEqual([devEuiOf(1), devEuiOf(2)]);
      expect(await store().devicesByDevAddr(devAddrOf(8))).toEqual([
        { devEui: devEuiOf(2), version: 1, value: bytes("2") },
      ]);
      expect(await addressed(devAddrOf(9))).toEqual([]);
    });

    test("follows a device from address to address", async () => {
      const devEui = devEuiOf(1);
      const steps = [[1], [1, 2], [2], [2, 3, 4], [], [5]];
      for (const [expectedVersion, addresses] of steps.entries()) {
        const devAddrs = addresses.map(devAddrOf);
        await store().commit({ devEui, expectedVersion, value: bytes("x"), devAddrs });
        for (const n of [1, 2, 3, 4, 5]) {
          expect(await addressed(devAddrOf(n))).toEqual(addresses.includes(n) ? [devEui] : []);
        }
      }
    });

    test("holds the lowest and the highest address and EUI apart from their neighbours", async () => {
      const lowest = { devEui: devEuiOf(0), devAddrs: [devAddrOf(0)] };
      const highest = { devEui: devEuiOf(2n ** 64n - 1n), devAddrs: [devAddrOf(0xffffffff)] };
      const nextTo = { devEui: devEuiOf(2n ** 64n - 1n - 1n), devAddrs: [devAddrOf(0xfffffffe)] };
      for (const device of [lowest, highest, nextTo]) {
        await store().commit({ ...device, expectedVersion: 0, value: bytes("x") });
      }
      for (const { devEui, devAddrs } of [lowest, highest, nextTo]) {
        expect(await addressed(devAddrs[0] ?? devAddrOf(1))).toEqual([devEui]);
      }
    });

    test("gives the committed document, never one older than its index entry", async () => {
      const devEui = devEuiOf(1);
      for (let expectedVersion = 0; expectedVersion < 20; expectedVersion += 1) {
        const devAddr = devAddrOf(expectedVersion);
        await store().commit({ devEui, expectedVersion, value: bytes(devAddr), devAddrs: [devAddr] });
        expect(await store().devicesByDevAddr(devAddr)).toEqual([
          { devEui, version: expectedVersion + 1, value: bytes(devAddr) },
        ]);
      }
    });
  });
}

function describeWakeUps(store: () => StateStore): void {
  const wake = async (n: number, expectedVersion: number, wakeAtMs?: number): Promise<void> => {
    const change = { devEui: devEuiOf(n), expectedVersion, value: bytes("x"), devAddrs: [] };
    await store().commit(wakeAtMs === undefined ? change : { ...change, wakeAtMs });
  };

  describe("wake-ups", () => {
    test("are listed from their time on, earliest first, and as many as asked for", async () => {
      const times = [3000, 1000, 0.5, 2000, 1_900_000_000_000, 0];
      for (const [n, time] of times.entries()) await wake(n, 0, time);
      await wake(99, 0);
      const order = [5, 2, 1, 3, 0].map(devEuiOf);
      expect(await store().dueDevices(3000, 10)).toEqual(order);
      expect(await store().dueDevices(2999, 10)).toEqual(order.slice(0, 4));
      expect(await store().dueDevices(3000, 2)).toEqual(order.slice(0, 2));
      expect(await store().dueDevices(3000, 0)).toEqual([]);
      expect(await store().dueDevices(2_000_000_000_000, 100)).toEqual([...order, devEuiOf(4)]);
    });

    test("stay listed until a commit moves or clears them", async () => {
      await wake(1, 0, 100);
      expect(await store().dueDevices(100, 10)).toEqual([devEuiOf(1)]);
      expect(await store().dueDevices(100, 10)).toEqual([devEuiOf(1)]);
      await wake(1, 1, 100);
      expect(await store().dueDevices(100, 10)).toEqual([devEuiOf(1)]);
      await wake(1, 2, 200);
      expect(await store().dueDevices(199, 10)).toEqual([]);
      expect(await store().dueDevices(200, 10)).toEqual([devEuiOf(1)]);
      await wake(1, 3);
      expect(await store().dueDevices(1e15, 10)).toEqual([]);
    });

    test("at one time belong to several devices", async () => {
      for (const n of [1, 2, 3]) await wake(n, 0, 100);
      await wake(2, 1);
      expect([...(await store().dueDevices(100, 10))].sort()).toEqual([devEuiOf(1), devEuiOf(3)]);
    });
  });
}

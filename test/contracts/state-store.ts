import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StateStore } from "../../platform/state/store.ts";
import { partitionOf } from "../../platform/state/store.ts";
import { describeStateStoreDevices } from "./state-store-devices.ts";
import { describeStateStoreEvents } from "./state-store-events.ts";
import { describeStateStoreModel } from "./state-store-model.ts";
import { describeStateStoreQueue } from "./state-store-queue.ts";
import { bytes, devAddrOf, devEuiOf, eventTexts, gatewayIdOf, hex, hexes } from "./state-store-values.ts";

export interface OpenStore {
  readonly store: StateStore;
  /** Closes the store and opens what it kept again; absent for a store that keeps nothing. */
  readonly reopen?: () => Promise<StateStore>;
  readonly cleanup: () => Promise<void>;
}

/** The contract of StateStore: every implementation passes it. `open` gives an empty store each time. */
export function describeStateStore(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name} as a state store`, () => {
    let opened: OpenStore;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.cleanup());
    const store = (): StateStore => opened.store;

    describeStateStoreDevices(store);
    describeStateStoreQueue(store);
    describeStateStoreEvents(store);
    describeGateways(store);
    describeLifetime(() => opened);
  });
  describeStateStoreModel(name, open);
}

function describeGateways(store: () => StateStore): void {
  describe("gateway states", () => {
    const states = async (): Promise<Record<string, string>> =>
      Object.fromEntries((await store().gatewayStates()).map(state => [state.gatewayId, hex(state.value)]));

    test("are listed, replaced and removed", async () => {
      expect(await states()).toEqual({});
      await store().putGatewayState({ gatewayId: gatewayIdOf(1), value: bytes("one") });
      await store().putGatewayState({ gatewayId: gatewayIdOf(2), value: bytes("two") });
      await store().putGatewayState({ gatewayId: gatewayIdOf(1), value: bytes("uno") });
      expect(await states()).toEqual({ [gatewayIdOf(1)]: hex(bytes("uno")), [gatewayIdOf(2)]: hex(bytes("two")) });
      expect(await store().gatewayState(gatewayIdOf(1))).toEqual({ gatewayId: gatewayIdOf(1), value: bytes("uno") });
      expect(await store().gatewayState(gatewayIdOf(3))).toBeUndefined();
      await store().removeGatewayState(gatewayIdOf(1));
      await store().removeGatewayState(gatewayIdOf(9));
      expect(await states()).toEqual({ [gatewayIdOf(2)]: hex(bytes("two")) });
    });

    test("may be empty, large, and have the lowest and the highest EUI", async () => {
      const large = new Uint8Array(65_536).fill(7);
      const [lowest, highest] = [gatewayIdOf(0), gatewayIdOf(2n ** 64n - 1n)];
      await store().putGatewayState({ gatewayId: lowest, value: new Uint8Array() });
      await store().putGatewayState({ gatewayId: highest, value: large });
      expect(await states()).toEqual({ [lowest]: "", [highest]: hex(large) });
    });
  });
}

function describeLifetime(opened: () => OpenStore): void {
  test("a closed store refuses everything with state_closed, and may be closed again", async () => {
    const { store } = opened();
    await store.close();
    await store.close();
    const closed = { code: "state_closed", retryable: false };
    await expect(store.device(devEuiOf(1))).rejects.toMatchObject(closed);
    await expect(store.queue(devEuiOf(1))).rejects.toMatchObject(closed);
    await expect(store.flushQueue(devEuiOf(1))).rejects.toMatchObject(closed);
    await expect(store.putGatewayState({ gatewayId: gatewayIdOf(1), value: bytes("x") })).rejects.toMatchObject(closed);
    await expect(
      store.commit({ devEui: devEuiOf(1), expectedVersion: 0, value: bytes("x"), devAddrs: [] }),
    ).rejects.toMatchObject(closed);
  });

  test("close waits for what is under way", async () => {
    const { store } = opened();
    const commits = [1, 2, 3].map(n =>
      store.commit({ devEui: devEuiOf(n), expectedVersion: 0, value: bytes("x"), devAddrs: [] }),
    );
    await store.close();
    expect(await Promise.all(commits)).toEqual(Array(3).fill({ kind: "committed", version: 1 }));
  });

  test("what was kept is there when the store is opened again", async context => {
    const { store, reopen } = opened();
    if (reopen === undefined) return context.skip();
    const devEui = devEuiOf(1);
    const partition = partitionOf(devEui);
    await store.enqueue(devEui, { id: "a", value: bytes("first") }, 10);
    await store.enqueue(devEui, { id: "b", value: bytes("second") }, 10);
    await store.commit({
      devEui,
      expectedVersion: 0,
      value: bytes("document"),
      devAddrs: [devAddrOf(1), devAddrOf(2)],
      wakeAtMs: 500,
      events: [bytes("e1"), bytes("e2")],
      queue: [{ kind: "replace", id: "a", value: bytes("FIRST") }],
    });
    const [first] = await store.readEvents(partition, "", 1);
    await store.setCursor("app", partition, first?.position ?? "");
    await store.putGatewayState({ gatewayId: gatewayIdOf(1), value: bytes("online") });

    const again = await reopen();
    expect(await again.device(devEui)).toEqual({ devEui, version: 1, value: bytes("document") });
    expect(await again.devicesByDevAddr(devAddrOf(2))).toHaveLength(1);
    expect(await again.dueDevices(500, 10)).toEqual([devEui]);
    expect(hexes(await again.queue(devEui))).toEqual([hex(bytes("FIRST")), hex(bytes("second"))]);
    expect(await eventTexts(again, partition)).toEqual(["e1", "e2"]);
    expect(await again.cursor("app", partition)).toBe(first?.position);
    expect(await again.gatewayStates()).toEqual([{ gatewayId: gatewayIdOf(1), value: bytes("online") }]);
    expect(await again.enqueue(devEui, { id: "a", value: bytes("again") }, 10)).toBe(false);
    expect(await again.enqueue(devEui, { id: "c", value: bytes("third") }, 10)).toBe(true);
    expect((await again.queue(devEui)).map(entry => entry.id)).toEqual(["a", "b", "c"]);
  });

  test("positions go on after the last when the store is opened again, even with every event trimmed", async context => {
    const { store, reopen } = opened();
    if (reopen === undefined) return context.skip();
    const devEui = devEuiOf(1);
    const partition = partitionOf(devEui);
    const change = { devEui, value: bytes("x"), devAddrs: [] };
    await store.commit({ ...change, expectedVersion: 0, events: [bytes("old 1"), bytes("old 2")] });
    const last = (await store.readEvents(partition, "", 10)).at(-1)?.position ?? "";
    await store.trimEvents(partition, last);

    const again = await reopen();
    expect(await eventTexts(again, partition)).toEqual([]);
    await again.commit({ ...change, expectedVersion: 1, events: [bytes("new")] });
    const [event] = await again.readEvents(partition, last, 10);
    expect(event && Buffer.from(event.value).toString()).toBe("new");
  });
}

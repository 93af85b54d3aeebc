import { describe, expect, test } from "vitest";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { openLmdbSource } from "../../../platform/state/lmdb-source.ts";
import { migrateState } from "../../../platform/state/migrate-state.ts";
import { partitionOf, type StateStore } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf, eventTexts, gatewayIdOf, hex, hexes } from "../../contracts/state-store-values.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";

const devices = 40;
const quiet = (): void => {};

/** A store with some of everything, closed. */
async function filledFolder(): Promise<string> {
  const folder = temporaryFolder();
  const store = await openLmdbStore({ folder });
  for (let n = 1; n <= devices; n += 1) {
    const devEui = devEuiOf(n);
    const change = { devEui, value: bytes(`device ${n}`), devAddrs: [devAddrOf(n)] };
    await store.commit({ ...change, expectedVersion: 0, events: [bytes(`a${n}`), bytes(`b${n}`)] });
    await store.commit({ ...change, expectedVersion: 1, wakeAtMs: 1000 + n, events: [bytes(`c${n}`)] });
    for (const id of ["first", "second"]) await store.enqueue(devEui, { id, value: bytes(`${id} ${n}`) }, 10);
  }
  // Deleted since, with an event and a downlink left.
  const gone = devEuiOf(devices + 1);
  await store.commit({ devEui: gone, expectedVersion: 0, value: bytes("x"), devAddrs: [] });
  await store.enqueue(gone, { id: "left", value: bytes("left") }, 10);
  await store.commit({ devEui: gone, expectedVersion: 1, value: null, devAddrs: [], events: [bytes("last")] });
  const partition = partitionOf(devEuiOf(1));
  const [first, second] = await store.readEvents(partition, "", 2);
  await store.trimEvents(partition, first?.position ?? "");
  await store.setCursor("sink:mqtt", partition, second?.position ?? "");
  await store.putGatewayState({ gatewayId: gatewayIdOf(1), value: bytes("gateway") });
  await store.close();
  return folder;
}

async function migrate(folder: string, target: StateStore) {
  const source = await openLmdbSource(folder);
  try {
    return await migrateState(source, target, quiet);
  } finally {
    await source.close();
  }
}

async function expectEverything(target: StateStore): Promise<void> {
  for (let n = 1; n <= devices; n += 1) {
    const devEui = devEuiOf(n);
    expect(hex((await target.device(devEui))?.value ?? bytes(""))).toBe(hex(bytes(`device ${n}`)));
    expect((await target.devicesByDevAddr(devAddrOf(n))).map(found => found.devEui)).toEqual([devEui]);
    expect((await target.queue(devEui)).map(({ id }) => id)).toEqual(["first", "second"]);
    const texts = (await eventTexts(target, partitionOf(devEui))).filter(text => text.slice(1) === String(n));
    expect(texts).toEqual(n === 1 ? [`b${n}`, `c${n}`] : [`a${n}`, `b${n}`, `c${n}`]);
  }
  expect((await target.dueDevices(1005, 10)).length).toBe(5);
  const gone = devEuiOf(devices + 1);
  expect(await target.device(gone)).toBeUndefined();
  expect(hexes(await target.queue(gone))).toEqual([hex(bytes("left"))]);
  expect(await eventTexts(target, partitionOf(gone))).toContain("last");
  const partition = partitionOf(devEuiOf(1));
  const [next] = await target.readEvents(partition, await target.cursor("sink:mqtt", partition), 1);
  expect(next && Buffer.from(next.value).toString()).not.toBe("b1");
  expect(await target.gatewayStates()).toEqual([{ gatewayId: gatewayIdOf(1), value: bytes("gateway") }]);
}

describe("an embedded store in another", () => {
  test("is all there: documents, addresses, wake-ups, queues, events from where consumers are, gateways", async () => {
    const target = createMemoryStore();
    const done = await migrate(await filledFolder(), target);
    expect(done).toMatchObject({ partitions: 256, devices: devices + 1, queued: 2 * devices + 1 });
    await expectEverything(target);
  });

  test.each([1, 7, 40, 100, 150])(
    "is all there once after a run that ended after %i writes is repeated",
    async count => {
      const folder = await filledFolder();
      const target = createMemoryStore();
      let left = count;
      const failing: StateStore = {
        ...target,
        async commit(change) {
          left -= 1;
          if (left < 0) throw new Error("killed");
          return target.commit(change);
        },
        async enqueue(...entry) {
          left -= 1;
          if (left < 0) throw new Error("killed");
          return target.enqueue(...entry);
        },
      };
      await expect(migrate(folder, failing)).rejects.toThrow("killed");
      await migrate(folder, target);
      await expectEverything(target);
      await migrate(folder, target);
      await expectEverything(target);
    },
  );

  test("is refused where the other store has something else", async () => {
    const folder = await filledFolder();
    const withDevice = createMemoryStore();
    await withDevice.commit({ devEui: devEuiOf(3), expectedVersion: 0, value: bytes("other"), devAddrs: [] });
    const withQueue = createMemoryStore();
    await withQueue.enqueue(devEuiOf(3), { id: "other", value: bytes("x") }, 10);
    const withEvents = createMemoryStore();
    const stranger = { devEui: devEuiOf(3), value: null, devAddrs: [], events: [bytes("other")] };
    await withEvents.commit({ ...stranger, expectedVersion: 0 });
    for (const target of [withDevice, withQueue, withEvents]) {
      await expect(migrate(folder, target)).rejects.toMatchObject({ code: "state_not_empty" });
    }
  });

  test("cannot be taken from under a process that uses it, nor from where there is none", async () => {
    const folder = await filledFolder();
    const store = await openLmdbStore({ folder });
    await expect(openLmdbSource(folder)).rejects.toMatchObject({ code: "state_in_use" });
    await store.close();
    await expect(openLmdbSource(`${folder}/nowhere`)).rejects.toThrow("There is no embedded state");
  });
});

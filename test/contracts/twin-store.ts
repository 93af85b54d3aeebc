import { expect, test } from "vitest";
import type { Twin, TwinStore } from "../../app-server/twin-ports.ts";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import { partitionOf } from "../../platform/state/store.ts";

/** `devices` are known devices without a twin, new for each call. */
export function twinStoreContract(open: () => Promise<{ store: TwinStore; devices: readonly DevEui[] }>): void {
  const desire = (value: number) => (twin: Twin) => ({
    ...twin,
    desired: { value },
    desiredVersion: twin.desiredVersion + 1,
  });
  const allPartitions = Array.from({ length: 256 }, (_, partition) => partition);

  test("a twin is made by its first change, with what it is given", async () => {
    const { store, devices } = await open();
    const [devEui = parseDevEui("00"), other] = devices;
    expect(await store.get(devEui)).toBeUndefined();
    const whole = {
      desired: { a: [1, { b: null }], text: "ü" },
      reported: { a: 1 },
      desiredTimes: { a: { $lastUpdated: "x" } },
      reportedTimes: { b: 1 },
      desiredVersion: 3,
      reportedVersion: 9,
      delivery: { state: "queued", attempts: 2, itemId: "$twin-1", airtimeMs: 1.5, airtimeAtMs: 7 } as const,
      dueAtMs: Date.UTC(2026, 0, 1) + 17,
      seen: ["one", "two"],
      reportFault: "too large",
    };
    const [changed] = await store.change([devEui], twin => ({ ...twin, ...whole }));
    expect(changed).toMatchObject(whole);
    expect(await store.get(devEui)).toMatchObject(whole);
    expect(await store.get(other ?? devEui)).toBeUndefined();
    expect(await store.remove(devEui)).toBe(true);
    expect(await store.remove(devEui)).toBe(false);
  });

  test("a device that is not there has no twin", async () => {
    const { store, devices } = await open();
    const nobody = parseDevEui("ffffffffffffffff");
    const changed = await store.change([nobody, ...devices], desire(1));
    expect(changed.map(({ devEui }) => devEui).toSorted()).toEqual(devices.toSorted());
    expect(await store.get(nobody)).toBeUndefined();
  });

  test("changes of one twin at the same time come one after the other", async () => {
    const { store, devices } = await open();
    const add = (twin: Twin): Twin => ({ ...twin, reportedVersion: twin.reportedVersion + 1 });
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => store.change(n % 2 === 0 ? devices : devices.toReversed(), add)),
    );
    for (const devEui of devices) expect((await store.get(devEui))?.reportedVersion).toBe(10);
  });

  test("what was changed meanwhile is not replaced", async () => {
    const { store, devices } = await open();
    const [devEui = parseDevEui("00")] = devices;
    await store.change([devEui], desire(1));
    const read = await store.get(devEui);
    if (read === undefined) throw new Error("there is no twin");
    expect(await store.replace({ ...read, desiredVersion: 5 })).toBe(true);
    expect(await store.replace({ ...read, desiredVersion: 6 })).toBe(false);
    expect((await store.get(devEui))?.desiredVersion).toBe(5);
    await store.change([devEui], () => undefined);
    expect((await store.get(devEui))?.revision).toBe(read.revision + 1);
  });

  test("those that are due and those to tell of are found in their partitions, the earliest first", async () => {
    const { store, devices } = await open();
    const [one = parseDevEui("00"), two = parseDevEui("00")] = devices;
    await store.change([one], twin => ({ ...desire(1)(twin), dueAtMs: 2000 }));
    await store.change([two], twin => ({ ...twin, dueAtMs: 1000 }));
    const due = async (nowMs: number, partitions = allPartitions) =>
      (await store.due(partitions, nowMs, 10)).map(({ devEui }) => devEui).filter(devEui => devices.includes(devEui));
    expect(await due(999)).toEqual([]);
    expect(await due(2000)).toEqual([two, one]);
    expect(
      await due(
        2000,
        allPartitions.filter(partition => partition !== partitionOf(two)),
      ),
    ).toEqual([one]);
    const untold = async () =>
      (await store.untold(allPartitions, 100)).filter(({ devEui }) => devices.includes(devEui));
    const [twin] = await untold();
    expect(twin?.devEui).toBe(one);
    if (twin) await store.replace({ ...twin, told: "1.0 name" });
    expect((await untold()).map(({ devEui }) => devEui)).not.toContain(one);
  });

  test("each change is told", async () => {
    const { store, devices } = await open();
    const told = Promise.withResolvers<void>();
    const end = await store.onChange(told.resolve);
    await store.change(devices.slice(0, 1), desire(1));
    await told.promise;
    await end();
  });
}

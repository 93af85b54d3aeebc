import { describe, expect, test } from "vitest";
import type { TwinStore } from "../../app-server/twin-ports.ts";
import { twinLife } from "../support/twin-life.ts";

const minute = 60_000;

describe("a twin of a class A device", () => {
  test("is told what the device reports, merged value by value", async () => {
    const life = await twinLife();
    await life.reading(7);
    await life.report();
    await life.reading(8);
    const { reported, desired, delta, version, delivery, metadata } = await life.view();
    expect(reported).toEqual({ level: 8, interval: 300 });
    expect({ desired, delta }).toEqual({ desired: {}, delta: {} });
    expect(version).toEqual({ desired: 0, reported: 3 });
    expect(delivery.state).toBe("in-sync");
    expect(Object.keys(metadata.reported)).toEqual(["level", "interval"]);
    expect(life.told.at(-1)).toMatchObject({ topic: "update/documents" });
  });

  test("sends what is desired with the device's next uplink, and is in sync when the device reports it", async () => {
    const life = await twinLife();
    await life.report();
    await life.desire({ interval: 600 });
    await life.clock.advance(1_000);
    expect(await life.view()).toMatchObject({ delta: { interval: 600 }, delivery: { state: "queued", attempts: 1 } });
    expect(await life.queue.list(life.device.devEui)).toMatchObject([{ fPort: 20, confirmed: false }]);
    await life.reading();
    expect(life.state.interval).toBe(600);
    expect((await life.view()).delivery.state).toBe("sent");
    await life.report();
    expect(await life.view()).toMatchObject({ delta: {}, delivery: { state: "in-sync", attempts: 0, nextAt: null } });
    expect(life.heard()).toHaveLength(1);
    expect(life.told.filter(({ topic }) => topic === "update/delta")).toHaveLength(1);
  });

  test("repeats it with a pause that grows, once after each report that does not have it, until it does", async () => {
    const life = await twinLife();
    await life.report();
    await life.desire({ interval: 600 });
    await life.clock.advance(1_000);
    await life.reading();
    // The device loses its settings each time it is told.
    const sentAt: number[] = [];
    for (let round = 0; round < 60 && life.heard().length < 4; round += 1) {
      const before = life.heard().length;
      life.state.interval = 300;
      await life.report();
      if (life.heard().length > before) sentAt.push(life.clock.nowMs());
      await life.clock.advance(minute);
    }
    expect(life.heard()).toHaveLength(4);
    const gaps = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(2 * minute);
    expect(gaps[1]).toBeGreaterThanOrEqual(4 * minute);
    life.state.interval = 600;
    await life.report();
    expect((await life.view()).delivery.state).toBe("in-sync");
    await life.clock.advance(30 * minute);
    await life.reading();
    await life.reading();
    expect(life.heard()).toHaveLength(4);
  });

  test("sends nothing more to a device that is silent, and goes on when it comes back", async () => {
    const life = await twinLife();
    await life.desire({ interval: 600 });
    await life.clock.advance(1_000);
    await life.reading();
    await life.clock.advance(3 * 60 * minute);
    expect(await life.queue.list(life.device.devEui)).toEqual([]);
    expect((await life.view()).delivery).toMatchObject({ state: "sent", attempts: 1 });
    await life.report();
    expect((await life.view()).delivery.state).toBe("in-sync");
  });

  test("takes back what waits when somebody desires something else, or what the device does already", async () => {
    const life = await twinLife();
    await life.report();
    await life.desire({ interval: 600 });
    await life.clock.advance(1_000);
    await life.desire({ interval: 900 });
    await life.clock.advance(1_000);
    const waiting = await life.queue.list(life.device.devEui);
    expect(waiting.map(({ data }) => data)).toEqual([Buffer.from([3, 132]).toString("base64")]);
    await life.desire({ interval: 300 });
    await life.clock.advance(1_000);
    expect(await life.queue.list(life.device.devEui)).toEqual([]);
    expect((await life.view()).delivery.state).toBe("in-sync");
  });

  test("waits behind the application's downlinks, and takes no place of theirs", async () => {
    const life = await twinLife();
    const { devEui } = life.device;
    const own = (id: string) => life.queue.enqueue(devEui, { id, fPort: 1, confirmed: false, data: "AA==" });
    await own("a");
    await life.desire({ interval: 600 });
    await life.clock.advance(1_000);
    expect((await life.queue.list(devEui)).map(({ id }) => id)).toEqual(["a"]);
    expect((await life.view()).delivery).toMatchObject({ state: "due", reason: "other downlinks wait", attempts: 0 });
    await life.reading();
    await life.clock.advance(20_000);
    expect(await life.queue.list(devEui)).toMatchObject([{ fPort: 20 }]);
    expect(await Promise.all(["b", "c", "d"].map(own))).toMatchObject(Array(3).fill({ kind: "enqueued" }));
    expect(await own("e")).toMatchObject({ kind: "refused", reason: "queue_full" });
    expect(await own("$twin-1-1")).toMatchObject({ kind: "refused", reason: "invalid" });
  });

  test("uses no more of the air than it may in a day", async () => {
    const life = await twinLife({ maxAirtimeMs: 100 });
    await life.desire({ interval: 600 });
    for (let hour = 0; hour < 6; hour += 1) {
      life.state.interval = 300;
      await life.report();
      await life.clock.advance(60 * minute);
    }
    const afterDay = life.heard().length;
    expect(afterDay).toBeGreaterThan(1);
    expect(afterDay).toBeLessThanOrEqual(4);
    expect((await life.view()).delivery).toMatchObject({ state: "due", reason: "its air time of the day is used up" });
  });

  test("says why no downlink can be made, and tries again when somebody desires something else", async () => {
    const life = await twinLife();
    await life.desire({ interval: 70_000 });
    await life.clock.advance(1_000);
    expect((await life.view()).delivery).toMatchObject({
      state: "stuck",
      reason: "the interval is too long for this device",
    });
    await life.desire({ interval: 60_000 });
    await life.clock.advance(1_000);
    expect((await life.view()).delivery).toMatchObject({ state: "queued", reason: null });
  });

  test("gets through on an air that loses frames", async () => {
    const life = await twinLife({ fadingDb: 9, seed: 5, device: { position: { eastM: 3000, northM: 0, heightM: 2 } } });
    let wanted = 300;
    let lost = 0;
    for (let round = 0; round < 4; round += 1) {
      wanted += 60;
      await life.desire({ interval: wanted });
      for (let tries = 0; tries < 60 && (await life.view()).delivery.state !== "in-sync"; tries += 1) {
        await life.report();
        await life.clock.advance(minute);
      }
      const { delivery, reported } = await life.view();
      expect(delivery.state).toBe("in-sync");
      expect(reported.interval).toBe(wanted);
    }
    lost += life.gateways.reduce((sum, gateway) => sum + gateway.statistics().transmitted, 0) - life.heard().length;
    expect(lost).toBeGreaterThan(0);
    expect(life.eventsOfKind("violation")).toEqual([]);
  });
});

test("a class C device is sent to at once, and again after the pause without having been heard", async () => {
  const life = await twinLife({ profile: { supportsClassC: true }, device: { deviceClass: "C" } });
  await life.report();
  await life.desire({ interval: 600 });
  await life.clock.advance(5_000);
  expect(life.heard()).toHaveLength(1);
  await life.clock.advance(50_000);
  expect(life.heard()).toHaveLength(1);
  await life.clock.advance(20_000);
  expect(life.heard()).toHaveLength(2);
  life.obey();
  await life.report();
  expect((await life.view()).delivery.state).toBe("in-sync");
  await life.clock.advance(10 * minute);
  expect(life.heard()).toHaveLength(2);
});

/** Ends everything after so many writes, as a process that dies does, until it is mended. */
function dyingAfter(writes: number) {
  let left = writes;
  const guarded = (store: TwinStore): TwinStore => {
    const count = async <Value>(work: () => Promise<Value>): Promise<Value> => {
      if (left <= 0) throw new Error("the process is dead");
      left -= 1;
      return work();
    };
    return {
      ...store,
      replace: twin => count(() => store.replace(twin)),
      change: (devEuis, change) => count(() => store.change(devEuis, change)),
    };
  };
  return { guarded, revive: () => (left = Number.POSITIVE_INFINITY) };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "a process that dies after %i writes sends nothing twice and loses nothing",
  async writes => {
    const dying = dyingAfter(writes);
    const life = await twinLife({ twins: dying.guarded });
    await life.desire({ interval: 600 });
    await life.clock.advance(1_000);
    await life.reading();
    await life.crash();
    dying.revive();
    await life.crash();
    for (let round = 0; round < 5 && (await life.view()).delivery.state !== "in-sync"; round += 1) {
      await life.clock.advance(2 * minute);
      await life.report();
    }
    const twin = await life.view();
    expect(twin).toMatchObject({ reported: { interval: 600, level: 7 }, delivery: { state: "in-sync" } });
    expect(life.heard().length).toBeLessThanOrEqual(2);
  },
);

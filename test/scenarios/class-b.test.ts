import { describe, expect, test } from "vitest";
import type { RegionName } from "../../lorawan/region/region.ts";
import { classBLife, listening, rising } from "../support/class-b-life.ts";

/** Over the longest that a ping slot can be away with periodicity 2, a beacon between, and the outcome known. */
const soonMs = 12_000;

describe("an idle class B device", () => {
  test("C45 C46 hears a downlink without an uplink, in its own ping slot, at a GPS time", async () => {
    const life = await classBLife();
    expect(await life.session()).toMatchObject({ deviceClass: "B", maxPayload: 115 });
    await life.put("now");
    await life.clock.advance(soonMs);
    expect(life.downlinks()).toMatchObject([{ window: "PING", fPort: 10, fPending: false, macCommands: "" }]);
    expect(life.texts()).toEqual(["now"]);
    expect(life.sent).toMatchObject([
      { txpk: { tmms: expect.any(Number), freq: 869.525, datr: "SF9BW125" }, error: "NONE" },
    ]);
    expect(life.sent[0]?.txpk).not.toHaveProperty("imme");
    expect(await life.eventsOf("txack")).toMatchObject([{ queueItemId: "now", deviceClass: "B" }]);
    expect(life.device.events.some(event => event.kind === "uplink-sent")).toBe(false);
    expect(await life.waiting()).toEqual([]);
  });

  test("C20 hears several in their order under rising counters", async () => {
    const life = await classBLife({ periodicity: 0 });
    for (const id of ["one", "two", "three"]) await life.put(id);
    await life.clock.advance(25_000);
    expect(life.texts()).toEqual(["one", "two", "three"]);
    expect(life.counters()).toEqual(rising(life.counters()));
    expect(life.downlinks().map(({ fPending }) => fPending)).toEqual([true, true, false]);
    expect(life.violations()).toEqual([]);
    expect(await life.waiting()).toEqual([]);
  });

  test("C45 gateways get the frame a second before its ping slot, and nothing in the beacon's time", async () => {
    const life = await classBLife({ periodicity: 0 });
    for (let count = 0; count < 60; count += 1) await life.put(`${count}`);
    await life.clock.advance(400_000);
    expect(life.sent).toHaveLength(60);
    const leads: number[] = [];
    for (const { txpk, atMs, error } of life.sent) {
      const { tmms = 0 } = txpk;
      leads.push(tmms - (atMs - Date.UTC(1980, 0, 6) + 18_000));
      expect(tmms % 128_000).toBeGreaterThanOrEqual(2_120);
      expect(tmms % 128_000).toBeLessThan(125_000);
      expect(error).toBe("NONE");
    }
    expect(Math.max(...leads)).toBeLessThanOrEqual(1_000);
    expect(Math.min(...leads)).toBeGreaterThanOrEqual(500);
    expect(life.downlinks()).toHaveLength(60);
  });

  test.each([2, 4, 7])("C46 with periodicity %i is sent to in every one of its ping slots", async periodicity => {
    const life = await classBLife({ periodicity });
    const count = Math.min(60, 2 * 2 ** (7 - periodicity));
    for (let item = 0; item < count; item += 1) await life.put(`${item}`);
    await life.clock.advance(4 * 128_000);
    expect(life.texts()).toHaveLength(count);
    const times = life.sent.map(({ txpk }) => txpk.tmms ?? 0);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // One after the other, but for the offset that is another with each beacon.
    const regular = gaps.filter(gap => gap === 960 * 2 ** periodicity);
    expect(regular.length).toBeGreaterThanOrEqual(count - 4);
    expect(life.violations()).toEqual([]);
  });

  test("C68 is not kept waiting by what is too long for its ping slots, or too old", async () => {
    const life = await classBLife();
    await life.put("long", { data: Buffer.alloc(200).toString("base64") });
    await life.put("old", { expiresAtMs: life.clock.nowMs() - 1 });
    await life.put("good");
    await life.clock.advance(soonMs);
    expect(life.texts()).toEqual(["good"]);
    expect(await life.eventsOf("log")).toMatchObject([
      { code: "DOWNLINK_PAYLOAD_SIZE", context: { queue_item_id: "long", max_size: "115" } },
      { code: "EXPIRED", context: { queue_item_id: "old" } },
    ]);
  });
});

const plans: readonly (readonly [RegionName, boolean])[] = [
  ["EU868", false],
  ["US915", true],
  ["AU915", true],
  ["AS923", false],
  ["IN865", false],
  ["KR920", false],
  ["CN470-20A", true],
  ["CN470-20B", true],
  ["CN470-26A", false],
  ["ISM2400", false],
];

describe("ping slots of each region", () => {
  test.each(plans)("C45 %s: heard through four beacon periods; the frequency hops: %s", async (region, hops) => {
    const life = await classBLife({ region, periodicity: 4, gateways: [listening(region)] });
    const { deviceClass, session } = await life.session();
    expect(deviceClass).toBe("B");
    // Where ping slots follow the join channel, it is kept: RX2 tells it only as long as nobody moves that.
    expect(session.joinChannelHz !== undefined).toBe(region.startsWith("CN470-20"));
    for (let count = 0; count < 32; count += 1) await life.put(`${count}`);
    await life.clock.advance(5 * 128_000);
    expect(life.texts()).toEqual(Array.from({ length: 32 }, (_, count) => `${count}`));
    expect(life.downlinks().every(({ window }) => window === "PING")).toBe(true);
    expect(new Set(life.sent.map(({ txpk }) => txpk.freq)).size > 1).toBe(hops);
    expect(life.violations()).toEqual([]);
  });
});

describe("class B around an uplink", () => {
  test("C20 what is enqueued right after an uplink waits for the end of its windows", async () => {
    const life = await classBLife({ periodicity: 0 });
    life.send();
    await life.clock.advance(500);
    const enqueuedAtMs = life.clock.nowMs();
    await life.put("after");
    await life.clock.advance(soonMs);
    expect(life.downlinks()).toMatchObject([{ window: "PING" }]);
    expect((life.sent[0]?.atMs ?? 0) - enqueuedAtMs).toBeGreaterThan(1_500);
  });

  test("C20 what is enqueued while the uplink waits for copies goes with its answer", async () => {
    const life = await classBLife();
    life.send({ confirmed: true });
    await life.clock.advance(200);
    await life.put("answer");
    await life.put("later");
    await life.clock.advance(3 * soonMs);
    expect(life.downlinks()).toMatchObject([
      { window: "RX1", ack: true, fPending: true },
      { window: "PING", ack: false },
    ]);
    expect(life.texts()).toEqual(["answer", "later"]);
    expect(life.counters()).toEqual(rising(life.counters()));
  });

  test("C20 an uplink that takes the ping slot away has its answer first, and the frame comes again under a later counter", async () => {
    const life = await classBLife({ periodicity: 3 });
    await life.put("missed");
    while (life.sent.length === 0) await life.clock.advance(50);
    life.send({ confirmed: true });
    await life.clock.advance(2 * soonMs);
    expect(life.downlinks()).toMatchObject([{ ack: true }, { window: "PING" }]);
    expect(life.texts().at(-1)).toBe("missed");
    expect(life.counters()).toEqual(rising(life.counters()));
    expect(life.violations()).toEqual([]);
    expect(await life.waiting()).toEqual([]);
  });

  test.each([0, 1, 2, 3])(
    "C20 with uplinks at any moment each item is heard once, in order, under rising counters (%i)",
    async number => {
      const dataRate = [5, 0, 5, 3][number] ?? 5;
      // A gateway does not hear what comes while it sends: another one does.
      const life = await classBLife({ periodicity: number, gateways: [{}, {}], device: { dataRate, adr: false } });
      for (let round = 0; round < 40; round += 1) {
        await life.put(`${round}`);
        await life.clock.advance(round * 67);
        life.send({ confirmed: round % 2 === 0 });
        await life.clock.advance(16_000);
      }
      await life.clock.advance(180_000);
      expect(life.counters()).toEqual(rising(life.counters()));
      expect(life.violations()).toEqual([]);
      expect(await life.waiting()).toEqual([]);
      expect(life.texts().filter(text => text !== "")).toEqual(Array.from({ length: 40 }, (_, round) => `${round}`));
    },
  );
});

describe("confirmed class B downlinks", () => {
  test("C66 end with the acknowledgement, and the next follows", async () => {
    const life = await classBLife();
    await life.put("sure", { confirmed: true });
    await life.put("next");
    await life.clock.advance(3 * soonMs);
    expect(life.texts()).toEqual(["sure", "next"]);
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "sure", acknowledged: true, deviceClass: "B" }]);
    expect(await life.waiting()).toEqual([]);
  });

  test("C66 are repeated after each time-out of the profile, then reported as not acknowledged; what waits follows", async () => {
    const life = await classBLife({ profile: { classBTimeoutSeconds: 20, classCTimeoutSeconds: 1 } });
    // The device hears and answers; its answers do not arrive.
    life.faults.toServer = bytes => (bytes[3] === 0 ? [] : [bytes]);
    await life.put("unsure", { confirmed: true });
    await life.put("next");
    await life.clock.advance(140_000);
    expect(life.texts()).toEqual(["unsure", "unsure", "unsure", "next"]);
    expect(life.counters()).toEqual(rising(life.counters()));
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "unsure", acknowledged: false }]);
    expect(await life.waiting()).toEqual([]);
    const times = life.sent.slice(0, 3).map(({ txpk }) => txpk.tmms ?? 0);
    expect(Math.min((times[1] ?? 0) - (times[0] ?? 0), (times[2] ?? 0) - (times[1] ?? 0))).toBeGreaterThan(20_000);
  });
});

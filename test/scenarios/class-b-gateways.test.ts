import { describe, expect, test } from "vitest";
import type { TxError } from "../../simulators/gateway-udp.ts";
import { classBLife, rising } from "../support/class-b-life.ts";

/** Over the longest that a ping slot can be away with periodicity 2, a beacon between, and the outcome known. */
const soonMs = 12_000;
const hourMs = 3_600_000;

type Life = Awaited<ReturnType<typeof classBLife>>;

/** TX_ACKs say this instead of success, as often as told. */
function refuse({ faults }: Life, error: TxError, times = Number.POSITIVE_INFINITY): void {
  let left = times;
  faults.toServer = bytes => {
    const text = Buffer.from(bytes).toString("latin1");
    if (bytes[3] !== 5 || !text.includes("NONE") || left === 0) return [bytes];
    left -= 1;
    return [Buffer.from(text.replace("NONE", error), "latin1")];
  };
}

const isInClassB = ({ device }: Life): boolean | undefined =>
  device.events.flatMap(event => (event.kind === "class-b" ? [event.isActive] : [])).at(-1);

describe("gateways of class B downlinks", () => {
  test("C47 only one with GPS time sends, though another hears the device better", async () => {
    const life = await classBLife({
      gateways: [{ gps: false }, { position: { eastM: -2_000, northM: 0, heightM: 30 } }],
    });
    for (const id of ["one", "two", "three"]) await life.put(id);
    await life.clock.advance(3 * soonMs);
    expect(life.texts()).toEqual(["one", "two", "three"]);
    expect(life.sent.map(({ gateway }) => gateway)).toEqual([1, 1, 1]);
  });

  test("C47 none has GPS time: the item waits, is reported once, uses no counter, and is sent when one has it again", async () => {
    const life = await classBLife();
    const [gateway] = life.gateways;
    const before = (await life.session()).session.nFCntDown;
    gateway?.setGps(false);
    life.send();
    await life.clock.advance(10_000);
    await life.put("patient");
    await life.clock.advance(hourMs);
    expect(life.sent).toEqual([]);
    expect(await life.waiting()).toEqual(["patient"]);
    expect(await life.eventsOf("log")).toMatchObject([
      { code: "DOWNLINK_GATEWAY", description: expect.stringContaining("GPS time") },
    ]);
    expect((await life.session()).session.nFCntDown).toBe(before);
    gateway?.setGps(true);
    // What any device sends shows that the gateway has its time again.
    const other = await life.addDevice();
    other.device.start();
    await life.clock.advance(3 * 60_000);
    expect(life.texts()).toEqual(["patient"]);
    expect(life.downlinks()).toMatchObject([{ window: "PING" }]);
  });

  test.each(["GPS_UNLOCKED", "COLLISION_BEACON", "TX_FREQ"] as const)(
    "C41 a gateway that says %s is followed by the other, in the same ping slot under the same counter",
    async error => {
      const life = await classBLife({ gateways: [{}, {}] });
      refuse(life, error, 1);
      await life.put("other way");
      await life.clock.advance(soonMs);
      expect(life.texts()).toEqual(["other way"]);
      const [first, second, ...more] = life.sent;
      expect(more).toEqual([]);
      expect(second?.txpk).toEqual(first?.txpk);
      expect(second?.gateway).not.toBe(first?.gateway);
      expect((await life.session()).session.nFCntDown).toBe((life.counters()[0] ?? -1) + 1);
    },
  );

  test.each([0, 5])(
    "C41 a refusal of the only gateway leads to the next ping slot under the same counter (periodicity %i)",
    async periodicity => {
      const life = await classBLife({ periodicity });
      refuse(life, "COLLISION_BEACON", 1);
      await life.put("next slot");
      await life.clock.advance(200_000);
      const [first, second, ...more] = life.sent;
      expect(more).toEqual([]);
      expect(second?.txpk.data).toBe(first?.txpk.data);
      expect(second?.txpk.tmms).toBeGreaterThan(first?.txpk.tmms ?? 0);
      // Whatever the gateway says, it has sent the first copy too.
      expect(new Set(life.texts())).toEqual(new Set(["next slot"]));
      expect(await life.eventsOf("log")).toEqual([]);
      expect(await life.waiting()).toEqual([]);
    },
  );

  test("C41 three refusals in a row are reported, and the item is sent later under a new counter", async () => {
    const life = await classBLife({ periodicity: 1 });
    refuse(life, "COLLISION_BEACON");
    await life.put("later");
    while ((await life.eventsOf("log")).length === 0) await life.clock.advance(100);
    expect(await life.eventsOf("log")).toMatchObject([
      { code: "DOWNLINK_GATEWAY", description: expect.stringMatching(/class B.*COLLISION_BEACON.*tried again/) },
    ]);
    expect(new Set(life.sent.map(({ txpk }) => txpk.data)).size).toBe(1);
    expect(life.sent).toHaveLength(3);
    life.faults.toServer = undefined;
    await life.clock.advance(40_000);
    expect(await life.waiting()).toEqual([]);
    expect(new Set(life.counters()).size).toBe(2);
  });

  test("C41 a gateway that has said GPS_UNLOCKED is not asked again before it shows GPS time", async () => {
    const life = await classBLife();
    refuse(life, "GPS_UNLOCKED");
    await life.put("wait");
    await life.clock.advance(600_000);
    expect(life.sent).toHaveLength(1);
    expect((await life.server.gateways())[0]?.gps).toMatchObject({ hasTime: false });
  });

  test("C42 a ping slot whose time another transmission of the gateway has taken goes to the other gateway", async () => {
    const life = await classBLife({ gateways: [{}, {}], periodicity: 0 });
    const others = [];
    for (let count = 0; count < 4; count += 1) {
      const other = await life.addDevice({ position: { eastM: 60, northM: count, heightM: 2 } });
      other.device.start();
      others.push(other);
    }
    await life.clock.advance(30_000);
    life.sent.length = 0;
    for (let count = 0; count < 25; count += 1) {
      await life.put(`${count}`);
      for (const other of others) other.device.send({ fPort: 1, payload: Uint8Array.of(1), confirmed: true });
      await life.clock.advance(6_000);
    }
    await life.clock.advance(20_000);
    expect([...new Set(life.texts())]).toEqual(Array.from({ length: 25 }, (_, count) => `${count}`));
    const inSlots = life.sent.filter(({ txpk }) => txpk.tmms !== undefined);
    expect(inSlots.filter(({ error }) => error !== "NONE")).toEqual([]);
    expect(new Set(inSlots.map(({ gateway }) => gateway)).size).toBe(2);
    expect(life.violations()).toEqual([]);
  });
});

describe("the end of class B", () => {
  test("C50 without a beacon for two hours the device clears its bit: what waits goes with an answer, until the bit is back", async () => {
    const life = await classBLife();
    for (const gateway of life.gateways) gateway.setGps(false);
    await life.clock.advance(hourMs);
    life.send();
    await life.clock.advance(20_000);
    // It goes on without a beacon for two hours, and says so.
    expect(isInClassB(life)).toBeUndefined();
    expect(await life.session()).toMatchObject({ deviceClass: "B" });
    await life.clock.advance(hourMs);
    expect(isInClassB(life)).toBe(false);
    life.send();
    await life.clock.advance(20_000);
    expect(await life.session()).toMatchObject({ deviceClass: "A" });
    expect((await life.eventsOf("up")).at(-1)).toMatchObject({ deviceClass: "A" });
    await life.put("by answer");
    await life.clock.advance(60_000);
    expect(life.texts()).toEqual([]);
    life.send();
    await life.clock.advance(20_000);
    expect(life.downlinks().map(({ window }) => window)).toEqual(["RX1"]);
    for (const gateway of life.gateways) gateway.setGps(true);
    await life.clock.advance(140_000);
    expect(isInClassB(life)).toBe(true);
    expect(await life.session()).toMatchObject({ deviceClass: "B" });
    await life.put("in a slot");
    await life.clock.advance(soonMs);
    expect(life.downlinks().map(({ window }) => window)).toEqual(["RX1", "PING"]);
  });

  test("C50 no gateway in reach has GPS time for two hours: the device is taken for class A before it says anything", async () => {
    const life = await classBLife();
    const [gateway] = life.gateways;
    gateway?.setGps(false);
    life.send();
    await life.clock.advance(20_000);
    await life.put("kept");
    await life.clock.advance(2 * hourMs - 120_000);
    expect(await life.session()).toMatchObject({ deviceClass: "B" });
    await life.clock.advance(240_000);
    expect(await life.session()).toMatchObject({ deviceClass: "A" });
    expect((await life.eventsOf("log")).at(-1)).toMatchObject({ description: expect.stringContaining("two hours") });
    // Its ping slots are gone by now: GPS time alone does not bring them back.
    gateway?.setGps(true);
    const other = await life.addDevice();
    other.device.start();
    await life.clock.advance(20_000);
    expect(life.sent.filter(({ txpk }) => txpk.tmms !== undefined)).toEqual([]);
    expect(await life.waiting()).toEqual(["kept"]);
    await life.clock.advance(200_000);
    expect(life.texts()).toEqual(["kept"]);
    expect(await life.session()).toMatchObject({ deviceClass: "B" });
  });

  test("C31 what is enqueued after a join waits for the first uplink under the new keys, and for class B again", async () => {
    const life = await classBLife();
    life.device.device.join();
    await life.clock.advance(20_000);
    await life.put("early");
    await life.clock.advance(60_000);
    expect(life.downlinks()).toEqual([]);
    life.send();
    await life.clock.advance(20_000);
    expect(life.downlinks().map(({ window }) => window)).toContain("RX1");
    expect(life.texts()).toContain("early");
    await life.clock.advance(20_000);
    life.send();
    await life.clock.advance(20_000);
    expect(await life.session()).toMatchObject({ deviceClass: "B" });
    expect(life.violations()).toEqual([]);
  });
});

describe("a restart of the server", () => {
  test("what waits for its ping slot is sent by the next process", async () => {
    const life = await classBLife({ periodicity: 6 });
    await life.put("kept");
    await life.clock.settle();
    await Promise.all([life.server.close(), life.clock.advance(3_000)]);
    await life.restart();
    await life.clock.advance(260_000);
    expect(life.texts()).toEqual(["kept"]);
    expect(await life.eventsOf("log")).toEqual([]);
  });

  test("C16 in the middle of a queue goes on without a counter used twice", async () => {
    const life = await classBLife({ periodicity: 0 });
    for (let count = 0; count < 12; count += 1) await life.put(`${count}`);
    await life.clock.advance(9_000);
    await Promise.all([life.server.close(), life.clock.advance(3_000)]);
    await life.restart();
    await life.clock.advance(120_000);
    expect(rising(life.texts().map(Number))).toEqual(Array.from({ length: 12 }, (_, count) => count));
    expect(life.counters()).toEqual(rising(life.counters()));
    expect(life.violations()).toEqual([]);
    expect(await life.waiting()).toEqual([]);
  });

  test("C47 what is known of a gateway's GPS time outlives it", async () => {
    const life = await classBLife();
    await life.clock.advance(60_000);
    await Promise.all([life.server.close(), life.clock.advance(3_000)]);
    const server = await life.restart();
    expect((await server.gateways())[0]?.gps).toMatchObject({ hasTime: true });
    await life.put("after");
    await life.clock.advance(20_000);
    expect(life.texts()).toEqual(["after"]);
  });
});

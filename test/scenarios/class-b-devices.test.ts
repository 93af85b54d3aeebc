import { describe, expect, test } from "vitest";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { createRandom } from "../../simulators/random.ts";
import { beaconOf, classBLife, rising } from "../support/class-b-life.ts";

const soonMs = 12_000;
const txAck = 5;

type Life = Awaited<ReturnType<typeof classBLife>>;

describe("what a device of class B is told and what it is built with", () => {
  const moved = { ...defaultRegionConfig("EU868"), pingSlotFrequencyHz: 868_300_000, pingSlotDataRate: 5 };

  test("C45 PingSlotChannelReq moves its ping slots; while it is on its way nothing is sent", async () => {
    const life = await classBLife();
    life.register(life.device.devEui, { mac: { pingSlotFrequencyHz: 868_500_000, pingSlotDataRate: 4 } });
    life.send();
    await life.clock.advance(5_000);
    expect(life.downlinks()).toMatchObject([{ window: "RX1", macCommands: expect.stringMatching(/^11/) }]);
    await life.put("where?");
    await life.clock.advance(60_000);
    expect(life.downlinks()).toHaveLength(1);
    life.send();
    await life.clock.advance(500);
    await life.put("there");
    await life.clock.advance(2 * soonMs);
    expect(life.texts().slice(1)).toEqual(["where?", "there"]);
    expect(life.sent.at(-1)?.txpk).toMatchObject({ freq: 868.5, datr: "SF8BW125", tmms: expect.any(Number) });
    expect((await life.session()).maxPayload).toBe(242);
    expect(life.violations()).toEqual([]);
  });

  test("C45 what the region's configuration wants of ping slots and beacon holds from the start", async () => {
    const life = await classBLife({
      network: { regions: [{ ...moved, beaconFrequencyHz: 869_525_000 }] },
    });
    await life.put("there");
    await life.clock.advance(soonMs);
    expect(life.texts()).toEqual(["there"]);
    expect(life.sent[0]?.txpk).toMatchObject({ freq: 868.3, datr: "SF7BW125" });
  });

  test("C46 a device that says nothing of its periodicity has that of its profile", async () => {
    const classB = { periodicity: 5, announces: false };
    const life = await classBLife({ device: { classB }, profile: { pingSlotPeriodicity: 5 } });
    expect((await life.session()).session.mac.pingSlotPeriodicity).toBeUndefined();
    for (const id of ["one", "two"]) await life.put(id);
    await life.clock.advance(100_000);
    expect(life.texts()).toEqual(["one", "two"]);
    expect(life.downlinks().map(({ window }) => window)).toEqual(["PING", "PING"]);
  });

  test("C46 without a periodicity the bit means nothing: the device is of class A", async () => {
    const life = await classBLife({ device: { classB: { periodicity: 5, announces: false } } });
    expect(await life.session()).toMatchObject({ deviceClass: "A" });
    await life.put("waits");
    await life.clock.advance(200_000);
    expect(life.sent).toEqual([]);
  });

  test("C45 a profile without class B does not read the bit", async () => {
    const life = await classBLife({ profile: { supportsClassB: false } });
    expect(await life.session()).toMatchObject({ deviceClass: "A" });
    await life.put("waits");
    await life.clock.advance(200_000);
    expect(life.sent).toEqual([]);
    life.send();
    await life.clock.advance(10_000);
    expect(life.downlinks()).toMatchObject([{ window: "RX1" }]);
  });

  test("C51 a device of class C stays one, whatever its bit says", async () => {
    const life = await classBLife({ profile: { supportsClassC: true }, device: { deviceClass: "C" } });
    expect(await life.session()).toMatchObject({ deviceClass: "C" });
    await life.put("at once");
    await life.clock.advance(2_000);
    expect(life.texts()).toEqual(["at once"]);
    expect(life.downlinks()).toMatchObject([{ window: "RXC" }]);
    expect(life.sent).toMatchObject([{ txpk: { imme: true } }]);
  });

  test("C18 C45 a LoRaWAN 1.1 device hears its ping slots under AFCntDown", async () => {
    const life = await classBLife({ profile: { macVersion: "1.1.0", regionalParameters: "RP001-1.1-B" } });
    expect(await life.session()).toMatchObject({ deviceClass: "B" });
    const before = (await life.session()).session;
    for (const id of ["one", "two"]) await life.put(id, { confirmed: id === "two" });
    await life.clock.advance(4 * soonMs);
    expect(life.texts().filter(text => text !== "")).toEqual(["one", "two"]);
    const after = (await life.session()).session;
    expect(after.aFCntDown).toBe(before.aFCntDown + 2);
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "two", acknowledged: true }]);
    expect(life.violations()).toEqual([]);
  });
});

test("C47 a gateway of another network server sends too, and its GPS time is known by the device's uplink", async () => {
  const life = await classBLife({ isShared: true, gateways: [{ gps: false }] });
  const { server, hub } = await life.addServer();
  const times: number[] = [];
  await life.addGateway(
    {
      gps: true,
      beacon: beaconOf("EU868"),
      position: { eastM: 100, northM: 0, heightM: 30 },
      listener: event => {
        if (event.kind === "downlink" && event.txpk.tmms !== undefined) times.push(event.txpk.tmms);
      },
    },
    {},
    hub,
  );
  await life.clock.advance(140_000);
  life.send();
  await life.clock.advance(10_000);
  expect(await life.session()).toMatchObject({ deviceClass: "B" });
  for (const id of ["one", "two", "three"]) await life.put(id);
  await life.clock.advance(4 * soonMs);
  expect(life.texts().filter(text => text !== "")).toEqual(["one", "two", "three"]);
  expect(times).toHaveLength(3);
  expect(life.counters()).toEqual(rising(life.counters()));
  await server.close();
});

/** Enqueues, uplinks and restarts at random moments; `loss` of all datagrams get lost, TX_ACKs never. */
async function live(life: Life, seed: number, loss: number): Promise<number> {
  const { clock, faults, device } = life;
  const random = createRandom(seed);
  const chance = (probability: number) => random.between(0, 1) < probability;
  const pass = (bytes: Uint8Array) => (chance(loss) ? [] : [bytes]);
  faults.toServer = bytes => (bytes[3] === txAck ? [bytes] : pass(bytes));
  faults.toGateways = pass;
  let { server } = life;
  let enqueued = 0;
  for (let round = 0; round < 100; round += 1) {
    if (chance(0.6)) {
      enqueued += 1;
      await life.put(`${enqueued}`, { confirmed: chance(0.3) });
    } else if (chance(0.9)) {
      device.device.send({ fPort: 1, payload: Uint8Array.of(2), confirmed: chance(0.4) });
    } else {
      await Promise.all([server.close(), clock.advance(3_000)]);
      server = await life.restart();
    }
    await clock.advance(chance(0.5) ? random.between(0, 3_000) : random.between(3_000, 20_000));
  }
  faults.toServer = undefined;
  faults.toGateways = undefined;
  for (let hour = 0; hour < 3; hour += 1) {
    life.send();
    await clock.advance(600_000);
  }
  return enqueued;
}

test.each([
  [1, 0, 0],
  [2, 0.05, 2],
  [3, 0.15, 4],
])(
  "C20 counters rise and items keep their order through losses and restarts (seed %i, %f lost, periodicity %i)",
  async (seed, loss, periodicity) => {
    const life = await classBLife({
      seed,
      periodicity,
      profile: { confirmedDownlinkRetries: 3 },
      gateways: [{}, { position: { eastM: -300, northM: 0, heightM: 30 } }],
    });
    const enqueued = await live(life, seed, loss);
    expect(life.counters()).toEqual(rising(life.counters()));
    expect(life.violations()).toEqual([]);
    const sent = (await life.eventsOf("txack")).flatMap(event => (event.kind === "txack" ? [event.fCntDown] : []));
    // The outcome of a frame in a ping slot is known later than that of an answer which follows it; no counter is used twice.
    expect(sent.toSorted((left, right) => left - right)).toEqual(rising(sent));
    // What the air alone may lose is rare; what is heard is heard in order.
    const items = [...new Set(life.texts().filter(text => text !== ""))].map(Number);
    expect(items).toEqual(rising(items));
    expect(items.length).toBeGreaterThan(enqueued * 0.85);
    expect(await life.waiting()).toEqual([]);
  },
);

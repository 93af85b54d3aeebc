import { describe, expect, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { createDatagramPair } from "../../simulators/datagram.ts";
import { createDeliveryCheck } from "../../simulators/delivery-check.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createFleet, describeFleet, type FleetOptions, parseFleetState } from "../../simulators/fleet.ts";
import { createRandom } from "../../simulators/random.ts";
import { sensors } from "../../simulators/sensors.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { answerInRx1, createTinyServer, joinAcceptFrame, type TinyServer } from "./tiny-server.ts";

/** A fleet in front of a server that lets every device in, through the gateway that heard it. */
function setUp(change: Partial<FleetOptions> = {}) {
  const clock = createVirtualClock();
  const servers: TinyServer[] = [];
  const events: string[] = [];
  const answered = new Set<string>();
  let joinNonce = 0;
  const seed = change.seed ?? 42;
  const keyOf = new Map(
    describeFleet({ seed, devices: 8, gateways: 2 }).devices.map(
      ({ credentials }) => [credentials.devEui, credentials.appKey] as const,
    ),
  );
  const options: FleetOptions = {
    clock,
    seed,
    devices: 8,
    gateways: 2,
    region: regionOf("EU868", "RP002-1.0.3"),
    macVersion: "1.0.4",
    intervalSeconds: 30,
    radiusM: 300,
    confirmedShare: 0,
    connect: () => {
      const [port, end] = createDatagramPair();
      const server = createTinyServer(end, frame => {
        const bytes = Buffer.from(frame.data, "base64");
        const appKey = keyOf.get(Buffer.from(bytes.subarray(9, 17)).reverse().toString("hex"));
        if (bytes[0] !== 0 || appKey === undefined || answered.has(frame.data)) return;
        answered.add(frame.data);
        joinNonce += 1;
        server.send(answerInRx1(frame, joinAcceptFrame({ appKey, joinNonce }), 5_000_000));
      });
      servers.push(server);
      return port;
    },
    listener: ({ credentials }, event: DeviceEvent) => {
      events.push(`${clock.monotonicUs()} ${credentials.devEui} ${event.kind}`);
    },
    ...change,
  };
  return { clock, events, servers, options, fleet: createFleet(options) };
}

describe("a fleet", () => {
  test("joins, measures and is heard, and counts it", async () => {
    const { clock, fleet } = setUp();
    fleet.start();
    await clock.advance(120_000);
    const statistics = fleet.statistics();
    fleet.stop();
    expect(statistics).toMatchObject({ joined: 8, joins: 8, violationCount: 0, dropped: 0 });
    expect(statistics.uplinks).toBeGreaterThanOrEqual(24);
    expect(statistics.uplinksHeard).toBeGreaterThanOrEqual(statistics.uplinks - 3);
    expect(statistics.pushAcks).toBe(statistics.pushData);
    expect(statistics.txAcks.NONE).toBeGreaterThanOrEqual(8);
  });

  test("does exactly the same for the same seed, and something else for another", async () => {
    const run = async (seed: number): Promise<readonly string[]> => {
      const { clock, events, fleet } = setUp({ seed });
      fleet.start();
      await clock.advance(60_000);
      fleet.stop();
      return events;
    };
    const first = await run(1);
    expect(first.length).toBeGreaterThan(40);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  test("goes on after a restart without a new join", async () => {
    const first = setUp();
    first.fleet.start();
    await first.clock.advance(60_000);
    first.fleet.stop();
    const text = JSON.stringify(first.fleet.snapshot());
    const second = setUp({ state: parseFleetState(JSON.parse(text)) });
    second.fleet.start();
    await second.clock.advance(60_000);
    const { joins, joined, uplinks } = second.fleet.statistics();
    expect([joins, joined]).toEqual([0, 8]);
    expect(uplinks).toBeGreaterThanOrEqual(8);
    const counters = Object.values(second.fleet.snapshot()).map(({ session }) => session?.fCntUp ?? 0);
    const before = Object.values(first.fleet.snapshot()).map(({ session }) => session?.fCntUp ?? 0);
    expect(counters.every((counter, index) => counter > (before[index] ?? 0))).toBe(true);
    second.fleet.stop();
  });

  test("is silent once it is stopped", async () => {
    const { clock, fleet, events } = setUp();
    fleet.start();
    await clock.advance(20_000);
    fleet.stop();
    const before = events.length;
    await clock.advance(100_000);
    expect(events.length).toBe(before);
  });
});

describe("sensors", () => {
  test.each(sensors.map(sensor => [sensor.name, sensor] as const))("%s: the codec reads what is sent", (_, sensor) => {
    const decode: unknown = new Function(`${sensor.codecScript}; return decodeUplink;`)();
    if (typeof decode !== "function") throw new TypeError("the script has no decodeUplink");
    const payload = sensor.makePayload(createRandom(1), 1_767_225_600);
    expect(sensor.makePayload(createRandom(1), 1_767_225_600)).toEqual(payload);
    const { data } = decode({ bytes: [...payload], fPort: sensor.fPort });
    for (const value of Object.values(data)) expect(["number", "boolean"]).toContain(typeof value);
    if ("temperature" in data) expect(data.temperature).toSatisfy((value: number) => value > 0 && value < 35);
    if ("latitude" in data) expect(data.latitude).toBeCloseTo(48.13, 1);
  });
});

describe("the check of deliveries", () => {
  const devEui = "0011223344556677";
  const uplink = { devEui, fPort: 2, payload: Uint8Array.of(1, 2), heardAtMs: 1000 };
  const event = (fCnt: number, data = "AQI=") => JSON.stringify({ deviceInfo: { devEui }, fCnt, fPort: 2, data });

  test("counts what is missing, doubled and foreign, and how long the rest took", () => {
    const check = createDeliveryCheck(new Set([devEui]));
    for (const fCnt of [1, 2, 3]) check.expect({ ...uplink, fCnt });
    check.arrived(event(1), 1250);
    check.arrived(event(1), 1300);
    check.arrived(event(2), 1350);
    check.arrived(event(2, "AQM="), 1350);
    expect(check.isComplete()).toBe(false);
    expect(check.report()).toMatchObject({
      expected: 3,
      delivered: 2,
      duplicates: 1,
      unexpected: 1,
      missing: [`${devEui} 3`],
      latencyMs: { count: 2, p50: 250, highest: 350 },
    });
  });

  test("an event may come before the news of its frame, and other devices do not count", () => {
    const check = createDeliveryCheck(new Set([devEui]));
    check.arrived(event(1), 1100);
    check.expect({ ...uplink, fCnt: 1 });
    check.arrived(event(2).replace(devEui, "ffffffffffffffff"), 1100);
    expect(check.isComplete()).toBe(true);
    expect(check.report()).toMatchObject({ expected: 1, delivered: 1, unexpected: 0 });
  });
});

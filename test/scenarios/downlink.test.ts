import { describe, expect, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import type { GatewayEvent } from "../../simulators/gateway-udp.ts";
import { createScenario, type ScenarioDevice } from "../support/scenario.ts";

const identifiers = { pushData: 0, pullResp: 3, txAck: 5 };
const kindOf = (bytes: Uint8Array): number | undefined => bytes[3];
const downlinks = ({ events }: ScenarioDevice) => events.filter(event => event.kind === "downlink");

async function joined(
  options: Parameters<typeof createScenario>[0] = {},
  { dataRate, startCounterUs = 0 }: { readonly dataRate?: number; readonly startCounterUs?: number } = {},
) {
  const scenario = await createScenario(options);
  const asked: Extract<GatewayEvent, { kind: "downlink" }>[] = [];
  const gateway = await scenario.addGateway({
    startCounterUs,
    listener: event => {
      if (event.kind === "downlink") asked.push(event);
    },
  });
  const device = await scenario.addDevice(dataRate === undefined ? {} : { dataRate });
  device.device.start();
  await scenario.clock.advance(12_000);
  expect(device.events).toContainEqual(expect.objectContaining({ kind: "joined" }));
  const send = async (changes = {}): Promise<void> => {
    device.device.send({ fPort: 1, payload: Uint8Array.of(1, 2, 3), ...changes });
    await scenario.clock.advance(10_000);
  };
  return { ...scenario, gateway, device, send, asked };
}

/** A datagram with another value, or none, wherever its JSON has this key. */
function rewritten(bytes: Uint8Array, headerLength: number, name: string, wanted: unknown): Uint8Array {
  const body: unknown = JSON.parse(Buffer.from(bytes.subarray(headerLength)).toString());
  const text = JSON.stringify(body, (key, value: unknown) => (key === name ? wanted : value));
  return Buffer.concat([bytes.subarray(0, headerLength), Buffer.from(text)]);
}

/** PUSH_DATA as a gateway sends it whose clock was never set. */
const withoutTime = (bytes: Uint8Array): Uint8Array => rewritten(bytes, 12, "time", undefined);

/** A TX_ACK that refuses, with this name instead of the gateway's; others pass. */
function refused(bytes: Uint8Array, error: string): Uint8Array {
  return Buffer.from(bytes).includes('"NONE"') ? bytes : rewritten(bytes, 12, "error", error);
}

/** Three channels, all in 868.0 to 868.6 MHz. */
const defaultChannelsOnly = {
  id: "eu868",
  region: "EU868",
  rx1DelaySeconds: 1,
  rx1DrOffset: 0,
  extraChannels: [],
  subBand: 0,
  installationMarginDb: 10,
} as const;

describe("C74 a gateway without a clock that held frames for an hour and flushes them", () => {
  // Counters of a gateway that has not been up for longer than it held frames might be those of one that has begun again.
  const upForAnHour = { startCounterUs: 3_700_000_000 };

  async function afterAnHour() {
    const life = await joined({}, upForAnHour);
    const held: Uint8Array[] = [];
    life.faults.toServer = bytes => [kindOf(bytes) === identifiers.pushData ? withoutTime(bytes) : bytes];
    for (let count = 0; count < 3; count += 1) await life.send();
    life.faults.toServer = bytes => {
      if (kindOf(bytes) !== identifiers.pushData) return [bytes];
      held.push(withoutTime(bytes));
      return [];
    };
    // Thirty frames every two minutes, confirmed now and then.
    for (let count = 0; count < 30; count += 1) {
      await life.send({ payload: Uint8Array.of(count), confirmed: count % 10 === 9 });
      await life.clock.advance(110_000);
    }
    await life.enqueue(life.device.devEui, { id: "waits" });
    const before = { asked: life.asked.length, session: await life.server.session(life.device.devEui) };
    let flushed = false;
    life.faults.toServer = bytes => {
      if (kindOf(bytes) !== identifiers.pushData) return [bytes];
      const all = flushed ? [] : held;
      flushed = true;
      return [...all, withoutTime(bytes)];
    };
    // The next statistics take them along.
    await life.clock.advance(31_000);
    return { ...life, before, held };
  }

  test("has them delivered in order, once, marked late", async () => {
    const { eventsOf, device } = await afterAnHour();
    const ups = (await eventsOf(device.devEui)).filter(event => event.kind === "up");
    const late = ups.filter(event => event.rxInfo.some(info => info.metadata?.late === "true"));
    expect(late).toHaveLength(30);
    const counters = ups.map(event => event.fCnt);
    expect(counters).toEqual([...new Set(counters)].toSorted((left, right) => left - right));
  });

  test("is not asked to answer them, and no counter is spent; a fresh frame after them is answered", async () => {
    const { asked, before, server, device, send, store } = await afterAnHour();
    expect(asked).toHaveLength(before.asked);
    expect((await server.session(device.devEui))?.session.nFCntDown).toBe(before.session?.session.nFCntDown);
    expect(await store.queue(device.devEui)).toHaveLength(1);
    await send();
    expect(downlinks(device).at(-1)).toMatchObject({ fPort: 10 });
    expect(await store.queue(device.devEui)).toEqual([]);
  });

  test("does not bring an old Join-Request to life", async () => {
    const { faults, clock, device, devices, addDevice, eventsOf, gateway } = await joined({}, upForAnHour);
    let held: readonly Uint8Array[] = [];
    faults.toServer = bytes => {
      if (kindOf(bytes) !== identifiers.pushData) return [bytes];
      held = [...held, withoutTime(bytes)];
      return [];
    };
    const other = await addDevice();
    other.device.start();
    await clock.advance(5_000);
    other.device.stop();
    await clock.advance(600_000);
    const flush = held;
    held = [];
    faults.toServer = bytes => [...(kindOf(bytes) === identifiers.pushData ? flush : []), bytes];
    device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await clock.advance(10_000);
    expect(devices.has(parseDevEui(other.devEui))).toBe(true);
    expect(await eventsOf(other.devEui)).toEqual([]);
    expect(gateway.statistics().errors.TOO_LATE).toBeUndefined();
  });
});

describe("a gateway that refuses", () => {
  test.each([
    "TOO_LATE",
    "TOO_EARLY",
    "COLLISION_PACKET",
    "COLLISION_BEACON",
    "TX_FREQ",
    "TX_POWER",
    "GPS_UNLOCKED",
    "DUTY_CYCLE_OVERFLOW",
    "QUEUE_FULL",
    "SOMETHING_ELSE",
  ])("C41 RX1 with %s sends the frame in RX2 under the same counter, once", async error => {
    const { faults, device, enqueue, send, server, store, asked } = await joined();
    let refusals = 0;
    // The simulated gateway refuses what has another size than it says; the reason is then put in its mouth.
    faults.toGateways = bytes => {
      if (kindOf(bytes) !== identifiers.pullResp || refusals > 0) return [bytes];
      refusals += 1;
      return [rewritten(bytes, 4, "size", 255)];
    };
    faults.toServer = bytes => [kindOf(bytes) === identifiers.txAck && refusals === 1 ? refused(bytes, error) : bytes];
    await enqueue(device.devEui, { id: "once" });
    const fCntDown = (await server.session(device.devEui))?.session.nFCntDown;
    await send();
    expect(refusals).toBe(1);
    expect(downlinks(device)).toMatchObject([{ fPort: 10, window: "RX2", fCnt: fCntDown }]);
    expect(asked.map(event => event.txpk.data).slice(-2)).toEqual(Array(2).fill(asked.at(-1)?.txpk.data));
    expect(await store.queue(device.devEui)).toEqual([]);
  });

  test("C41 every window leaves the item queued under a new counter, and the log tells each attempt", async () => {
    const { faults, device, enqueue, send, server, store, eventsOf, gateway } = await joined();
    faults.toGateways = bytes => [kindOf(bytes) === identifiers.pullResp ? rewritten(bytes, 4, "size", 255) : bytes];
    faults.toServer = bytes => [kindOf(bytes) === identifiers.txAck ? refused(bytes, "TX_FREQ") : bytes];
    await enqueue(device.devEui, { id: "stays" });
    await send();
    const { gatewayId } = gateway;
    expect(await eventsOf(device.devEui)).toContainEqual(
      expect.objectContaining({
        kind: "log",
        code: "DOWNLINK_GATEWAY",
        description: `No gateway took the downlink (${gatewayId} in RX1: TX_FREQ; ${gatewayId} in RX2: TX_FREQ)`,
      }),
    );
    expect(await store.queue(device.devEui)).toHaveLength(1);
    const fCntDown = (await server.session(device.devEui))?.session.nFCntDown;
    faults.toGateways = undefined;
    await send();
    expect(downlinks(device)).toMatchObject([{ fPort: 10, window: "RX1", fCnt: fCntDown }]);
    expect(await store.queue(device.devEui)).toEqual([]);
  });

  test("nothing, and never sends a TX_ACK, is believed: each frame goes out once", async () => {
    const scenario = await createScenario();
    scenario.faults.toServer = bytes => (kindOf(bytes) === identifiers.txAck ? [] : [bytes]);
    const gateway = await scenario.addGateway();
    const device = await scenario.addDevice();
    device.device.start();
    await scenario.clock.advance(12_000);
    await scenario.enqueue(device.devEui, { id: "once" });
    device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await scenario.clock.advance(12_000);
    expect(downlinks(device)).toMatchObject([{ window: "RX1", fPort: 10 }]);
    expect(gateway.statistics().downlinks).toBe(2);
    expect(await scenario.eventsOf(device.devEui)).toContainEqual(
      expect.objectContaining({ kind: "txack", queueItemId: "once" }),
    );
    expect(await scenario.store.queue(device.devEui)).toEqual([]);
  });
});

describe("C43 power", () => {
  test.each([
    ["rx1", 13],
    ["rx2", 26],
  ] as const)("in %s is the sub-band's limit less the antenna's gain: %i dBm", async (preferredWindow, powe) => {
    const regions = [{ ...defaultChannelsOnly, extraChannels: [], preferredWindow }];
    const scenario = await createScenario({ network: { regions } });
    const asked: GatewayEvent[] = [];
    await scenario.addGateway({ listener: event => asked.push(event) }, { antennaGainDb: 3 });
    const device = await scenario.addDevice();
    device.device.start();
    await scenario.clock.advance(12_000);
    device.device.send({ fPort: 1, payload: Uint8Array.of(1), confirmed: true });
    await scenario.clock.advance(12_000);
    expect(asked.filter(event => event.kind === "downlink").at(-1)).toMatchObject({ txpk: { powe }, error: "NONE" });
    expect(device.events).toContainEqual(expect.objectContaining({ kind: "uplink-done", outcome: "acknowledged" }));
  });
});

describe("C43 the duty cycle", () => {
  /** Confirmed uplinks at SF12, whose acknowledgements are 0.99 s in RX1 at 1 % an hour. */
  async function confirmedAtSf12(enforceDutyCycle: boolean) {
    const regions = [{ ...defaultChannelsOnly, extraChannels: [] }];
    const life = await joined(
      { network: { enforceDutyCycle, regions }, profile: { adrAlgorithm: "none" } },
      { dataRate: 0 },
    );
    for (let count = 0; count < 45; count += 1) {
      life.device.device.send({ fPort: 1, payload: Uint8Array.of(count), confirmed: true });
      await life.clock.advance(30_000);
    }
    const inBand = (event: Extract<GatewayEvent, { kind: "downlink" }>) => event.txpk.freq < 868.6;
    return { ...life, inRx1: life.asked.filter(event => inBand(event) && event.error === "NONE").length };
  }

  test("is kept: when RX1's sub-band is spent, acknowledgements leave in RX2", async () => {
    const { inRx1, asked, device } = await confirmedAtSf12(true);
    const acknowledged = device.events.filter(
      event => event.kind === "uplink-done" && event.outcome === "acknowledged",
    );
    expect(acknowledged).toHaveLength(45);
    expect(asked.length).toBeGreaterThanOrEqual(46);
    expect(inRx1).toBeLessThanOrEqual(36);
    expect(inRx1).toBeGreaterThan(25);
  });

  test("is left to the gateways where the operator says so", async () => {
    const { inRx1, asked } = await confirmedAtSf12(false);
    expect(inRx1).toBe(asked.length);
  });
});

test("C42 forty devices at once never make one gateway's transmissions collide", async () => {
  const scenario = await createScenario();
  const gateway = await scenario.addGateway();
  const devices: ScenarioDevice[] = [];
  for (let count = 0; count < 40; count += 1) {
    const device = await scenario.addDevice();
    devices.push(device);
    device.device.start();
    await scenario.clock.advance(1_000);
  }
  await scenario.clock.advance(60_000);
  for (let round = 0; round < 3; round += 1) {
    for (const { device } of devices) {
      device.send({ fPort: 1, payload: Uint8Array.of(round), confirmed: true });
      await scenario.clock.advance(20);
    }
    await scenario.clock.advance(120_000);
  }
  expect(gateway.statistics().transmitted).toBeGreaterThan(120);
  expect(gateway.statistics().errors).toEqual({ NONE: gateway.statistics().downlinks });
});

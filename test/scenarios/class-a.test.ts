import { describe, expect, test } from "vitest";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createScenario, type ScenarioDevice } from "../support/scenario.ts";

const kinds = (events: readonly DeviceEvent[]) => events.map(event => event.kind);
const downlinks = ({ events }: ScenarioDevice) => events.filter(event => event.kind === "downlink");
const violations = ({ events }: ScenarioDevice) => events.filter(event => event.kind === "violation");

async function joined(options: Parameters<typeof createScenario>[0] = {}, gatewayCount = 1) {
  const scenario = await createScenario(options);
  const gateways = [];
  for (let index = 0; index < gatewayCount; index += 1) gateways.push(await scenario.addGateway());
  const device = await scenario.addDevice();
  device.device.start();
  await scenario.clock.advance(10_000);
  expect(kinds(device.events)).toContain("joined");
  const send = async (changes = {}): Promise<void> => {
    device.device.send({ fPort: 1, payload: Uint8Array.of(1, 2, 3), ...changes });
    await scenario.clock.advance(10_000);
  };
  return { ...scenario, gateways, device, send };
}

describe("join", () => {
  test("C28 the Join-Accept is heard 5 s after the request, in RX1", async () => {
    const { device } = await joined();
    expect(device.events).toContainEqual(expect.objectContaining({ kind: "joined", window: "RX1" }));
  });

  test("C27 a Join-Request heard by three gateways is answered once", async () => {
    const { gateways } = await joined({}, 3);
    expect(gateways.reduce((sum, gateway) => sum + gateway.statistics().transmitted, 0)).toBe(1);
  });

  test("C28 a gateway that cannot send on RX1's frequency sends in RX2, 6 s after the request", async () => {
    const scenario = await createScenario();
    await scenario.addGateway({ txRangeHz: { lowest: 869_400_000, highest: 869_650_000 } });
    const device = await scenario.addDevice();
    device.device.start();
    await scenario.clock.advance(10_000);
    expect(device.events).toContainEqual(expect.objectContaining({ kind: "joined", window: "RX2" }));
  });

  test("C31 the old session lives until the first uplink on the new keys", async () => {
    const { device, eventsOf, server, send, faults, clock, addDevice, devices } = await joined();
    await send();
    const oldState = device.device.snapshot();
    const oldAddress = (await server.session(device.devEui))?.session.devAddr;
    faults.loseToGateways = true;
    device.device.join();
    await clock.advance(8_000);
    device.device.stop();
    expect((await eventsOf(device.devEui)).filter(event => event.kind === "join")).toHaveLength(2);

    // The accept was lost; a device that kept its old session goes on with it.
    faults.loseToGateways = false;
    devices.delete(device.devEui);
    const again = await addDevice({ state: oldState });
    again.device.send({ fPort: 1, payload: Uint8Array.of(7) });
    await clock.advance(5_000);
    expect((await eventsOf(device.devEui)).at(-1)).toMatchObject({ kind: "up", devAddr: oldAddress });

    // It joins again (its first DevNonce is a used one) and is heard: now the old keys are worth nothing.
    again.device.join();
    await clock.advance(60_000);
    again.device.send({ fPort: 1, payload: Uint8Array.of(8) });
    await clock.advance(5_000);
    expect((await server.session(device.devEui))?.session.devAddr).not.toBe(oldAddress);
    expect(await server.session(device.devEui)).toMatchObject({ session: { fCntUp: 1 } });
  });

  test("a device with another key is refused and the log says why", async () => {
    const scenario = await createScenario();
    await scenario.addGateway();
    const device = await scenario.addDevice({
      credentials: { devEui: `${"d".repeat(15)}1`, joinEui: "0e0e0e0e0e0e0e0e", appKey: "ff".repeat(16) },
    });
    device.device.start();
    await scenario.clock.advance(8_000);
    expect(kinds(device.events)).not.toContain("joined");
    expect(await scenario.eventsOf(device.devEui)).toMatchObject([
      { kind: "log", code: "OTAA", level: "ERROR", context: { result_code: "MICFailed" } },
    ]);
  });
});

describe("uplinks", () => {
  test("C14 three gateways hear one frame: one event with three rxInfo", async () => {
    const { device, eventsOf, send } = await joined({}, 3);
    await send();
    const ups = (await eventsOf(device.devEui)).filter(event => event.kind === "up");
    expect(ups).toHaveLength(1);
    expect(new Set(ups[0]?.rxInfo.map(info => info.gatewayId)).size).toBe(3);
  });

  test("C65 a confirmed uplink is acknowledged in its own windows", async () => {
    const { device, send } = await joined();
    await send({ confirmed: true });
    expect(device.events).toContainEqual(expect.objectContaining({ kind: "uplink-done", outcome: "acknowledged" }));
    expect(device.events.filter(event => event.kind === "uplink-sent")).toHaveLength(1);
  });

  test("C13 a confirmed uplink whose acknowledgement got lost is acknowledged again and delivered once", async () => {
    const { device, eventsOf, faults, clock } = await joined();
    faults.loseToGateways = true;
    device.device.send({ fPort: 1, payload: Uint8Array.of(9), confirmed: true });
    await clock.advance(2_500);
    faults.loseToGateways = false;
    await clock.advance(30_000);
    const attempts = device.events.filter(event => event.kind === "uplink-sent");
    expect(attempts.length).toBeGreaterThan(1);
    expect(new Set(attempts.map(event => event.fCnt)).size).toBe(1);
    expect(device.events).toContainEqual(expect.objectContaining({ kind: "uplink-done", outcome: "acknowledged" }));
    expect((await eventsOf(device.devEui)).filter(event => event.kind === "up")).toHaveLength(1);
    expect(violations(device)).toEqual([]);
  });

  test("two hundred uplinks arrive once each, in order, and break no rule of the device", async () => {
    const { device, eventsOf, send } = await joined({}, 2);
    for (let count = 0; count < 200; count += 1) await send({ payload: Uint8Array.of(count) });
    const ups = (await eventsOf(device.devEui)).filter(event => event.kind === "up");
    const counters = ups.map(event => event.fCnt);
    expect(counters).toEqual([...counters].sort((left, right) => left - right));
    expect(new Set(counters).size).toBe(counters.length);
    expect(counters.length).toBeGreaterThanOrEqual(200);
    expect(violations(device)).toEqual([]);
    expect(ups.at(-1)?.dr).toBe(5);
  });
});

describe("downlinks", () => {
  test("a queued downlink leaves with the next uplink and is reported", async () => {
    const { device, devEui, eventsOf, enqueue, send } = await joined().then(scenario => ({
      ...scenario,
      devEui: scenario.device.devEui,
    }));
    await enqueue(devEui, { id: "first", data: Buffer.from("hello").toString("base64") });
    await send();
    expect(downlinks(device)).toMatchObject([{ fPort: 10, window: "RX1", fPending: false }]);
    expect(Buffer.from(downlinks(device)[0]?.payload ?? []).toString()).toBe("hello");
    expect(await eventsOf(devEui)).toContainEqual(expect.objectContaining({ kind: "txack", queueItemId: "first" }));
  });

  test("C66 a confirmed downlink ends with the device's acknowledgement", async () => {
    const { device, enqueue, send, eventsOf, store } = await joined();
    await enqueue(device.devEui, { id: "sure", confirmed: true });
    await send();
    await send();
    expect(await eventsOf(device.devEui)).toContainEqual(
      expect.objectContaining({ kind: "ack", queueItemId: "sure", acknowledged: true }),
    );
    expect(await store.queue(device.devEui)).toEqual([]);
  });

  test("C67 FPending makes the device come back for the rest", async () => {
    const { device, enqueue, send } = await joined();
    await enqueue(device.devEui, { id: "one" });
    await enqueue(device.devEui, { id: "two" });
    await send();
    expect(downlinks(device).map(event => event.fPending)).toEqual([true, false]);
  });

  test("C41 a gateway that refuses RX1 sends in RX2 under the same counter", async () => {
    const scenario = await createScenario();
    const gateway = await scenario.addGateway({ txRangeHz: { lowest: 869_400_000, highest: 869_650_000 } });
    const device = await scenario.addDevice();
    device.device.start();
    await scenario.clock.advance(10_000);
    await scenario.enqueue(device.devEui, { id: "other window" });
    device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await scenario.clock.advance(10_000);
    expect(downlinks(device)).toMatchObject([{ window: "RX2" }]);
    const session = await scenario.server.session(device.devEui);
    expect(session?.session.nFCntDown).toBe((downlinks(device)[0]?.fCnt ?? -1) + 1);
    expect(gateway.statistics().errors.TX_FREQ).toBeGreaterThan(0);
  });
});

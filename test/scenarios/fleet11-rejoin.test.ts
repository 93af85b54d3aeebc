import { describe, expect, test } from "vitest";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { parseDeviceState } from "../../simulators/device-state.ts";
import { joinedLife, type LifeOptions } from "../support/radio-life.ts";

const near = { eastM: 50, northM: 0, heightM: 2 };

const version11 = (options: LifeOptions = {}): LifeOptions => ({
  ...options,
  profile: { macVersion: "1.1.0", ...options.profile },
  device: { position: near, ...options.device },
});

/** A simulated device of LoRaWAN 1.1 that has joined, and whose RekeyInd is confirmed. */
async function joined(options: LifeOptions = {}) {
  const life = await joinedLife(version11(options));
  await life.sendMany(2);
  const devAddr = () => life.device.device.session?.devAddr;
  const joins = async () => (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "join").length;
  const requested = () => life.eventsOfKind("rejoin-requested").map(({ rejoinType, rjCount }) => [rejoinType, rjCount]);
  return { ...life, devAddr, joins, requested };
}

describe("a simulated device of LoRaWAN 1.1 rejoins", () => {
  test.each([0, 1, 2] as const)("C35 on demand, with type %i", async rejoinType => {
    const life = await joined();
    const before = life.devAddr();
    life.device.device.rejoin(rejoinType);
    await life.clock.advance(10_000);
    expect(life.requested()).toEqual([[rejoinType, 0]]);
    expect(life.devAddr()).not.toBe(before);
    await life.sendMany(3, { confirmed: true });
    const ups = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "up");
    expect(ups.slice(-3)).toMatchObject([0, 1, 2].map(fCnt => ({ devAddr: life.devAddr(), fCnt })));
    expect(life.device.device.session?.version11?.indications).toEqual([]);
    expect(await life.joins()).toBe(2);
    await life.expectAgreementOf("dataRate", "txPowerIndex", "rx1DelaySeconds", "enabledChannels");
    life.expectAllHeard();
  });

  test("C35 with type 2 it keeps what its radio is set to, and with type 0 it begins anew", async () => {
    const life = await joined();
    await life.sendMany(25);
    const { txPowerIndex, dataRate } = life.parameters();
    expect(txPowerIndex).toBeGreaterThan(0);
    life.device.device.rejoin(2);
    await life.clock.advance(10_000);
    expect(life.parameters()).toMatchObject({ txPowerIndex, dataRate });
    life.device.device.rejoin(0);
    await life.clock.advance(10_000);
    expect(life.parameters()).toMatchObject({ txPowerIndex: 0 });
    await life.sendMany(2);
    await life.expectAgreementOf("dataRate", "txPowerIndex", "nbTrans");
    life.expectAllHeard();
  });

  test.each([0, 2] as const)("C64 when ForceRejoinReq orders it, with type %i", async rejoinType => {
    const life = await joined();
    const before = life.devAddr();
    await life.server.forceRejoin(life.device.devEui, { rejoinType });
    await life.send();
    await life.clock.advance(10_000);
    expect(life.commandsHeard()).toContain("ForceRejoinReq");
    expect(life.requested()).toEqual([[rejoinType, 0]]);
    expect(life.devAddr()).not.toBe(before);
    await life.sendMany(2);
    expect(life.commandsHeard().filter(name => name === "ForceRejoinReq")).toHaveLength(1);
    life.expectAllHeard();
  });

  test("C64 as often as the order says, at least 32 s apart, and its session goes on where nobody answers", async () => {
    const life = await joined();
    const before = life.devAddr();
    await life.server.forceRejoin(life.device.devEui, { rejoinType: 2, period: 0, maxRetries: 2 });
    life.device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    // The order is with the gateway by now, and nothing after it gets there.
    await life.clock.advance(900);
    life.faults.loseToGateways = true;
    await life.clock.advance(2_000);
    expect(life.requested()).toEqual([[2, 0]]);
    await life.clock.advance(30_000);
    expect(life.requested()).toHaveLength(1);
    await life.clock.advance(400_000);
    expect(life.requested()).toEqual([
      [2, 0],
      [2, 1],
      [2, 2],
    ]);
    expect(life.eventsOfKind("rejoin-failed")).toHaveLength(3);
    expect(life.devAddr()).toBe(before);
    life.faults.loseToGateways = false;
    await life.send({ confirmed: true });
    expect(life.eventsOfKind("uplink-done").at(-1)).toMatchObject({ outcome: "acknowledged" });
    expect(life.devAddr()).toBe(before);
  });

  test("C64 after as many uplinks as RejoinParamSetupReq says", async () => {
    const regions = [{ ...defaultRegionConfig("EU868"), rejoinMaxTimeExponent: 15, rejoinMaxCountExponent: 0 }];
    const life = await joined({ network: { regions } });
    expect(life.parameters()).toMatchObject({ rejoinMaxTimeExponent: 15, rejoinMaxCountExponent: 0 });
    await life.sendMany(20);
    expect(life.requested()).toEqual([[0, 0]]);
    expect(await life.joins()).toBe(2);
    await life.sendMany(20);
    // RJcount0 begins again with the session that a type 0 made.
    expect(life.requested()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    life.expectAllHeard();
  });

  test("C64 after as much time as RejoinParamSetupReq says", async () => {
    const regions = [{ ...defaultRegionConfig("EU868"), rejoinMaxTimeExponent: 0, rejoinMaxCountExponent: 15 }];
    const life = await joined({ network: { regions } });
    await life.clock.advance(1_024_000);
    await life.send();
    await life.clock.advance(10_000);
    expect(life.requested()).toEqual([[0, 0]]);
    expect(await life.joins()).toBe(2);
  });

  test("C35 and its counters outlive its restart", async () => {
    const life = await joined();
    for (const rejoinType of [1, 1] as const) {
      life.device.device.rejoin(rejoinType);
      await life.clock.advance(10_000);
    }
    life.device.device.rejoin(2);
    life.faults.loseToGateways = true;
    await life.clock.advance(10_000);
    const state = parseDeviceState(JSON.parse(JSON.stringify(life.device.device.snapshot())));
    expect(state).toMatchObject({ rjCount1: 2, session: { version11: { rjCount0: 1 } } });
  });
});

test("a simulated device of LoRaWAN 1.0 does not rejoin", async () => {
  const life = await joinedLife({ device: { position: near } });
  life.device.device.rejoin(0);
  await life.clock.advance(10_000);
  expect(life.eventsOfKind("rejoin-requested")).toEqual([]);
  await life.send({ confirmed: true });
  expect(life.eventsOfKind("uplink-done").at(-1)).toMatchObject({ outcome: "acknowledged" });
});

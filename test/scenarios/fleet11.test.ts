import { describe, expect, test } from "vitest";
import { parseDeviceState } from "../../simulators/device-state.ts";
import { joinedLife, type LifeOptions, personalisedLife } from "../support/radio-life.ts";

const version11 = (options: LifeOptions = {}): LifeOptions => ({
  ...options,
  profile: { macVersion: "1.1.0", ...options.profile },
});

const indications = (life: Awaited<ReturnType<typeof joinedLife>>) =>
  life.device.device.session?.version11?.indications ?? expect.fail("this is no session of LoRaWAN 1.1");

describe("a simulated device of LoRaWAN 1.1", () => {
  test("C9 joins with OptNeg, sends RekeyInd until it is confirmed, and its uplinks are delivered", async () => {
    const life = await joinedLife(version11());
    expect(indications(life)).toEqual(["0b01"]);
    await life.sendMany(3);
    expect(indications(life)).toEqual([]);
    expect(life.commandsHeard()).toContain("RekeyConf");
    expect((await life.server.session(life.device.devEui))?.session.macVersion).toBe("1.1.0");
    const ups = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "up");
    expect(ups.map(event => event.fCnt)).toEqual([0, 1, 2]);
    life.expectAllHeard();
  });

  test("C9 C18 confirmed frames are acknowledged both ways, and application downlinks count apart", async () => {
    const life = await joinedLife(version11());
    await life.send();
    await life.enqueue(life.device.devEui, { id: "one", confirmed: true });
    await life.enqueue(life.device.devEui, { id: "two", fPort: 11 });
    await life.sendMany(4, { confirmed: true });
    expect(life.eventsOfKind("uplink-done").filter(({ outcome }) => outcome === "acknowledged").length).toBeGreaterThan(
      3,
    );
    const application = life.eventsOfKind("downlink").filter(({ fPort }) => fPort !== undefined);
    expect(application.map(({ fCnt, fPort }) => [fCnt, fPort])).toEqual([
      [0, 10],
      [1, 11],
    ]);
    const acks = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "ack");
    expect(acks).toMatchObject([{ queueItemId: "one", acknowledged: true, fCntDown: 0 }]);
    life.expectAllHeard();
  });

  test("C13 repeats on other channels are one uplink", async () => {
    const life = await joinedLife(version11({ device: { position: { eastM: 50, northM: 0, heightM: 2 } } }));
    life.faults.loseToGateways = true;
    life.device.device.send({ fPort: 1, payload: Uint8Array.of(1), confirmed: true });
    await life.clock.advance(60_000);
    const sent = life.eventsOfKind("uplink-sent");
    expect(sent.length).toBeGreaterThan(4);
    expect(new Set(sent.map(({ phyPayload }) => Buffer.from(phyPayload).toString("hex"))).size).toBeGreaterThan(1);
    life.faults.loseToGateways = false;
    await life.send();
    const ups = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "up");
    expect(ups.map(event => event.fCnt)).toEqual([0, 1]);
  });

  test("is steered by ADR, in agreement with the server", async () => {
    const life = await joinedLife(version11({ device: { position: { eastM: 50, northM: 0, heightM: 2 } } }));
    await life.sendMany(64);
    expect(life.parameters().txPowerIndex).toBeGreaterThan(0);
    await life.expectAgreementOf("dataRate", "txPowerIndex", "nbTrans", "enabledChannels");
    life.expectAllHeard();
  });

  test("C64 one of class C says so, and is then sent to at once", async () => {
    const life = await joinedLife(version11({ device: { deviceClass: "C" }, profile: { supportsClassC: true } }));
    expect(indications(life)).toEqual(["0b01", "2002"]);
    await life.sendMany(2);
    expect(indications(life)).toEqual([]);
    await life.enqueue(life.device.devEui, { id: "now" });
    await life.clock.advance(5_000);
    expect(life.eventsOfKind("downlink").at(-1)).toMatchObject({ window: "RXC", fPort: 10 });
    life.expectAllHeard();
  });

  test("C64 one that is activated by personalisation sends ResetInd until it is confirmed", async () => {
    const life = await personalisedLife(version11());
    expect(indications(life)).toEqual(["0101"]);
    await life.sendMany(3, { confirmed: true });
    expect(indications(life)).toEqual([]);
    expect(life.commandsHeard()).toContain("ResetConf");
    life.expectAllHeard();
  });

  test("has all of its session in its snapshot", async () => {
    const life = await joinedLife(version11());
    await life.enqueue(life.device.devEui, { id: "one", confirmed: true });
    await life.sendMany(3, { confirmed: true });
    const state = parseDeviceState(JSON.parse(JSON.stringify(life.device.device.snapshot())));
    expect(state.session).toEqual(life.device.device.session);
    expect(state.session?.version11).toMatchObject({ lastAFCntDown: 0, confFCnt: 0, indications: [] });
  });
});

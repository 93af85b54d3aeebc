import { describe, expect, test } from "vitest";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { joinedLife, type LifeOptions } from "../support/radio-life.ts";

const configured = {
  ...defaultRegionConfig("EU868"),
  pingSlotFrequencyHz: 868_300_000,
  pingSlotDataRate: 5,
  beaconFrequencyHz: 869_525_000,
};

const lifeWith = (options: LifeOptions = {}) =>
  joinedLife({ profile: { supportsClassB: true }, network: { regions: [configured] }, ...options });

type Life = Awaited<ReturnType<typeof lifeWith>>;

/** PingSlotInfoReq: a ping slot every 2^3 seconds. */
const announce = (life: Life): void => {
  life.device.device.session?.answers.push({ bytes: "1003", sticky: false });
};

const classBCommands = (life: Life): readonly string[] =>
  life.commandsHeard().filter(name => ["PingSlotInfoAns", "PingSlotChannelReq", "BeaconFreqReq"].includes(name));

describe("a device on its way to class B", () => {
  test("C63 PingSlotInfoReq is answered, and ping slots and beacon are set as the region's configuration says", async () => {
    const life = await lifeWith();
    await life.sendMany(3);
    expect(classBCommands(life)).toEqual([]);
    announce(life);
    await life.sendMany(4);
    expect(classBCommands(life)).toEqual(["PingSlotInfoAns", "PingSlotChannelReq", "BeaconFreqReq"]);
    expect(life.eventsOfKind("ping-slot-info")).toHaveLength(1);
    expect(life.parameters()).toMatchObject({
      pingSlotFrequencyHz: 868_300_000,
      pingSlotDataRate: 5,
      beaconFrequencyHz: 869_525_000,
    });
    expect((await life.server.session(life.device.devEui))?.session.mac.pingSlotPeriodicity).toBe(3);
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("C63 what the device and its profile say goes before the region's configuration", async () => {
    const life = await lifeWith({
      profile: { supportsClassB: true, mac: { pingSlotDataRate: 3, beaconFrequencyHz: 868_500_000 } },
      config: { mac: { beaconFrequencyHz: 868_100_000 } },
    });
    announce(life);
    await life.sendMany(4);
    expect(life.parameters()).toMatchObject({
      pingSlotFrequencyHz: 868_300_000,
      pingSlotDataRate: 3,
      beaconFrequencyHz: 868_100_000,
    });
    await life.expectAgreement();
  });

  test("C63 0 Hz gives back the region's own, and nothing configured asks for nothing", async () => {
    const zero = { ...configured, pingSlotFrequencyHz: 0, pingSlotDataRate: 3, beaconFrequencyHz: 0 };
    const plain = defaultRegionConfig("EU868");
    for (const config of [zero, plain]) {
      const life = await lifeWith({ network: { regions: [config] } });
      announce(life);
      await life.sendMany(4);
      expect(classBCommands(life)).toEqual(["PingSlotInfoAns"]);
    }
  });

  test("C63 a device whose profile has no class B is answered and not configured", async () => {
    const life = await lifeWith({ profile: { supportsClassB: false } });
    announce(life);
    await life.sendMany(4);
    expect(classBCommands(life)).toEqual(["PingSlotInfoAns"]);
  });

  test("C63 a refused beacon frequency is asked for three times, and the device goes on", async () => {
    const life = await lifeWith({
      network: { regions: [{ ...configured, beaconFrequencyHz: 923_400_000 }] },
    });
    announce(life);
    await life.sendMany(12);
    expect(classBCommands(life).filter(name => name === "BeaconFreqReq")).toHaveLength(3);
    expect(life.parameters().beaconFrequencyHz).toBeUndefined();
    const events = await life.eventsOf(life.device.devEui);
    expect(events.filter(event => event.kind === "log").map(event => event.code)).not.toEqual([]);
    life.expectAllHeard();
  });
});

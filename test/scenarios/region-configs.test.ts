import { describe, expect, test } from "vitest";
import type { NetworkServerConfig } from "../../network-server/config.ts";
import type { DeviceProfileConfig } from "../../network-server/ports.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { joined11 } from "../support/life11.ts";
import { lifeOf, personalisedLife } from "../support/radio-life.ts";
import { createScenario } from "../support/scenario.ts";

const town = {
  ...defaultRegionConfig("EU868"),
  id: "town",
  rx1DelaySeconds: 2,
  extraChannels: [867_100_000, 867_300_000].map(frequencyHz => ({ frequencyHz, minDataRate: 0, maxDataRate: 5 })),
};
const valley = {
  ...defaultRegionConfig("EU868"),
  id: "valley",
  rx1DelaySeconds: 5,
  rx1DrOffset: 2,
  rx2DataRate: 3,
  extraChannels: [{ frequencyHz: 865_500_000, minDataRate: 0, maxDataRate: 5 }],
};
const regions: NetworkServerConfig["regions"] = [town, valley];

type Scenario = Awaited<ReturnType<typeof createScenario>>;

/** A device of this scenario with changes to its profile, joined if the network lets it. */
async function started(scenario: Scenario, profile: Partial<DeviceProfileConfig> = {}, position = { eastM: 300 }) {
  const device = await scenario.addDevice(
    { position: { northM: 0, heightM: 2, ...position } },
    { profile: { ...scenario.profile, ...profile } },
  );
  device.device.start();
  await scenario.clock.advance(15_000);
  return device;
}

const extraFrequencies = (life: ReturnType<typeof lifeOf>): readonly (number | undefined)[] =>
  life
    .parameters()
    .channels.slice(3)
    .map(channel => channel?.uplinkFrequencyHz);

describe("two configurations of EU868 at once", () => {
  test("C29 C30 each gives its own devices its own channels and windows", async () => {
    const scenario = await createScenario({ network: { regions } });
    const gateway = await scenario.addGateway();
    const inTown = lifeOf(scenario, [gateway], await started(scenario, { regionConfigId: "town" }));
    const inValley = lifeOf(scenario, [gateway], await started(scenario, { regionConfigId: "valley" }));
    await inTown.sendMany(30, { confirmed: true });
    await inValley.sendMany(30, { confirmed: true });
    expect(extraFrequencies(inTown)).toEqual([867_100_000, 867_300_000]);
    expect(extraFrequencies(inValley)).toEqual([865_500_000]);
    expect(inTown.parameters()).toMatchObject({ rx1DelaySeconds: 2, rx1DrOffset: 0, rx2DataRate: 0 });
    expect(inValley.parameters()).toMatchObject({ rx1DelaySeconds: 5, rx1DrOffset: 2, rx2DataRate: 3 });
    for (const [life, regionConfigId] of [
      [inTown, "town"],
      [inValley, "valley"],
    ] as const) {
      const ups = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "up");
      expect(ups.length).toBeGreaterThanOrEqual(30);
      expect(new Set(ups.map(event => event.regionConfigId))).toEqual(new Set([regionConfigId]));
      const acknowledged = life.eventsOfKind("uplink-done").filter(event => event.outcome === "acknowledged");
      expect(acknowledged).toHaveLength(30);
      expect(life.eventsOfKind("violation")).toEqual([]);
      await life.expectAgreement();
    }
  });

  test("a change of a configuration reaches its devices while the server runs, and no others", async () => {
    const living = [town, valley];
    const scenario = await createScenario({ network: { regions: living } });
    const gateway = await scenario.addGateway();
    const inTown = lifeOf(scenario, [gateway], await started(scenario, { regionConfigId: "town" }));
    const inValley = lifeOf(scenario, [gateway], await started(scenario, { regionConfigId: "valley" }));
    await inTown.sendMany(10);
    await inValley.sendMany(10);
    const before = inValley.parameters();
    const extraChannels = town.extraChannels.map((channel, index) => ({
      ...channel,
      frequencyHz: index === 0 ? 867_900_000 : channel.frequencyHz,
    }));
    living[0] = { ...town, rx1DelaySeconds: 4, rx1DrOffset: 1, extraChannels };
    await inTown.sendMany(15);
    await inValley.sendMany(15);
    expect(inTown.parameters()).toMatchObject({ rx1DelaySeconds: 4, rx1DrOffset: 1 });
    expect(extraFrequencies(inTown)).toEqual([867_900_000, 867_300_000]);
    expect(inValley.parameters()).toMatchObject({ rx1DelaySeconds: before.rx1DelaySeconds, channels: before.channels });
    await inTown.expectAgreement();
    await inValley.expectAgreement();
  });

  test("ADR keeps to the data rates of the configuration, where the profile names none", async () => {
    const scenario = await createScenario({ network: { regions: [{ ...town, adrMaxDataRate: 3 }] } });
    const gateway = await scenario.addGateway();
    const limited = lifeOf(scenario, [gateway], await started(scenario));
    const own = lifeOf(scenario, [gateway], await started(scenario, { adrMaxDataRate: 4 }));
    await limited.sendMany(80);
    await own.sendMany(80);
    expect(limited.parameters().dataRate).toBe(3);
    expect(own.parameters().dataRate).toBe(4);
  });

  test("a profile that names none takes that of the gateway which hears the join, and keeps it", async () => {
    const scenario = await createScenario({ network: { regions } });
    const gateway = await scenario.addGateway({}, { regionConfigId: "valley" });
    const life = lifeOf(scenario, [gateway], await started(scenario));
    expect(extraFrequencies(life)).toEqual([865_500_000]);
    await life.sendMany(5);
    expect(life.parameters().rx1DelaySeconds).toBe(5);
    expect((await life.eventsOf(life.device.devEui)).at(-1)).toMatchObject({ kind: "up", regionConfigId: "valley" });
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("a device that was activated by personalisation takes that of the gateway which hears it first, and keeps it", async () => {
    const life = await personalisedLife({
      network: { regions },
      gatewayConfigs: [{ regionConfigId: "valley" }],
      profile: { abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 } },
    });
    await life.sendMany(5);
    expect(life.parameters()).toMatchObject({ rx1DelaySeconds: 5, rx1DrOffset: 2, rx2DataRate: 3 });
    expect(extraFrequencies(life)).toEqual([865_500_000]);
    const ups = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "up");
    expect(new Set(ups.map(event => event.regionConfigId))).toEqual(new Set(["valley"]));
    // Another gateway alone hears it from now on; what is settled stays.
    life.gateways[0]?.stop();
    await life.addGateway({}, { regionConfigId: "town" });
    await life.sendMany(3);
    expect((await life.eventsOf(life.device.devEui)).at(-1)).toMatchObject({ kind: "up", regionConfigId: "valley" });
    expect(life.parameters().rx1DelaySeconds).toBe(5);
  });

  test("a device activated by personalisation stays with what its profile names, whoever hears it", async () => {
    const life = await personalisedLife({
      network: { regions },
      gatewayConfigs: [{ regionConfigId: "valley" }],
      profile: { regionConfigId: "town" },
    });
    await life.sendMany(5);
    expect(extraFrequencies(life)).toEqual([867_100_000, 867_300_000]);
    expect((await life.eventsOf(life.device.devEui)).at(-1)).toMatchObject({ regionConfigId: "town" });
  });

  test("a profile that names a configuration which does not exist is as one that names none, after the join too", async () => {
    const scenario = await createScenario({ network: { regions } });
    const gateway = await scenario.addGateway({}, { regionConfigId: "valley" });
    const life = lifeOf(scenario, [gateway], await started(scenario, { regionConfigId: "village" }));
    await life.sendMany(5);
    expect(extraFrequencies(life)).toEqual([865_500_000]);
    await life.expectAgreement();
  });

  test("C35 a device whose session is lost here rejoins into the configuration of the gateway that hears it", async () => {
    const life = await joined11({ network: { regions } });
    const { server, devices, devEui, gateway, rejoin, session, device } = life;
    await server.deactivate(devEui);
    gateway.stop();
    await life.addGateway({}, { regionConfigId: "valley" });
    await rejoin(1);
    await life.send(1, Uint8Array.of(1));
    expect(await session()).toMatchObject({ regionConfigId: "valley" });
    expect(devices.get(devEui)?.profile).not.toHaveProperty("regionConfigId");
    expect(device.faults).toEqual([]);
  });

  test("a gateway of no configuration, or of one that does not exist, is as good as any", async () => {
    for (const regionConfigId of [undefined, "village"]) {
      const scenario = await createScenario({ network: { regions } });
      const gateway = await scenario.addGateway({}, { ...(regionConfigId && { regionConfigId }) });
      const first = lifeOf(scenario, [gateway], await started(scenario));
      expect(extraFrequencies(first)).toEqual([867_100_000, 867_300_000]);
      const pinned = lifeOf(scenario, [gateway], await started(scenario, { regionConfigId: "valley" }));
      expect(extraFrequencies(pinned)).toEqual([865_500_000]);
    }
  });

  test("a device is not joined by gateways of another configuration alone, and is told why", async () => {
    const scenario = await createScenario({ network: { regions } });
    await scenario.addGateway({}, { regionConfigId: "town" });
    const { device, devEui } = await started(scenario, { regionConfigId: "valley" });
    expect(device.joined).toBe(false);
    expect((await scenario.eventsOf(devEui))[0]).toMatchObject({
      kind: "log",
      level: "ERROR",
      code: "OTAA",
      description: expect.stringContaining("town alone"),
    });
    await scenario.addGateway({}, { regionConfigId: "valley" });
    await scenario.clock.advance(60_000);
    expect(device.joined).toBe(true);
  });
});

test("C39 a device that was built with channels of its own is answered in RX1 on them", async () => {
  const bare = { ...defaultRegionConfig("EU868"), extraChannels: [] };
  const life = await personalisedLife({ network: { regions: [bare] }, device: { adr: false } });
  const parameters = life.parameters();
  parameters.channels.push({
    uplinkFrequencyHz: 867_500_000,
    downlinkFrequencyHz: 867_500_000,
    minDataRate: 0,
    maxDataRate: 5,
  });
  parameters.enabledChannels = [3];
  await life.sendMany(5, { confirmed: true });
  expect(life.eventsOfKind("downlink").map(event => event.window)).toEqual(Array(5).fill("RX1"));
  life.expectAllHeard();
});

test("C29 US915 devices of two configurations join in their own sub-bands, each behind gateways that hear nothing else", async () => {
  const bands = [1, 2].map(subBand => ({ ...defaultRegionConfig("US915"), id: `band-${subBand}`, subBand }));
  const scenario = await createScenario({ region: "US915", network: { regions: bands } });
  const uplinks = scenario.region.defaultChannels.map(channel => channel?.uplinkFrequencyHz ?? 0);
  const gateways = [];
  for (const subBand of [1, 2]) {
    const members = [...scenario.region.subBandChannels(subBand)].map(number => uplinks[number] ?? 0);
    gateways.push(await scenario.addGateway({ listensTo: new Set(members) }, { regionConfigId: `band-${subBand}` }));
  }
  for (const subBand of [1, 2]) {
    const device = await started(scenario, { regionConfigId: `band-${subBand}` }, { eastM: 50 });
    for (let second = 0; second < 3_000 && !device.device.joined; second += 1) {
      if (device.events.at(-1)?.kind === "join-failed") device.device.join();
      await scenario.clock.advance(1_000);
    }
    const life = lifeOf(scenario, gateways, device);
    const before = (await life.eventsOf(device.devEui)).filter(event => event.kind === "up").length;
    await life.sendMany(20, { confirmed: true });
    const wanted = [...scenario.region.subBandChannels(subBand)].sort((left, right) => left - right);
    expect(life.parameters().enabledChannels).toEqual(wanted);
    const ups = (await life.eventsOf(device.devEui)).filter(event => event.kind === "up").slice(before);
    expect(ups).toHaveLength(20);
    const heardBy = ups.flatMap(event => event.rxInfo.map(({ gatewayId }) => gatewayId));
    expect(new Set(heardBy).size).toBe(1);
  }
});

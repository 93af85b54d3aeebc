import { describe, expect, test } from "vitest";
import { type Region, type RegionName, regionNames } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { MacVersion, RegionalParametersRevision } from "../../lorawan/version.ts";
import { subBandsOf } from "../../network-server/region-config.ts";
import { joinedLife, type LifeOptions } from "../support/radio-life.ts";

/** Gateways that listen to one sub-band alone; to everything where there are none. */
function listening(region: Region, subBand: number): NonNullable<LifeOptions["gateways"]>[number] {
  const members = subBandsOf(region)[subBand - 1];
  if (!members) return {};
  return {
    listensTo: new Set([...members].flatMap(number => region.defaultChannels[number]?.uplinkFrequencyHz ?? [])),
  };
}

/** A transmitter that reaches RX2 alone, where that has a frequency that no RX1 has. */
function onlyRx2(
  region: Region,
  listensTo?: ReadonlySet<number>,
): { readonly lowest: number; readonly highest: number } {
  const heard = region.joinChannels.find(
    channel => channel.region === region.name && (listensTo?.has(channel.uplinkFrequencyHz) ?? true),
  );
  const frequencyHz = heard?.rx2FrequencyHz ?? 0;
  return { lowest: frequencyHz, highest: frequencyHz };
}

/** Where every region's fastest rate can be used, with some power to spare. */
const near = { eastM: 50, northM: 0, heightM: 2 };

async function lifeIn(name: RegionName, options: LifeOptions = {}) {
  const region = regionOf(name, options.profile?.regionalParameters ?? "RP002-1.0.4");
  const gateway = listening(region, 2);
  return joinedLife({ region: name, gateways: [gateway], device: { position: near }, ...options });
}

async function untilJoined(life: Awaited<ReturnType<typeof lifeIn>>): Promise<void> {
  for (let second = 0; second < 3_000 && !life.device.device.joined; second += 1) {
    // Again at once, without the pauses that grow from try to try.
    if (life.device.events.at(-1)?.kind === "join-failed") life.device.device.join();
    await life.clock.advance(1_000);
  }
  expect(life.device.device.joined).toBe(true);
}

describe.each(regionNames)("%s", name => {
  test("C39 joins, sends two hundred uplinks, comes to rest at its best data rate, and hears every downlink", async () => {
    const life = await lifeIn(name);
    await untilJoined(life);
    await life.sendMany(200);
    const ups = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "up");
    // Frames in the other sub-bands are not heard before the device has been drawn to the second.
    expect(ups.length).toBeGreaterThan(life.region.plan === "fixed" ? 150 : 199);
    expect(life.parameters().dataRate).toBe(life.region.maxAdrDataRate);
    expect(life.parameters().txPowerIndex).toBeGreaterThan(0);
    life.expectAllHeard();
    await life.expectAgreement();

    const before = life.parameters();
    const downlinks = life.eventsOfKind("downlink").length;
    await life.sendMany(100);
    expect(life.parameters()).toEqual(before);
    // What comes still is the answer to ADRACKReq.
    const later = life.eventsOfKind("downlink").slice(downlinks);
    expect(new Set(later.map(event => event.macCommands))).toEqual(new Set([""]));
  });

  test("C65 C66 confirmed frames are acknowledged in both directions", async () => {
    const life = await lifeIn(name);
    await untilJoined(life);
    await life.sendMany(25, { confirmed: true });
    const done = life.eventsOfKind("uplink-done").slice(-20);
    expect(done.map(event => event.outcome)).toEqual(done.map(() => "acknowledged"));
    await life.enqueue(life.device.devEui, { id: "sure", confirmed: true });
    await life.sendMany(2);
    expect(await life.eventsOf(life.device.devEui)).toContainEqual(
      expect.objectContaining({ kind: "ack", queueItemId: "sure", acknowledged: true }),
    );
    life.expectAllHeard();
  });

  test("C41 a gateway that cannot send in RX1 joins the device and answers it in RX2", async () => {
    const region = regionOf(name, "RP002-1.0.4");
    const gateway = listening(region, 2);
    const life = await lifeIn(name, {
      gateways: [{ ...gateway, txRangeHz: onlyRx2(region, gateway?.listensTo) }],
    });
    await untilJoined(life);
    await life.sendMany(30, { confirmed: true });
    const windows = new Set(life.eventsOfKind("downlink").map(event => event.window));
    const shared = region.defaultChannels.some(channel => channel?.downlinkFrequencyHz === region.rx2.frequencyHz);
    if (!shared) expect(windows).toEqual(new Set(["RX2"]));
    expect(windows).toContain("RX2");
    life.expectAllHeard();
  });
});

const revisions: readonly (readonly [RegionName, MacVersion, RegionalParametersRevision])[] = [
  ["US915", "1.0.1", "TS001-1.0.1"],
  ["US915", "1.0.2", "RP001-1.0.2-B"],
  ["US915", "1.0.3", "RP001-1.0.3-A"],
  ["AU915", "1.0.2", "RP001-1.0.2-A"],
  ["AU915", "1.0.2", "RP001-1.0.2-B"],
  ["AU915", "1.0.3", "RP001-1.0.3-A"],
  ["EU868", "1.0.0", "TS001-1.0.0"],
  ["EU868", "1.0.2", "RP001-1.0.2-B"],
  ["AS923", "1.0.2", "RP001-1.0.2-B"],
  ["AS923", "1.0.3", "RP001-1.0.3-A"],
  ["KR920", "1.0.2", "RP001-1.0.2-A"],
  ["CN470", "1.0.2", "RP001-1.0.2-B"],
  ["CN470", "1.0.3", "RP001-1.0.3-A"],
  ["CN470-20A", "1.0.4", "RP002-1.0.0"],
  ["IN865", "1.0.3", "RP001-1.0.3-A"],
  ["EU868", "1.0.4", "RP002-1.0.5"],
  ["US915", "1.0.4", "RP002-1.0.5"],
  ["AU915", "1.0.4", "RP002-1.0.5"],
  ["AS923-3", "1.0.4", "RP002-1.0.5"],
  ["IN865", "1.0.4", "RP002-1.0.5"],
];

describe("other documents than RP002-1.0.4", () => {
  test.each(revisions)(
    "C39 %s with LoRaWAN %s under %s hears every downlink",
    async (name, macVersion, regionalParameters) => {
      const life = await lifeIn(name, { profile: { macVersion, regionalParameters } });
      await untilJoined(life);
      await life.sendMany(120, { confirmed: true });
      expect(life.parameters().dataRate).toBe(life.region.maxAdrDataRate);
      life.expectAllHeard();
      await life.expectAgreement();
    },
  );
});

describe("channels", () => {
  test("C55 US915 draws a device without ADR to its sub-band too", async () => {
    const life = await lifeIn("US915", {
      profile: { macVersion: "1.0.2", regionalParameters: "RP001-1.0.2-B" },
      device: { position: near, adr: false },
    });
    await untilJoined(life);
    await life.sendMany(40);
    expect(life.parameters().enabledChannels).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 65]);
    life.expectAllHeard();
  });

  test("C29 EU868 gives its extra channels in a CFList of type 0", async () => {
    const life = await lifeIn("EU868");
    expect(life.parameters().channels.map(channel => channel?.uplinkFrequencyHz)).toEqual([
      868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000,
    ]);
  });

  test("C29 US915 gives its sub-band in a CFList of type 1 from 1.0.3 on", async () => {
    const life = await lifeIn("US915", { profile: { macVersion: "1.0.3", regionalParameters: "RP001-1.0.3-A" } });
    await untilJoined(life);
    expect(life.parameters().enabledChannels).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 65]);
  });

  test("US915 before 1.0.3 has no CFList: the device is drawn to its sub-band by LinkADRReq", async () => {
    const life = await lifeIn("US915", { profile: { macVersion: "1.0.2", regionalParameters: "RP001-1.0.2-B" } });
    await untilJoined(life);
    expect(life.parameters().enabledChannels).toHaveLength(72);
    await life.sendMany(40);
    expect(life.parameters().enabledChannels).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 65]);
    life.expectAllHeard();
  });
});

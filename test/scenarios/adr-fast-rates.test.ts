import { describe, expect, test } from "vitest";
import type { RegionName } from "../../lorawan/region/region.ts";
import type { RegionConfig } from "../../network-server/config.ts";
import type { DeviceProfileConfig } from "../../network-server/ports.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { joinedLife } from "../support/radio-life.ts";

const near = { eastM: 50, northM: 0, heightM: 2 };

interface Options {
  readonly region?: RegionName;
  readonly config?: Partial<RegionConfig>;
  readonly profile?: Partial<DeviceProfileConfig>;
  readonly extraMaxDataRate?: number;
  readonly fastDataRates?: boolean;
}

/** One device beside its gateway, on channels of which one carries more than SF7. */
function lifeWith({ region = "EU868", config, profile, extraMaxDataRate = 5, fastDataRates = true }: Options) {
  const extra = { frequencyHz: 867_100_000, minDataRate: 0, maxDataRate: extraMaxDataRate };
  const extraChannels = region === "EU868" ? [{ ...extra, ...(fastDataRates && { fastDataRates }) }] : [];
  return joinedLife({
    region,
    profile: { regionalParameters: "RP002-1.0.5", ...profile },
    device: { position: near, dataRate: 3 },
    network: { regions: [{ ...defaultRegionConfig(region), extraChannels, ...config }] },
  });
}

describe("C54 ADR and the data rates of RP002-1.0.5", () => {
  test.each([
    ["EU868", 13],
    ["US915", 8],
    ["AU915", 10],
  ] as const)("%s goes up to SF5 where gateways are said to hear it", async (region, fastest) => {
    const life = await lifeWith({ region, config: { adrFastDataRates: true } });
    await life.sendMany(45);
    expect(life.parameters().dataRate).toBe(fastest);
    await life.expectAgreementOf("dataRate", "txPowerIndex");
    await life.sendMany(3, { confirmed: true });
    expect(life.eventsOfKind("downlink").slice(-3)).toMatchObject([{ ack: true }, { ack: true }, { ack: true }]);
    life.expectAllHeard();
  });

  test.each([
    ["nobody says that gateways hear more", {}],
    ["no channel carries more", { config: { adrFastDataRates: true }, fastDataRates: false }],
    ["the profile allows no more", { config: { adrFastDataRates: true }, profile: { adrMaxDataRate: 5 } }],
    [
      "the revision has no more",
      { config: { adrFastDataRates: true }, profile: { regionalParameters: "RP002-1.0.4" } },
    ],
  ] as const)("EU868 stops at SF7 where %s", async (_why, options: Options) => {
    const life = await lifeWith(options);
    await life.sendMany(45);
    expect(life.parameters().dataRate).toBe(5);
    life.expectAllHeard();
  });

  test.each([
    [13, 5, true],
    [12, 5, true],
    [6, 6, false],
    [8, 11, false],
  ])("EU868 leaves a device at DR%i that went there by itself", async (dataRate, extraMaxDataRate, fastDataRates) => {
    const life = await lifeWith({ extraMaxDataRate, fastDataRates });
    await life.sendMany(3);
    life.parameters().dataRate = dataRate;
    await life.sendMany(30);
    expect(life.parameters().dataRate).toBe(dataRate);
    life.expectAllHeard();
  });

  test("EU868 takes a device back from SF5 whose profile does not allow it", async () => {
    const life = await lifeWith({ profile: { adrMaxDataRate: 5 } });
    await life.sendMany(3);
    life.parameters().dataRate = 13;
    await life.sendMany(2);
    expect(life.parameters().dataRate).toBe(5);
    life.expectAllHeard();
  });
});

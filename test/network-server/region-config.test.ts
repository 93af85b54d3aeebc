import { describe, expect, test } from "vitest";
import { parseDeviceProfileId } from "../../lorawan/ids.ts";
import { requestsFor } from "../../lorawan/mac/requests.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { newestRegionalParameters, regionalParametersRevisions } from "../../lorawan/version.ts";
import type { RegionConfig } from "../../network-server/config.ts";
import type { DeviceProfileConfig } from "../../network-server/ports.ts";
import { checkRegionConfigs } from "../../network-server/region-check.ts";
import {
  defaultRegionConfig,
  networkParameters,
  personalisedMacState,
  regionConfigFor,
  subBandsOf,
} from "../../network-server/region-config.ts";

const newest = newestRegionalParameters;

const profile: DeviceProfileConfig = {
  id: parseDeviceProfileId("00000000-0000-4000-8000-000000000003"),
  region: "EU868",
  macVersion: "1.0.4",
  regionalParameters: newest,
  supportsOtaa: true,
  supportsClassB: false,
  supportsClassC: false,
  classBTimeoutSeconds: 8,
  classCTimeoutSeconds: 8,
  adrAlgorithm: "default",
  expectedUplinkIntervalSeconds: 3600,
  deviceStatusIntervalSeconds: 0,
  flushQueueOnActivate: true,
  confirmedDownlinkRetries: 2,
  abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 },
};

const eu868 = (changes: Partial<RegionConfig> = {}): RegionConfig => ({ ...defaultRegionConfig("EU868"), ...changes });

describe("which configuration applies", () => {
  const town = eu868({ id: "town", rx1DelaySeconds: 2 });
  const valley = eu868({ id: "valley", rx1DelaySeconds: 5 });

  test("the one that the profile names, else the first of the region, else the region's default", () => {
    expect(regionConfigFor([town, valley], { ...profile, regionConfigId: "valley" })).toEqual(valley);
    expect(regionConfigFor([town, valley], profile)).toEqual(town);
    expect(regionConfigFor([town, valley], { ...profile, region: "IN865" })).toEqual(defaultRegionConfig("IN865"));
  });

  test("the device's wishes go before the profile's, and these before the region's", () => {
    const wishing = { ...profile, mac: { rx1DelaySeconds: 3, rx1DrOffset: 1 } };
    expect(regionConfigFor([valley], wishing)).toMatchObject({ rx1DelaySeconds: 3, rx1DrOffset: 1 });
    expect(regionConfigFor([valley], wishing, { mac: { rx1DrOffset: 2 } })).toMatchObject({
      rx1DelaySeconds: 3,
      rx1DrOffset: 2,
    });
  });
});

describe("what is wanted of devices", () => {
  test("SF6 and SF5 only of devices whose revision has them", () => {
    const extra = { frequencyHz: 867_100_000, minDataRate: 0, maxDataRate: 5, fastDataRates: true };
    const config = eu868({ extraChannels: [extra] });
    expect(networkParameters(config, regionOf("EU868", "RP002-1.0.5")).channels[3]?.fastDataRates).toBe(true);
    expect(networkParameters(config, regionOf("EU868", "RP002-1.0.4")).channels[3]?.fastDataRates).toBeUndefined();
  });

  const ambitious = {
    rx1DrOffset: 7,
    rx2DataRate: 13,
    rx2FrequencyHz: 869_525_050,
    maxEirpDbm: 20,
    uplinkDwellTime: true,
  };

  test.each(regionNames)("every command that %s asks for can be encoded under every revision", name => {
    for (const revision of regionalParametersRevisions) {
      const region = regionOf(name, revision);
      const state = personalisedMacState(region, profile);
      const wanted = networkParameters({ ...defaultRegionConfig(name), ...ambitious, subBand: 12 }, region);
      const context = {
        region,
        macVersion: "1.0.4",
        nowMs: 0,
        uplink: { marginDb: 0, gatewayCount: 1, endGpsTimeMs: 0 },
        deviceStatusIntervalSeconds: 0,
      } as const;
      expect(() => requestsFor(state, wanted, context)).not.toThrow();
      expect(region.downlinkDataRates[wanted.rx2DataRate]).toBeDefined();
      expect(wanted.rx1DrOffset).toBeLessThanOrEqual(region.maxRx1DrOffset);
      for (const number of wanted.enabledChannels) expect(wanted.channels[number]).toBeDefined();
    }
  });

  test.each(["US915", "AU915", "CN470", "CN470-20A", "CN470-26A"] as const)(
    "the sub-band of the join channel is drawn from the plan of %s",
    name => {
      const region = regionOf(name, newest);
      for (const [index, members] of subBandsOf(region).entries()) {
        for (const joinChannel of members) {
          const { enabledChannels } = networkParameters(defaultRegionConfig(name), region, joinChannel);
          expect(new Set(enabledChannels)).toEqual(members);
        }
        const { enabledChannels } = networkParameters({ ...defaultRegionConfig(name), subBand: index + 1 }, region, 0);
        expect(new Set(enabledChannels)).toEqual(members);
      }
    },
  );
});

describe("the check of configurations", () => {
  test("finds nothing wrong with the defaults of every region", () => {
    expect(checkRegionConfigs(regionNames.map(defaultRegionConfig))).toEqual([]);
  });

  test("accepts what the wire and the region can carry", () => {
    const channel = { frequencyHz: 867_100_000, downlinkFrequencyHz: 865_100_000, minDataRate: 0, maxDataRate: 5 };
    const good = eu868({ rx2FrequencyHz: 869_525_000, rx2DataRate: 3, rx1DrOffset: 5, extraChannels: [channel] });
    const asia = { ...defaultRegionConfig("AS923"), uplinkDwellTime: false, maxEirpDbm: 16 };
    const classB = eu868({ id: "b", pingSlotFrequencyHz: 0, pingSlotDataRate: 5, beaconFrequencyHz: 869_525_000 });
    expect(checkRegionConfigs([classB])).toEqual([]);
    expect(checkRegionConfigs([good, asia, { ...defaultRegionConfig("US915"), subBand: 8 }])).toEqual([]);
  });

  const channel = { frequencyHz: 867_100_000, minDataRate: 0, maxDataRate: 5 };
  const faulty: readonly (readonly [string, RegionConfig, RegExp])[] = [
    ["a frequency off the grid", eu868({ rx2FrequencyHz: 869_525_050 }), /no multiple of 100 Hz/],
    [
      "a frequency off the grid of 2.4 GHz",
      { ...defaultRegionConfig("ISM2400"), rx2FrequencyHz: 2_423_000_100 },
      /no multiple of 200 Hz/,
    ],
    ["a frequency of another region", eu868({ rx2FrequencyHz: 923_300_000 }), /outside the bands/],
    ["a data rate without downlinks", eu868({ rx2DataRate: 9 }), /rx2DataRate 9/],
    ["an offset that the region lacks", eu868({ rx1DrOffset: 6 }), /5 is the highest/],
    [
      "a default channel as an extra one",
      eu868({ extraChannels: [{ ...channel, frequencyHz: 868_100_000 }] }),
      /already/,
    ],
    ["an extra channel twice", eu868({ extraChannels: [channel, channel] }), /extraChannels\[1\].*already/],
    [
      "data rates in the wrong order",
      eu868({ extraChannels: [{ ...channel, minDataRate: 4, maxDataRate: 2 }] }),
      /4 to 2, are no uplink data rates/,
    ],
    ["ping slots off the grid", eu868({ pingSlotFrequencyHz: 869_525_050 }), /pingSlotFrequencyHz .*no multiple/],
    ["ping slots at an LR-FHSS rate", eu868({ pingSlotDataRate: 8 }), /pingSlotDataRate 8/],
    [
      "a beacon outside of the band",
      eu868({ beaconFrequencyHz: 923_400_000 }),
      /beaconFrequencyHz .*outside the bands/,
    ],
    [
      "SF6 and SF5 beside SF7 at 250 kHz",
      eu868({ extraChannels: [{ ...channel, maxDataRate: 6, fastDataRates: true }] }),
      /fastDataRates come on top of DR5, and maxDataRate is 6/,
    ],
    [
      "SF6 and SF5 in a region without them",
      {
        ...defaultRegionConfig("CN779"),
        extraChannels: [{ ...channel, frequencyHz: 780_500_000, fastDataRates: true }],
      },
      /has no SF6 and SF5/,
    ],
    [
      "ADR up to SF5 in a region without it",
      { ...defaultRegionConfig("CN779"), adrFastDataRates: true },
      /adrFastDataRates: the region has no SF6 and SF5/,
    ],
    [
      "more channels than there is room for",
      eu868({
        extraChannels: Array.from({ length: 14 }, (_, index) => ({
          ...channel,
          frequencyHz: 865_000_000 + index * 200_000,
        })),
      }),
      /room for 13/,
    ],
    ["channels in a fixed plan", { ...defaultRegionConfig("US915"), extraChannels: [channel] }, /are fixed/],
    ["a sub-band that is not there", { ...defaultRegionConfig("US915"), subBand: 9 }, /8 is the highest/],
    ["a sub-band in a dynamic plan", eu868({ subBand: 1 }), /no sub-bands/],
    ["EIRP where no command sets it", eu868({ maxEirpDbm: 14 }), /no TxParamSetupReq/],
  ];

  test.each(faulty)("tells %s", (_, config, sentence) => {
    const faults = checkRegionConfigs([config]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(sentence);
    expect(faults[0]).toContain(config.id);
  });

  test("tells two configurations with one id", () => {
    expect(checkRegionConfigs([eu868(), eu868()])).toEqual([
      "region configuration eu868: there is another one with this id",
    ]);
  });
});

import { describe, expect, test } from "vitest";
import { MalformedValue } from "../../../lorawan/errors.ts";
import { type RegionName, regionNames } from "../../../lorawan/region/region.ts";
import { parseRegionName, regionOf } from "../../../lorawan/region/regions.ts";
import type { RegionalParametersRevision } from "../../../lorawan/version.ts";

const allChannels = (count: number): ReadonlySet<number> => new Set(Array.from({ length: count }, (_, n) => n));

describe("regions by name and revision", () => {
  test("the same region and revision is the same object", () => {
    expect(regionOf("EU868", "RP002-1.0.4")).toBe(regionOf("EU868", "RP002-1.0.4"));
  });

  test("a name is parsed exactly", () => {
    for (const name of regionNames) expect(parseRegionName(name)).toBe(name);
    for (const text of ["", "eu868", "EU868 ", "toString"]) expect(() => parseRegionName(text)).toThrow(MalformedValue);
  });

  const nearest: readonly (readonly [RegionName, RegionalParametersRevision, RegionalParametersRevision])[] = [
    ["RU864", "TS001-1.0.0", "RP001-1.0.3-A"],
    ["AS923-4", "RP002-1.0.2", "RP002-1.0.3"],
    ["CN470-20A", "RP001-1.1-B", "RP002-1.0.0"],
    ["CN470", "RP002-1.0.4", "RP001-1.1-B"],
    ["CN779", "RP002-1.0.4", "RP002-1.0.3"],
  ];
  test.each(nearest)("%s under %s is that of %s, the nearest document that has it", (name, asked, found) => {
    expect(regionOf(name, asked)).toBe(regionOf(name, found));
    expect(regionOf(name, asked).revision).toBe(found);
  });
});

describe("rules of single regions", () => {
  test("C60 TxParamSetupReq exists in AS923 and, from RP001-1.0.3-A on, in AU915", () => {
    const having = regionNames.filter(name => regionOf(name, "RP002-1.0.4").txParamSetup);
    expect(having).toEqual(["AU915", "AS923", "AS923-2", "AS923-3", "AS923-4"]);
    expect(regionOf("AU915", "RP001-1.0.2-B").txParamSetup).toBe(false);
  });

  test("C7 the dwell-time limit of AS923 leaves nothing to DR0 and DR1", () => {
    const region = regionOf("AS923", "RP002-1.0.4");
    const payloads = [0, 1, 2, 3, 4, 5].map(dataRate =>
      region.maxPayload(dataRate, { direction: "down", dwellTime: true, repeater: false }),
    );
    expect(payloads).toEqual([0, 0, 11, 53, 125, 242]);
  });

  test("C7 the dwell-time limit and the repeater limit hold together", () => {
    const region = regionOf("AS923", "RP002-1.0.4");
    expect(region.maxPayload(4, { direction: "up", dwellTime: true, repeater: true })).toBe(125);
    expect(region.maxPayload(5, { direction: "up", dwellTime: true, repeater: true })).toBe(222);
  });

  test("C39 the downlink dwell-time limit of AS923 keeps RX1 at DR2 or more", () => {
    const region = regionOf("AS923-2", "RP002-1.0.4");
    expect(region.rx1DataRate(0, 0, false)).toBe(0);
    expect(region.rx1DataRate(0, 0, true)).toBe(2);
    expect(region.rx1DataRate(5, 7, true)).toBe(7);
    expect(regionOf("AS923", "RP001-1.0.3-A").rx1DataRate(5, 7, true)).toBe(5);
  });

  test("C39 KR920 has no RX1DROffset 6 and 7", () => {
    const region = regionOf("KR920", "RP002-1.0.4");
    expect(region.maxRx1DrOffset).toBe(5);
    expect(() => region.rx1DataRate(5, 6, false)).toThrow(MalformedValue);
  });

  test("C39 CN470 answers on downlink channels of its plan", () => {
    const legacy = regionOf("CN470", "RP001-1.1-B");
    expect(legacy.rx1FrequencyHz(legacy.defaultChannels, 479_900_000)).toBe(500_300_000);
    const plan20A = regionOf("CN470-20A", "RP002-1.0.4");
    expect(plan20A.rx1FrequencyHz(plan20A.defaultChannels, 503_500_000)).toBe(490_300_000);
    const plan26A = regionOf("CN470-26A", "RP002-1.0.4");
    expect(plan26A.rx1FrequencyHz(plan26A.defaultChannels, 475_100_000)).toBe(490_100_000);
  });

  test("C55 the CN470 plans number their switches for all channels differently", () => {
    const some = new Set([0]);
    const applied = (name: RegionName, control: number) => {
      const region = regionOf(name, "RP002-1.0.4");
      return region.applyChannelMasks([{ control, mask: 0 }], some, region.defaultChannels);
    };
    expect(applied("CN470", 6)).toEqual(allChannels(96));
    expect(applied("CN470-20A", 6)).toEqual(allChannels(64));
    expect(applied("CN470-26A", 3)).toEqual(allChannels(48));
    expect(applied("CN470-26A", 6)).toBeUndefined();
    expect(applied("CN470-20B", 4)).toBeUndefined();
  });

  test("C29 ISM2400 lists frequencies in steps of 200 Hz", () => {
    const region = regionOf("ISM2400", "RP002-1.0.4");
    const extra = {
      uplinkFrequencyHz: 2_422_000_000,
      downlinkFrequencyHz: 2_422_000_000,
      minDataRate: 0,
      maxDataRate: 7,
    };
    const cfList = region.cfList([...region.defaultChannels, extra], allChannels(4));
    expect(Buffer.from(cfList ?? []).toString("hex", 0, 3)).toBe("b0c8b8");
  });

  test("C59 a CFList leaves the default channels of a dynamic plan as they are", () => {
    for (const name of regionNames) {
      const region = regionOf(name, "RP002-1.0.4");
      if (region.plan === "fixed") continue;
      const { channels, enabled } = region.applyCfList(Uint8Array.of(1, 2, 3, ...new Array<number>(13).fill(0)));
      expect(channels.slice(0, region.defaultChannels.length)).toEqual(region.defaultChannels);
      for (const number of region.defaultChannels.keys()) expect(enabled.has(number)).toBe(true);
    }
  });

  test("C43 every default channel, RX1, RX2 and beacon frequency lies in one sub-band", () => {
    for (const name of regionNames) {
      const region = regionOf(name, "RP002-1.0.4");
      const frequenciesHz = [
        region.rx2.frequencyHz,
        ...region.beacon.frequenciesHz,
        ...region.pingSlot.frequenciesHz,
        ...region.defaultChannels.flatMap(channel => channel?.downlinkFrequencyHz ?? []),
      ];
      for (const frequencyHz of frequenciesHz) {
        const found = region.subBands.filter(({ fromHz, toHz }) => fromHz <= frequencyHz && frequencyHz < toHz);
        expect(found, `${name} ${frequencyHz}`).toHaveLength(1);
      }
    }
  });
});

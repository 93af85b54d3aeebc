import { describe, expect, test } from "vitest";
import { MalformedValue } from "../../../lorawan/errors.ts";
import { type Region, regionNames } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { regionalParametersRevisions } from "../../../lorawan/version.ts";

const all: readonly Region[] = regionNames.flatMap(name =>
  Array.from(new Set(regionalParametersRevisions.map(revision => regionOf(name, revision)))),
);
const eu868 = regionOf("EU868", "RP002-1.0.4");
const us915 = regionOf("US915", "RP002-1.0.4");

describe("data rates", () => {
  test.each(all)("every modulation of $name under $revision leads back to its data rate", region => {
    region.uplinkDataRates.forEach((modulation, dataRate) => {
      if (modulation) expect(region.dataRateOf(modulation, "up")).toBe(dataRate);
    });
    region.downlinkDataRates.forEach((modulation, dataRate) => {
      if (modulation) expect(region.dataRateOf(modulation, "down")).toBe(dataRate);
    });
  });

  test.each(all)(
    "C39 every RX1, RX2, beacon and ping-slot rate of $name under $revision exists and goes down",
    region => {
      const rates = [region.rx2.dataRate, region.beacon.dataRate, region.pingSlot.dataRate];
      region.uplinkDataRates.forEach((modulation, dataRate) => {
        if (!modulation) return;
        for (let offset = 0; offset <= region.maxRx1DrOffset; offset += 1) {
          rates.push(region.rx1DataRate(dataRate, offset, false), region.rx1DataRate(dataRate, offset, true));
        }
      });
      for (const rate of rates) expect(region.downlinkDataRates[rate], `DR${rate}`).toBeDefined();
    },
  );

  test("US915 tells the uplink and the downlink rate of SF8 at 500 kHz apart", () => {
    const modulation = { kind: "lora", spreadingFactor: 8, bandwidthHz: 500_000 } as const;
    expect(us915.dataRateOf(modulation, "up")).toBe(4);
    expect(us915.dataRateOf(modulation, "down")).toBe(12);
  });

  test("LR-FHSS exists from RP002-1.0.2 on, and only upwards", () => {
    const modulation = { kind: "lr-fhss", codingRate: "1/3", operatingChannelWidthHz: 137_000 } as const;
    expect(eu868.dataRateOf(modulation, "up")).toBe(8);
    expect(eu868.dataRateOf(modulation, "down")).toBeUndefined();
    expect(regionOf("EU868", "RP002-1.0.1").dataRateOf(modulation, "up")).toBeUndefined();
  });

  test.each([
    ["EU868", "RP001-1.0.3-A", 0, 51, 51],
    ["EU868", "RP001-1.0.3-A", 3, 115, 115],
    ["EU868", "RP001-1.0.3-A", 4, 242, 222],
    ["US915", "RP001-1.0.3-A", 3, 242, 242],
    ["US915", "RP001-1.0.3-A", 8, 53, 33],
    ["US915", "RP001-1.0.3-A", 9, 129, 109],
    ["US915", "RP002-1.0.1", 3, 242, 222],
    ["US915", "RP002-1.0.1", 9, 129, 109],
    ["US915", "RP002-1.0.2", 9, 129, 129],
    ["US915", "RP002-1.0.2", 13, 242, 222],
  ] as const)(
    "C7 %s under %s carries at DR%i %i bytes, %i by way of a repeater",
    (name, revision, rate, plain, repeated) => {
      const region = regionOf(name, revision);
      const direction = region.uplinkDataRates[rate] ? "up" : "down";
      expect(region.maxPayload(rate, { direction, dwellTime: false, repeater: false })).toBe(plain);
      expect(region.maxPayload(rate, { direction, dwellTime: false, repeater: true })).toBe(repeated);
    },
  );

  test("an index that the region lacks is a fault", () => {
    const context = { direction: "up", dwellTime: false, repeater: false } as const;
    expect(() => us915.maxPayload(7, context)).toThrow(MalformedValue);
    expect(() => us915.maxPayload(8, context)).toThrow(MalformedValue);
    expect(() => us915.maxPayload(0, { ...context, direction: "down" })).toThrow(MalformedValue);
    expect(() => us915.rx1DataRate(0, 4, false)).toThrow(MalformedValue);
    expect(() => us915.rx1DataRate(8, 0, false)).toThrow(MalformedValue);
    expect(() => us915.txPowerDbm(15, 30)).toThrow(MalformedValue);
    expect(() => eu868.txPowerDbm(8, 16)).toThrow(MalformedValue);
  });

  test("TXPower lowers the device's own maximum", () => {
    expect(eu868.txPowerDbm(0, 14)).toBe(14);
    expect(eu868.txPowerDbm(2, 19.15)).toBe(15.15);
    expect(eu868.txPowerDbm(7, 16)).toBe(2);
  });
});

describe("regions", () => {
  test("channels and ADR of every region and revision name data rates that exist", () => {
    for (const region of all) {
      expect(region.maxAdrDataRate, region.name).toBeLessThan(region.uplinkDataRates.length);
      for (const channel of region.defaultChannels) {
        expect(region.uplinkDataRates[channel?.minDataRate ?? -1], region.name).toBeDefined();
        expect(region.uplinkDataRates[channel?.maxDataRate ?? -1], region.name).toBeDefined();
      }
    }
  });
});

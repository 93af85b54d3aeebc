import { describe, expect, test } from "vitest";
import type { RegionName } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";

/*
 * What RP002-1.0.5 adds. Two implementers' tables, ChirpStack's (lrwn/src/region) and pamoja-lora's (src/region/plans.rs),
 * agree in every row below; of the document itself, pages 80 (AS923 payloads) and 91 (IN865 power) were at hand.
 */
const tables = { up: "uplinkDataRates", down: "downlinkDataRates" } as const;

const loraOf = (name: RegionName, direction: "up" | "down", dataRate: number): string => {
  const modulation = regionOf(name, "RP002-1.0.5")[tables[direction]][dataRate];
  return modulation?.kind === "lora" ? `SF${modulation.spreadingFactor}BW${modulation.bandwidthHz / 1000}` : "none";
};

const rx1Row = (name: RegionName, dataRate: number, dwellTime = false): readonly number[] => {
  const region = regionOf(name, "RP002-1.0.5");
  return Array.from({ length: region.maxRx1DrOffset + 1 }, (_, offset) =>
    region.rx1DataRate(dataRate, offset, dwellTime),
  );
};

const withFastRates: readonly RegionName[] = [
  "EU868",
  "EU433",
  "KR920",
  "RU864",
  "IN865",
  "AS923",
  "AS923-2",
  "AS923-3",
  "AS923-4",
];

describe("RP002-1.0.5", () => {
  test.each(withFastRates)("C39 %s has SF6 as DR12 and SF5 as DR13 in both directions", name => {
    const upAndDown = (dataRate: number) => [loraOf(name, "up", dataRate), loraOf(name, "down", dataRate)];
    expect(upAndDown(12)).toEqual(["SF6BW125", "SF6BW125"]);
    expect(upAndDown(13)).toEqual(["SF5BW125", "SF5BW125"]);
    expect(rx1Row(name, 12).slice(0, 6)).toEqual([12, 5, 4, 3, 2, 1]);
    expect(rx1Row(name, 13).slice(0, 6)).toEqual([13, 12, 5, 4, 3, 2]);
    const region = regionOf(name, "RP002-1.0.5");
    expect(region.maxPayload(13, { direction: "down", dwellTime: true, repeater: false })).toBe(242);
    expect(region.maxPayload(12, { direction: "up", dwellTime: false, repeater: true })).toBe(222);
    expect(regionOf(name, "RP002-1.0.4").uplinkDataRates).not.toHaveProperty("12");
  });

  test.each(["IN865", "AS923"] as const)("C39 %s raises the fast rates to SF5 by RX1DROffset 6 and 7", name => {
    expect(rx1Row(name, 12).slice(6)).toEqual([13, 13]);
    expect(rx1Row(name, 13).slice(6)).toEqual([13, 13]);
  });

  test("C39 the downlink dwell-time limit of AS923 keeps RX1 at DR2 or more after SF6 too", () => {
    expect(rx1Row("AS923", 12, true)).toEqual([12, 5, 4, 3, 2, 2, 13, 13]);
    expect(rx1Row("AS923", 13, true)).toEqual([13, 12, 5, 4, 3, 2, 13, 13]);
  });

  test.each([
    ["US915", 7],
    ["AU915", 9],
  ] as const)(
    "C39 %s numbers SF6 and SF5 from DR%i upwards, and SF6 and SF5 at 500 kHz DR14 and DR0 downwards",
    (name, first) => {
      expect(loraOf(name, "up", first)).toBe("SF6BW125");
      expect(loraOf(name, "up", first + 1)).toBe("SF5BW125");
      expect(loraOf(name, "down", 14)).toBe("SF6BW500");
      expect(loraOf(name, "down", 0)).toBe("SF5BW500");
      expect(loraOf(name, "up", 0)).not.toBe(loraOf(name, "down", 0));
    },
  );

  test("C39 RX1 of SF6 and SF5 in US915 and AU915", () => {
    expect(rx1Row("US915", 7)).toEqual([14, 13, 12, 11]);
    expect(rx1Row("US915", 8)).toEqual([0, 14, 13, 12]);
    expect(rx1Row("AU915", 9)).toEqual([14, 13, 12, 11, 10, 9]);
    expect(rx1Row("AU915", 10)).toEqual([0, 14, 13, 12, 11, 10]);
  });

  // Neither implementer's channels carry them, though both tables say what RX1 answers: the channels of a fixed plan
  // cannot be given other rates, and so carry all of their bandwidth.
  test("the 125 kHz channels of US915 and AU915 carry SF6 and SF5, the 500 kHz ones do not", () => {
    for (const [name, fast] of [
      ["US915", 8],
      ["AU915", 10],
    ] as const) {
      const { defaultChannels, carries } = regionOf(name, "RP002-1.0.5");
      const carrying = defaultChannels.filter(channel => channel && carries(channel, fast));
      expect(carrying).toEqual(defaultChannels.slice(0, 64));
    }
  });

  test("the default channels of EU868 stay at DR0 to DR5", () => {
    const { defaultChannels, carries } = regionOf("EU868", "RP002-1.0.5");
    const rates = Array.from({ length: 14 }, (_, dataRate) => dataRate);
    for (const channel of defaultChannels) {
      expect(channel && rates.filter(dataRate => carries(channel, dataRate))).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });

  test("C43 IN865 lowers its default EIRP to 29.2 dBm and has fourteen steps of power (3.12.3, table 94)", () => {
    const region = regionOf("IN865", "RP002-1.0.5");
    expect(region.maxEirpDbm).toBe(29.2);
    expect(region.maxTxPowerIndex).toBe(14);
    expect(regionOf("IN865", "RP002-1.0.4")).toMatchObject({ maxEirpDbm: 30, maxTxPowerIndex: 10 });
  });

  test("C7 AS923 carries in DR2 what table 73 says", () => {
    const region = regionOf("AS923", "RP002-1.0.5");
    expect(region.maxPayload(2, { direction: "down", dwellTime: false, repeater: false })).toBe(115);
    expect(region.maxPayload(2, { direction: "down", dwellTime: true, repeater: false })).toBe(11);
  });

  test.each(["CN470-20A", "CN470-26B"] as const)("%s is as before", name => {
    expect(regionOf(name, "RP002-1.0.5").uplinkDataRates).toEqual(regionOf(name, "RP002-1.0.4").uplinkDataRates);
  });
});

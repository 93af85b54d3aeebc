import { describe, expect, test } from "vitest";
import type { RegionName } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";

/*
 * A third reading of the regional parameters beside The Things Stack's and ChirpStack's, and one of devices: what LoRa
 * Basics Modem has for RP002-1.0.3 (smtc_real, 2024). M is the largest MACPayload, 8 bytes more than N.
 */
interface Reading {
  readonly name: RegionName;
  /** By data rate, up and down; 0 is reserved. */
  readonly m: readonly number[];
  readonly mDwellTime?: readonly number[];
  /** By uplink rate: the downlink rate at each RX1DROffset, in hexadecimal. */
  readonly rx1: readonly string[];
  readonly rx1DwellTime?: readonly string[];
  readonly rx2: string;
  readonly beacon: string;
  readonly pingSlotMHz: number;
  readonly maxTxPowerIndex: number;
  readonly lrFhss?: Readonly<Record<number, string>>;
}

const stepped = ["000000", "100000", "210000", "321000", "432100", "543210", "654321", "765432"];

const readings: readonly Reading[] = [
  {
    name: "EU868",
    m: [59, 59, 59, 123, 250, 250, 250, 250, 58, 123, 58, 123],
    rx1: [...stepped, "100000", "210000", "100000", "210000"],
    rx2: "DR0 869.525",
    beacon: "DR3 869.525",
    pingSlotMHz: 869.525,
    maxTxPowerIndex: 7,
    lrFhss: { 8: "1/3 137", 9: "2/3 137", 10: "1/3 336", 11: "2/3 336" },
  },
  {
    name: "US915",
    m: [19, 61, 133, 250, 250, 58, 133, 0, 61, 137, 250, 250, 250, 250],
    rx1: ["a988", "ba98", "cba9", "dcba", "ddcb", "a988", "ba98"],
    rx2: "DR8 923.3",
    beacon: "DR8 923.3",
    pingSlotMHz: 923.3,
    maxTxPowerIndex: 14,
    lrFhss: { 5: "1/3 1523", 6: "2/3 1523" },
  },
  {
    name: "AU915",
    m: [59, 59, 59, 123, 250, 250, 250, 58, 61, 137, 250, 250, 250, 250],
    mDwellTime: [0, 0, 19, 61, 133, 250, 250, 58, 61, 137, 250, 250, 250, 250],
    rx1: ["888888", "988888", "a98888", "ba9888", "cba988", "dcba98", "ddcba9", "988888"],
    rx2: "DR8 923.3",
    beacon: "DR8 923.3",
    pingSlotMHz: 923.3,
    maxTxPowerIndex: 14,
    lrFhss: { 7: "1/3 1523" },
  },
  {
    name: "AS923",
    m: [59, 59, 123, 123, 250, 250, 250, 250],
    mDwellTime: [0, 0, 19, 61, 133, 250, 250, 250],
    rx1: ["00000012", "10000023", "21000034", "32100045", "43210056", "54321067", "65432177", "76543277"],
    rx1DwellTime: ["22222222", "22222223", "22222234", "32222245", "43222256"],
    rx2: "DR2 923.2",
    beacon: "DR3 923.4",
    pingSlotMHz: 923.4,
    maxTxPowerIndex: 7,
  },
  {
    name: "IN865",
    m: [59, 59, 59, 123, 250, 250, 0, 250],
    rx1: ["00000012", "10000023", "21000034", "32100045", "43210055", "54321057", "", "75543277"],
    rx2: "DR2 866.55",
    beacon: "DR4 866.55",
    pingSlotMHz: 866.55,
    maxTxPowerIndex: 10,
  },
  {
    name: "KR920",
    m: [59, 59, 59, 123, 250, 250],
    rx1: stepped.slice(0, 6),
    rx2: "DR0 921.9",
    beacon: "DR3 923.1",
    pingSlotMHz: 923.1,
    maxTxPowerIndex: 7,
  },
  {
    name: "RU864",
    m: [59, 59, 59, 123, 250, 250, 250, 250],
    rx1: stepped,
    rx2: "DR0 869.1",
    beacon: "DR3 869.1",
    pingSlotMHz: 868.9,
    maxTxPowerIndex: 7,
  },
  {
    name: "CN470-26A",
    m: [0, 31, 94, 192, 250, 250, 250, 250],
    rx1: ["", "111111", "211111", "321111", "432111", "543211", "654321", "765432"],
    rx2: "DR1 492.5",
    beacon: "DR2 494.9",
    pingSlotMHz: 494.9,
    maxTxPowerIndex: 7,
  },
  {
    name: "ISM2400",
    m: [59, 123, 228, 228, 228, 228, 228, 228],
    rx1: stepped,
    rx2: "DR0 2423",
    beacon: "DR3 2424",
    pingSlotMHz: 2424,
    maxTxPowerIndex: 7,
  },
];

const mHz = (frequencyHz: number | undefined): number => (frequencyHz ?? 0) / 1e6;

describe("LoRa Basics Modem and we", () => {
  test.each(readings)("C7 agree on the payloads of $name", ({ name, m, mDwellTime }) => {
    const region = regionOf(name, "RP002-1.0.3");
    const largest = (dataRate: number, dwellTime: boolean): number => {
      const direction = region.uplinkDataRates[dataRate] ? "up" : "down";
      const exists = region.uplinkDataRates[dataRate] ?? region.downlinkDataRates[dataRate];
      const n = exists ? region.maxPayload(dataRate, { direction, dwellTime, repeater: false }) : 0;
      return n === 0 ? 0 : n + 8;
    };
    expect(m.map((_, dataRate) => largest(dataRate, false))).toEqual(m);
    expect(m.map((_, dataRate) => largest(dataRate, true))).toEqual(mDwellTime ?? m);
    expect(region.uplinkDataRates.length).toBeLessThanOrEqual(m.length);
  });

  test.each(readings)(
    "C39 agree on RX1, RX2 and LR-FHSS of $name",
    ({ name, rx1, rx1DwellTime = [], rx2, lrFhss = {} }) => {
      const region = regionOf(name, "RP002-1.0.3");
      const rows = (dwellTime: boolean, count: number) =>
        Array.from({ length: count }, (_, dataRate) =>
          region.uplinkDataRates[dataRate]
            ? Array.from({ length: region.maxRx1DrOffset + 1 }, (_, offset) =>
                region.rx1DataRate(dataRate, offset, dwellTime).toString(16),
              ).join("")
            : "",
        );
      expect(rows(false, rx1.length)).toEqual(rx1);
      expect(rows(true, rx1DwellTime.length)).toEqual(rx1DwellTime);
      expect(`DR${region.rx2.dataRate} ${mHz(region.rx2.frequencyHz)}`).toBe(rx2);
      const hopping = region.uplinkDataRates.flatMap((modulation, dataRate) =>
        modulation?.kind === "lr-fhss"
          ? [[String(dataRate), `${modulation.codingRate} ${modulation.operatingChannelWidthHz / 1000}`] as const]
          : [],
      );
      expect(Object.fromEntries(hopping)).toEqual(lrFhss);
    },
  );

  test.each(readings)("agree on beacon, ping slots and steps of power of $name", reading => {
    const { beacon, pingSlot, maxTxPowerIndex } = regionOf(reading.name, "RP002-1.0.3");
    expect(`DR${beacon.dataRate} ${mHz(beacon.frequenciesHz[0])}`).toBe(reading.beacon);
    expect(mHz(pingSlot.frequenciesHz[0])).toBe(reading.pingSlotMHz);
    expect(maxTxPowerIndex).toBe(reading.maxTxPowerIndex);
  });
});

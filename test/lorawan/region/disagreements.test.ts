import { describe, expect, test } from "vitest";
import type { Region, RegionName } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import type { RegionalParametersRevision } from "../../../lorawan/version.ts";

/*
 * Where implementers of the regional parameters differ: the clause, who reads it how, and which reading we follow.
 * "Device stacks" are LoRaMac-node 4.7 and LoRa Basics Modem 4.8; what they listen to decides what is heard.
 */

const row = (region: Region, dataRate: number, dwellTime = false): readonly number[] =>
  Array.from({ length: region.maxRx1DrOffset + 1 }, (_, offset) => region.rx1DataRate(dataRate, offset, dwellTime));

const rows = (name: RegionName, revision: RegionalParametersRevision, dwellTime = false) =>
  [4, 5, 6, 7].map(rate =>
    regionOf(name, revision).uplinkDataRates[rate] ? row(regionOf(name, revision), rate, dwellTime) : undefined,
  );

describe("readings of the regional parameters", () => {
  // RP002-1.0.4 2.10.7 raises beyond DR5, and so do both device stacks; RP001-1.0.3-A 2.8.7 stops at DR5.
  test("C39 AS923 goes up to DR7 by RX1DROffset 6 and 7 from RP002 on, and to DR5 before", () => {
    expect(rows("AS923", "RP002-1.0.0")).toEqual([
      [4, 3, 2, 1, 0, 0, 5, 6],
      [5, 4, 3, 2, 1, 0, 6, 7],
      [6, 5, 4, 3, 2, 1, 7, 7],
      [7, 6, 5, 4, 3, 2, 7, 7],
    ]);
    expect(rows("AS923", "RP001-1.0.3-A")).toEqual([
      [4, 3, 2, 1, 0, 0, 5, 5],
      [5, 4, 3, 2, 1, 0, 5, 5],
      [5, 5, 4, 3, 2, 1, 5, 5],
      [5, 5, 5, 4, 3, 2, 5, 5],
    ]);
  });

  test("C39 the same under DownlinkDwellTime, where DR2 is the least", () => {
    expect(rows("AS923", "RP002-1.0.4", true)).toEqual([
      [4, 3, 2, 2, 2, 2, 5, 6],
      [5, 4, 3, 2, 2, 2, 6, 7],
      [6, 5, 4, 3, 2, 2, 7, 7],
      [7, 6, 5, 4, 3, 2, 7, 7],
    ]);
  });

  // RP002-1.0.4 2.11.7: [0:5]; 6 and 7 are reserved. brocaar/lorawan has the columns of IN865 there.
  test("C39 KR920 has no RX1DROffset 6 and 7", () => {
    expect(regionOf("KR920", "RP002-1.0.4").maxRx1DrOffset).toBe(5);
    expect(rows("KR920", "RP002-1.0.4")).toEqual([[4, 3, 2, 1, 0, 0], [5, 4, 3, 2, 1, 0], undefined, undefined]);
  });

  // RP002-1.0.4 2.12.7 as both device stacks read it: DR6 is reserved, and a step onto it stays at DR5. The Things Stack
  // answers DR5 at offset 6 with DR6; ChirpStack answers DR5 at 7 with DR5 and DR7 at 1 with DR6.
  test("C39 IN865 never answers with DR6", () => {
    expect(rows("IN865", "RP002-1.0.4")).toEqual([
      [4, 3, 2, 1, 0, 0, 5, 5],
      [5, 4, 3, 2, 1, 0, 5, 7],
      undefined,
      [7, 5, 5, 4, 3, 2, 7, 7],
    ]);
  });

  // RP001-1.1-B 2.7: 96 channels and one plan; RP002-1.0.0 2.9: four plans; RP002-1.0.1: DR1 is the least.
  test("C39 CN470 is one plan before RP002 and four from then on", () => {
    expect(regionOf("CN470", "RP002-1.0.4").revision).toBe("RP001-1.1-B");
    expect(regionOf("CN470-20A", "RP001-1.1-B").revision).toBe("RP002-1.0.0");
    expect(regionOf("CN470-26B", "RP002-1.0.0").rx2.dataRate).toBe(0);
    expect(regionOf("CN470-26B", "RP002-1.0.1").rx2.dataRate).toBe(1);
  });

  // RP002-1.0.3 2.6.2: three default channels, as LoRaMac-node has them; The Things Stack has six.
  test("C59 CN779 has three default channels", () => {
    expect(regionOf("CN779", "RP002-1.0.3").defaultChannels).toHaveLength(3);
  });

  // RP002-1.0.4 2.5.3 gives conducted power, 30 dBm at TXPower 0. LoRaMac-node adds 2.15 dB for an EIRP, others do not.
  // Nothing on the air depends on it: US915 has no TxParamSetupReq, and TXPower counts down from the device's own.
  test("C43 US915 counts power down from 30 dBm", () => {
    const region = regionOf("US915", "RP002-1.0.4");
    expect(region.maxEirpDbm).toBe(30);
    expect(region.txPowerDbm(14, region.maxEirpDbm)).toBe(2);
    expect(region.txParamSetup).toBe(false);
  });

  // RP002-1.0.4 2.11.2 tells 23 dBm for gateways from 10 and 14 dBm for devices, as ChirpStack has it; The Things Stack
  // holds gateways to 16.15 dBm.
  test("C43 gateways in KR920 send with 23 dBm", () => {
    expect(regionOf("KR920", "RP002-1.0.4").subBands.map(({ maxEirpDbm }) => maxEirpDbm)).toEqual([23]);
  });

  // RP002-1.0.4 2.12.8, and both device stacks; The Things Stack has 866.5 MHz.
  test("C45 the beacon of IN865 is at 866.550 MHz", () => {
    const { beacon, pingSlot } = regionOf("IN865", "RP002-1.0.4");
    expect([beacon, pingSlot]).toEqual(Array(2).fill({ frequenciesHz: [866_550_000], dataRate: 4 }));
  });

  // RP001-1.0.3-A 2.5.8 and RP002-1.0.4 2.7.8, and LoRaMac-node; The Things Stack has 434.655 MHz.
  test("C45 the beacon of EU433 is at 434.665 MHz", () => {
    const { beacon, pingSlot } = regionOf("EU433", "RP002-1.0.4");
    expect([beacon, pingSlot]).toEqual(Array(2).fill({ frequenciesHz: [434_665_000], dataRate: 3 }));
  });

  // Physical Layer Proposal 2.4 GHz. Basics Modem drops what is longer than M = 228, which is the limit behind a repeater;
  // ChirpStack goes to 248 without one and The Things Stack to 250.
  test("C7 ISM2400 carries 220 bytes at most", () => {
    const region = regionOf("ISM2400", "RP002-1.0.4");
    const limits = { direction: "down", dwellTime: false, repeater: false } as const;
    expect([0, 1, 2, 7].map(rate => region.maxPayload(rate, limits))).toEqual([51, 115, 220, 220]);
  });
});

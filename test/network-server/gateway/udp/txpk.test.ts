import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Transmission } from "../../../../network-server/gateway/types.ts";
import { receptionsOf } from "../../../../network-server/gateway/udp/rxpk.ts";
import { txpkOf } from "../../../../network-server/gateway/udp/txpk.ts";
import { gatewayA, loraRxpk } from "../fixtures.ts";

const transmission: Transmission = {
  downlinkId: 1,
  gatewayId: gatewayA,
  phyPayload: Uint8Array.of(0x60, 1, 2, 3),
  timing: { kind: "at-counter", counterUs: 3_513_348_611 },
  frequencyHz: 868_100_000,
  modulation: { kind: "lora", spreadingFactor: 12, bandwidthHz: 125_000 },
  eirpDbm: 16,
  invertPolarization: true,
};

function heardOn(board: number, antenna: number) {
  const rxpk = { ...loraRxpk, brd: board, rsig: [{ ant: antenna, rssic: -50 }] };
  const outcome = receptionsOf(rxpk, { gatewayId: gatewayA, receivedAtUs: 0, receivedAtMs: 0, uplinkId: 0 });
  const reception = outcome.kind === "received" ? outcome.receptions[0] : undefined;
  if (!reception) throw new Error("no reception");
  return reception;
}

describe("a txpk", () => {
  test("C11 of LoRa is inverted and has no payload CRC", () => {
    expect(txpkOf(transmission, 0)).toEqual({
      tmst: 3_513_348_611,
      freq: 868.1,
      rfch: 0,
      powe: 16,
      modu: "LORA",
      datr: "SF12BW125",
      codr: "4/5",
      ipol: true,
      ncrc: true,
      size: 4,
      data: "YAECAw==",
    });
  });

  test("at 2.4 GHz is coded 4/8 with the long interleaver", () => {
    const modulation = { kind: "lora", spreadingFactor: 12, bandwidthHz: 812_000 } as const;
    const txpk = txpkOf({ ...transmission, frequencyHz: 2_423_000_000, modulation }, 0);
    expect(txpk).toMatchObject({ freq: 2423, datr: "SF12BW812", codr: "4/8LI" });
  });

  test.each([
    [7, undefined],
    [6, 12],
    [5, 12],
  ])("at SF%i asks for a preamble of %s symbols, which is what its receiver waits for", (spreadingFactor, prea) => {
    const modulation = { kind: "lora", spreadingFactor, bandwidthHz: 125_000 } as const;
    expect(txpkOf({ ...transmission, modulation }, 0)?.prea).toBe(prea);
  });

  test("C11 of a beacon is not inverted and has neither header nor CRC", () => {
    expect(txpkOf({ ...transmission, invertPolarization: false }, 0)).toMatchObject({
      ipol: false,
      nhdr: true,
      prea: 10,
      ncrc: true,
    });
  });

  test("of FSK has a bit rate, a deviation and nothing of LoRa", () => {
    const txpk = txpkOf({ ...transmission, modulation: { kind: "fsk", bitRate: 50_000 } }, 0);
    expect(txpk).toMatchObject({ modu: "FSK", datr: 50_000, fdev: 25_000 });
    for (const field of ["codr", "ipol", "ncrc"]) expect(txpk).not.toHaveProperty(field);
  });

  test("of LR-FHSS does not exist: devices do not hear it", () => {
    const modulation = { kind: "lr-fhss", codingRate: "1/3", operatingChannelWidthHz: 137_000 } as const;
    expect(txpkOf({ ...transmission, modulation }, 0)).toBeUndefined();
  });

  test.each([
    ["tmst", { kind: "at-counter", counterUs: 7 } as const, 7],
    ["tmms", { kind: "at-gps-time", gpsTimeMs: 1_451_606_400_123 } as const, 1_451_606_400_123],
    ["imme", { kind: "immediately" } as const, true],
  ])("has %s and no second time", (field, timing, value) => {
    const txpk = txpkOf({ ...transmission, timing }, 0);
    expect(txpk).toHaveProperty(field, value);
    expect(Object.keys(txpk ?? {}).filter(name => ["tmst", "tmms", "imme"].includes(name))).toEqual([field]);
  });

  test("C37 has a counter modulo 2^32", () => {
    const at = (counterUs: number) => txpkOf({ ...transmission, timing: { kind: "at-counter", counterUs } }, 0);
    expect(at(2 ** 32 - 1)).toMatchObject({ tmst: 2 ** 32 - 1 });
    expect(at(2 ** 32)).toMatchObject({ tmst: 0 });
    expect(at(2 ** 32 - 500_000 + 1_000_000)).toMatchObject({ tmst: 500_000 });
  });

  test("prints frequencies with six decimals at most, exactly", () => {
    const frequency = fc.integer({ min: 100_000_000, max: 2_600_000_000 });
    fc.assert(
      fc.property(frequency, frequencyHz => {
        const text = JSON.stringify(txpkOf({ ...transmission, frequencyHz }, 0));
        const [, whole = "", decimals = ""] = /"freq":(\d+)(?:\.(\d{1,6}))?,/.exec(text) ?? [];
        expect(Number(whole) * 1_000_000 + Number(decimals.padEnd(6, "0"))).toBe(frequencyHz);
      }),
      { numRuns: 2000 },
    );
    for (const frequencyHz of [868_100_000, 868_300_000, 869_525_000, 923_300_000, 927_500_000]) {
      expect(JSON.stringify(txpkOf({ ...transmission, frequencyHz }, 0))).toContain(`"freq":${frequencyHz / 1e6},`);
    }
  });

  test.each([
    [16, 0, 16],
    [27, 3, 24],
    [16, 2.15, 13],
    [14, 2.2, 11],
    [16.3, 2.3, 14],
    [10, 12, -2],
  ])("of %f dBm EIRP with an antenna of %f dB asks for %i dBm", (eirpDbm, antennaGainDb, powe) => {
    expect(txpkOf({ ...transmission, eirpDbm }, antennaGainDb)).toMatchObject({ powe });
  });

  test("C44 goes through the board and antenna that heard the device", () => {
    expect(txpkOf({ ...transmission, answerTo: heardOn(3, 1) }, 0)).toMatchObject({ brd: 3, ant: 1 });
    expect(txpkOf({ ...transmission, answerTo: heardOn(0, 0) }, 0)).toMatchObject({ brd: 0, ant: 0 });
    expect(txpkOf(transmission, 0)).not.toHaveProperty("brd");
  });
});

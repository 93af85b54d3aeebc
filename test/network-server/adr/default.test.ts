import { describe, expect, test } from "vitest";
import { regionOf } from "../../../lorawan/region/regions.ts";
import type { AdrInput } from "../../../network-server/adr/adr.ts";
import { defaultAdr } from "../../../network-server/adr/default.ts";

const region = regionOf("EU868", "RP002-1.0.4");

const uplinks = (count: number, snrDb: number, lostEvery = 0) =>
  Array.from({ length: count }, (_, index) => ({
    fCnt: lostEvery > 0 ? index + Math.floor(index / lostEvery) : index,
    snrDb,
    gatewayCount: 1,
  }));

const input = (changes: Partial<AdrInput>): AdrInput => ({
  region,
  dataRate: 0,
  txPowerIndex: 0,
  nbTrans: 1,
  history: uplinks(20, 0),
  minDataRate: 0,
  maxDataRate: 5,
  installationMarginDb: 10,
  adrAckReq: false,
  ...changes,
});

describe("a better link", () => {
  test("is spent on data rate first, then on power", () => {
    // SF12 needs -20 dB: at 8 dB the margin is 18 dB after the 10 kept back; five rates cost 15 dB (two and a half each).
    expect(defaultAdr(input({ history: uplinks(20, 8) })).wanted).toEqual({ dataRate: 5, txPowerIndex: 1, nbTrans: 1 });
    expect(defaultAdr(input({ history: uplinks(20, -3) })).wanted).toEqual({
      dataRate: 2,
      txPowerIndex: 0,
      nbTrans: 1,
    });
  });

  test("is used only after twenty uplinks", () => {
    expect(defaultAdr(input({ history: uplinks(19, 8) })).wanted).toEqual({ dataRate: 0, txPowerIndex: 0, nbTrans: 1 });
  });

  test("never lifts a device above the rates that its channels carry", () => {
    expect(defaultAdr(input({ history: uplinks(20, 15), maxDataRate: 3 })).wanted.dataRate).toBe(3);
  });
});

describe("a worse link", () => {
  test("gives power back first, then data rate, after four uplinks", () => {
    const fast = { dataRate: 5, txPowerIndex: 2 };
    // SF7 needs -7.5 dB and 10 dB are kept: at -2 dB 4.5 dB are missing.
    expect(defaultAdr(input({ ...fast, history: uplinks(4, -2) })).wanted).toMatchObject({
      dataRate: 5,
      txPowerIndex: 0,
    });
    expect(defaultAdr(input({ ...fast, history: uplinks(4, -6) })).wanted).toMatchObject({
      dataRate: 4,
      txPowerIndex: 0,
    });
    expect(defaultAdr(input({ ...fast, history: uplinks(3, -6) })).wanted).toMatchObject({
      dataRate: 5,
      txPowerIndex: 2,
    });
  });

  test("does not swing a device whose margin is nearly right", () => {
    const steady = { dataRate: 5, txPowerIndex: 3, history: uplinks(20, 1) };
    expect(defaultAdr(input(steady)).wanted).toEqual({ dataRate: 5, txPowerIndex: 3, nbTrans: 1 });
  });
});

describe("repetitions", () => {
  test.each([
    [0, 1, 1],
    [12, 1, 1],
    [6, 1, 2],
    [2, 1, 3],
    [0, 3, 2],
  ])("one frame lost in %i with %i transmissions gives %i", (lostEvery, nbTrans, expected) => {
    const history = uplinks(20, -10, lostEvery);
    expect(defaultAdr(input({ history, nbTrans })).wanted.nbTrans).toBe(expected);
  });
});

test("a decision says why", () => {
  expect(defaultAdr(input({ history: uplinks(20, 8) })).reason).toBe(
    "SNR max 8.0 dB over 20, margin 18.0 dB: DR5, power 1, 1 repeat",
  );
});

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
  sentCount: 20,
  heardCount: 20,
  dataRate: 0,
  txPowerIndex: 0,
  nbTrans: 1,
  history: uplinks(20, 0),
  dataRates: [0, 1, 2, 3, 4, 5],
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
    expect(defaultAdr(input({ history: uplinks(20, 15), dataRates: [0, 1, 2, 3] })).wanted.dataRate).toBe(3);
  });
});

describe("a worse link", () => {
  test("gives power back first, then data rate, after six uplinks", () => {
    const fast = { dataRate: 5, txPowerIndex: 3 };
    // SF7 needs -7.5 dB and 10 dB are kept: at -3 dB 5.5 dB are missing.
    expect(defaultAdr(input({ ...fast, history: uplinks(6, -3) })).wanted).toMatchObject({
      dataRate: 5,
      txPowerIndex: 0,
    });
    expect(defaultAdr(input({ ...fast, history: uplinks(6, -6) })).wanted).toMatchObject({
      dataRate: 4,
      txPowerIndex: 0,
    });
    expect(defaultAdr(input({ ...fast, history: uplinks(5, -6) })).wanted).toMatchObject({
      dataRate: 5,
      txPowerIndex: 3,
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
    [0, 3, 3],
  ])("one frame lost in %i with %i transmissions gives %i", (lostEvery, nbTrans, expected) => {
    const history = uplinks(20, -10, lostEvery);
    expect(defaultAdr(input({ history, nbTrans })).wanted.nbTrans).toBe(expected);
  });
});

describe("repetitions that are no longer needed", () => {
  const calm = { history: uplinks(20, -10), nbTrans: 3 };
  test.each([
    [59, 59, 3],
    [60, 60, 2],
    [100, 97, 3],
    [400, 399, 2],
  ])("of %i frames %i heard with three transmissions: %i from now on", (sentCount, heardCount, expected) => {
    expect(defaultAdr(input({ ...calm, sentCount, heardCount })).wanted.nbTrans).toBe(expected);
  });
});

describe("limits", () => {
  test("a device outside them is brought inside at once", () => {
    const few = { history: uplinks(1, 0), dataRates: [2, 3, 4] };
    expect(defaultAdr(input({ ...few, dataRate: 0 })).wanted.dataRate).toBe(2);
    expect(defaultAdr(input({ ...few, dataRate: 5 })).wanted.dataRate).toBe(4);
  });

  test("recovery goes no lower than the least", () => {
    const lost = { history: uplinks(6, -25), dataRate: 5, txPowerIndex: 3, dataRates: [3, 4, 5] };
    expect(defaultAdr(input(lost)).wanted).toMatchObject({ dataRate: 3, txPowerIndex: 0 });
  });
});

describe("SF6 and SF5", () => {
  const fast = { region: regionOf("EU868", "RP002-1.0.5"), dataRates: [0, 1, 2, 3, 4, 5, 12, 13] };

  test.each([
    // SF7 needs -7.5 dB and 10 dB are kept. A step costs 3 dB at least, of data rate and then of power.
    [12, { dataRate: 13, txPowerIndex: 1 }],
    [6, { dataRate: 12, txPowerIndex: 0 }],
    [4, { dataRate: 5, txPowerIndex: 0 }],
  ])("are the next steps after SF7, at an SNR of %f dB", (snrDb, wanted) => {
    expect(defaultAdr(input({ ...fast, dataRate: 5, history: uplinks(20, snrDb) })).wanted).toMatchObject(wanted);
  });

  test.each([
    // SF5 needs -2.5 dB: 10 dB are missing, and each of the first three steps brings back 2.5.
    [-2.5, 3],
    [1.5, 5],
  ])("are given back past the rates between, at an SNR of %f dB", (snrDb, dataRate) => {
    expect(defaultAdr(input({ ...fast, dataRate: 13, history: uplinks(6, snrDb) })).wanted.dataRate).toBe(dataRate);
  });

  test("are left at once for SF7 where the device is not allowed them", () => {
    const allowed = { ...fast, dataRates: [0, 1, 2, 3, 4, 5] };
    expect(defaultAdr(input({ ...allowed, dataRate: 13, history: uplinks(1, 9) })).wanted.dataRate).toBe(5);
  });
});

describe("a rate of another kind that the device came to by itself", () => {
  test("SF7 at 250 kHz is kept, and left for 125 kHz by 3 dB when the link gets worse", () => {
    const wide = { dataRate: 6, dataRates: [0, 1, 2, 3, 4, 5, 6] };
    expect(defaultAdr(input({ ...wide, history: uplinks(20, 5) })).wanted.dataRate).toBe(6);
    // 6 dB are missing but for one: half of them is what half of the bandwidth brings back.
    expect(defaultAdr(input({ ...wide, history: uplinks(6, -3.5) })).wanted.dataRate).toBe(4);
  });

  test.each([7, 8])("DR%i, of which gateways report no SNR, is kept", dataRate => {
    const own = { dataRate, dataRates: [0, 1, 2, 3, 4, 5, dataRate], history: uplinks(20, 9) };
    expect(defaultAdr(input(own)).wanted).toMatchObject({ dataRate, txPowerIndex: 0 });
  });
});

describe("steadiness", () => {
  test("power steps cost what they take away in the region", () => {
    const old = regionOf("KR920", "RP001-1.0.2-A");
    const near = { region: old, dataRate: 5, history: uplinks(20, 6) };
    expect(old.txPowerDbm(0, 0) - old.txPowerDbm(1, 0)).toBe(6);
    // SF7 needs -7.5 dB and 10 dB are kept: at 6 dB a margin of 3.5 dB is left, and the first step takes 6.
    expect(defaultAdr(input(near)).wanted).toEqual({ dataRate: 5, txPowerIndex: 0, nbTrans: 1 });
  });

  test("a link that swings by itself is not improved into the next recovery", () => {
    const calm = uplinks(20, 3);
    const swinging = calm.map((sample, index) => ({ ...sample, snrDb: index < 8 ? -3 : sample.snrDb }));
    const steady = { dataRate: 3, history: calm };
    expect(defaultAdr(input(steady)).wanted.dataRate).toBe(4);
    expect(defaultAdr(input({ ...steady, history: swinging })).wanted.dataRate).toBe(3);
  });
});

test.each([
  [{ history: uplinks(20, 8) }, "SNR max 8.0 dB over 20, margin 18.0 dB"],
  [{ history: uplinks(20, 8, 6) }, "SNR max 8.0 dB over 20, margin 18.0 dB, 13 % of the frames lost"],
  [
    { dataRate: 5, history: [...uplinks(10, 9), ...uplinks(10, -8)].map((sample, fCnt) => ({ ...sample, fCnt })) },
    "SNR max -8.0 dB over 6, margin -10.5 dB",
  ],
  [{ history: uplinks(3, 8) }, "3 uplinks heard"],
  [{ dataRates: [2, 3, 4, 5] }, "DR0 is not within DR2 to DR5"],
])("a decision says why (%#)", (changes, reason) => {
  expect(defaultAdr(input(changes)).reason).toBe(reason);
});

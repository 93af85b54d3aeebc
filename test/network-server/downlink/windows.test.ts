import { describe, expect, test } from "vitest";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { dataWindows, joinAcceptWindows } from "../../../network-server/downlink/windows.ts";
import { someSession } from "../../support/sessions.ts";

const eu868 = regionOf("EU868", "RP002-1.0.4");
const lora = (spreadingFactor: number) => ({ kind: "lora", spreadingFactor, bandwidthHz: 125_000 });

test("C28 a Join-Accept has its windows 5 s and 6 s after the request, to the microsecond", () => {
  const channel = { downlinkFrequencyHz: 868_300_000, rx2FrequencyHz: 869_525_000 };
  expect(joinAcceptWindows(eu868, channel, 3)).toMatchObject([
    { name: "RX1", delayUs: 5_000_000, frequencyHz: 868_300_000, modulation: lora(9) },
    { name: "RX2", delayUs: 6_000_000, frequencyHz: 869_525_000, modulation: lora(12) },
  ]);
});

describe("windows of a data uplink", () => {
  const { current } = someSession().mac;
  const uplink = { frequencyHz: 868_500_000, dataRate: 5 };

  test.each([1, 2, 15])("C37 RX1 opens after the session's delay of %i s, RX2 one second later", rx1DelaySeconds => {
    expect(dataWindows(eu868, { ...current, rx1DelaySeconds }, uplink).map(({ delayUs }) => delayUs)).toEqual([
      rx1DelaySeconds * 1_000_000,
      rx1DelaySeconds * 1_000_000 + 1_000_000,
    ]);
  });

  test.each([
    [0, 7],
    [2, 9],
    [5, 12],
  ])("C39 RX1 at offset %i has SF%i after an uplink at DR5, RX2 what the session says", (rx1DrOffset, sf) => {
    const parameters = { ...current, rx1DrOffset, rx2DataRate: 3, rx2FrequencyHz: 869_850_000 };
    expect(dataWindows(eu868, parameters, uplink)).toMatchObject([
      { frequencyHz: 868_500_000, modulation: lora(sf) },
      { frequencyHz: 869_850_000, modulation: lora(9) },
    ]);
  });
});

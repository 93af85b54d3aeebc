import {
  bothWays,
  channelsAt,
  frequencies,
  loraSf12ToSf7,
  type RegionDefinition,
  steppedRx1,
  twoDbSteps,
} from "./facts.ts";
import { fastRatesFrom105 } from "./fast-rates.ts";
import { dynamicPlan } from "./plans.ts";

const tables = { ...bothWays(loraSf12ToSf7), rx1: steppedRx1.slice(0, 6) };

/** KR920-923 (RP002-1.0.4 2.11). RX1DROffset 6 and 7 are RFU there, other than in AS923. */
export const kr920: RegionDefinition = {
  name: "KR920",
  first: "RP001-1.0.2-A",
  facts: {
    plan: dynamicPlan(channelsAt(frequencies(922_100_000, 3, 200_000), 0, 5)),
    ...tables,
    maxAdrDataRate: 5,
    rx2: { frequencyHz: 921_900_000, dataRate: 0 },
    maxEirpDbm: 20,
    txPowerOffsetsDb: [0, -6, -10, -12, -15, -18, -20],
    txParamSetup: false,
    // RP002-1.0.4 2.11.2: that of gateways; devices have 10 or 14 dBm.
    subBands: [{ fromHz: 920_000_000, toHz: 923_500_000, dutyCycle: 1, maxEirpDbm: 23 }],
    beacon: { frequenciesHz: [923_100_000], dataRate: 3 },
    pingSlotFrequenciesHz: [923_100_000],
  },
  changes: [
    { from: "RP001-1.0.2-B", facts: { maxEirpDbm: 14, txPowerOffsetsDb: twoDbSteps(7) } },
    fastRatesFrom105(tables),
  ],
};

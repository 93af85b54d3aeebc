import {
  bothWays,
  channelsAt,
  commonDataRates,
  frequencies,
  type RegionDefinition,
  steppedRx1,
  twoDbSteps,
} from "./facts.ts";
import { dynamicPlan } from "./plans.ts";

/** CN779-787 (RP002-1.0.3 2.6), which RP002-1.0.4 no longer has. */
export const cn779: RegionDefinition = {
  name: "CN779",
  first: "TS001-1.0.0",
  last: "RP002-1.0.3",
  facts: {
    // RP002-1.0.3 2.6.2: three defaults; 780.5, 780.7 and 780.9 MHz are further channels to join on.
    plan: dynamicPlan(channelsAt(frequencies(779_500_000, 3, 200_000), 0, 5)),
    ...bothWays(commonDataRates),
    maxAdrDataRate: 5,
    rx1: steppedRx1,
    rx2: { frequencyHz: 786_000_000, dataRate: 0 },
    maxEirpDbm: 12.15,
    txPowerOffsetsDb: twoDbSteps(5),
    txParamSetup: false,
    subBands: [{ fromHz: 779_000_000, toHz: 787_000_000, dutyCycle: 0.01, maxEirpDbm: 12.15 }],
    beacon: { frequenciesHz: [785_000_000], dataRate: 3 },
    pingSlotFrequenciesHz: [785_000_000],
  },
  changes: [],
};

import {
  bothWays,
  channelsAt,
  commonDataRates,
  frequencies,
  type RegionDefinition,
  steppedRx1,
  twoDbSteps,
} from "./facts.ts";
import { fastRatesFrom105 } from "./fast-rates.ts";
import { dynamicPlan } from "./plans.ts";

const tables = { ...bothWays(commonDataRates), rx1: steppedRx1 };

/** EU433 (RP002-1.0.4 2.7). */
export const eu433: RegionDefinition = {
  name: "EU433",
  first: "TS001-1.0.0",
  facts: {
    plan: dynamicPlan(channelsAt(frequencies(433_175_000, 3, 200_000), 0, 5)),
    ...tables,
    maxAdrDataRate: 5,
    rx2: { frequencyHz: 434_665_000, dataRate: 0 },
    maxEirpDbm: 12.15,
    txPowerOffsetsDb: twoDbSteps(5),
    txParamSetup: false,
    subBands: [{ fromHz: 433_050_000, toHz: 434_790_000, dutyCycle: 0.1, maxEirpDbm: 12.15 }],
    beacon: { frequenciesHz: [434_665_000], dataRate: 3 },
    pingSlotFrequenciesHz: [434_665_000],
  },
  changes: [fastRatesFrom105(tables)],
};

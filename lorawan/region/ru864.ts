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

/** RU864-870 (RP002-1.0.4 2.13). */
export const ru864: RegionDefinition = {
  name: "RU864",
  first: "RP001-1.0.3-A",
  facts: {
    plan: dynamicPlan(channelsAt(frequencies(868_900_000, 2, 200_000), 0, 5)),
    ...tables,
    maxAdrDataRate: 5,
    rx2: { frequencyHz: 869_100_000, dataRate: 0 },
    maxEirpDbm: 16,
    txPowerOffsetsDb: twoDbSteps(7),
    txParamSetup: false,
    subBands: [{ fromHz: 864_000_000, toHz: 870_000_000, dutyCycle: 0.01, maxEirpDbm: 22.15 }],
    beacon: { frequenciesHz: [869_100_000], dataRate: 3 },
    pingSlotFrequenciesHz: [868_900_000],
  },
  changes: [fastRatesFrom105(tables)],
};

import { channelsAt, commonDataRates, frequencies, type RegionDefinition, steppedRx1, twoDbSteps } from "./facts.ts";
import { dynamicPlan } from "./plans.ts";

/** RU864-870 (RP002-1.0.4 2.13). */
export const ru864: RegionDefinition = {
  name: "RU864",
  first: "RP001-1.0.3-A",
  facts: {
    plan: dynamicPlan(channelsAt(frequencies(868_900_000, 2, 200_000), 0, 5)),
    dataRates: commonDataRates,
    maxAdrDataRate: 5,
    rx1: steppedRx1,
    rx2: { frequencyHz: 869_100_000, dataRate: 0 },
    maxEirpDbm: 16,
    txPowerOffsetsDb: twoDbSteps(7),
    txParamSetup: false,
    subBands: [{ fromHz: 864_000_000, toHz: 870_000_000, dutyCycle: 0.01, maxEirpDbm: 22.15 }],
    beacon: { frequenciesHz: [869_100_000], dataRate: 3 },
    pingSlotFrequenciesHz: [868_900_000],
  },
  changes: [],
};

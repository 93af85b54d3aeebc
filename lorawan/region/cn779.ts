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

// RP002-1.0.3 2.6.2: three defaults, and three further channels to join on.
const defaultChannels = channelsAt(frequencies(779_500_000, 3, 200_000), 0, 5);

/** CN779-787 (RP002-1.0.3 2.6), which RP002-1.0.4 no longer has. */
export const cn779: RegionDefinition = {
  name: "CN779",
  first: "TS001-1.0.0",
  last: "RP002-1.0.3",
  facts: {
    plan: dynamicPlan(defaultChannels),
    joinChannels: [...defaultChannels, ...channelsAt(frequencies(780_500_000, 3, 200_000), 0, 5)].map(channel => ({
      ...channel,
      region: "CN779",
      rx2FrequencyHz: 786_000_000,
      beaconFrequenciesHz: [785_000_000],
      pingSlotFrequenciesHz: [785_000_000],
    })),
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

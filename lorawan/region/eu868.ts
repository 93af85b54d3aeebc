import {
  bothWays,
  channelsAt,
  commonDataRates,
  type DataRateTable,
  frequencies,
  lrFhss,
  type RegionDefinition,
  steppedRx1,
  twoDbSteps,
} from "./facts.ts";
import { fastRatesFrom105 } from "./fast-rates.ts";
import { dynamicPlan } from "./plans.ts";

const lrFhssDataRates: DataRateTable = [
  lrFhss("1/3", 137_000, 50),
  lrFhss("2/3", 137_000, 115),
  lrFhss("1/3", 336_000, 50),
  lrFhss("2/3", 336_000, 115),
];

const tables102 = {
  uplinkDataRates: [...commonDataRates, ...lrFhssDataRates],
  downlinkDataRates: commonDataRates,
  rx1: [...steppedRx1, "100000", "210000", "100000", "210000"],
};

/** EU863-870 (RP002-1.0.4 2.4). Sub-bands: ERC Recommendation 70-03 annex 1, ERP + 2.15 dB. */
export const eu868: RegionDefinition = {
  name: "EU868",
  first: "TS001-1.0.0",
  facts: {
    plan: dynamicPlan(channelsAt(frequencies(868_100_000, 3, 200_000), 0, 5)),
    ...bothWays(commonDataRates),
    maxAdrDataRate: 5,
    rx1: steppedRx1,
    rx2: { frequencyHz: 869_525_000, dataRate: 0 },
    maxEirpDbm: 16,
    txPowerOffsetsDb: twoDbSteps(5),
    txParamSetup: false,
    subBands: [
      { fromHz: 863_000_000, toHz: 865_000_000, dutyCycle: 0.001, maxEirpDbm: 16.15 },
      { fromHz: 865_000_000, toHz: 868_000_000, dutyCycle: 0.01, maxEirpDbm: 16.15 },
      { fromHz: 868_000_000, toHz: 868_600_000, dutyCycle: 0.01, maxEirpDbm: 16.15 },
      { fromHz: 868_700_000, toHz: 869_200_000, dutyCycle: 0.001, maxEirpDbm: 16.15 },
      { fromHz: 869_400_000, toHz: 869_650_000, dutyCycle: 0.1, maxEirpDbm: 29.15 },
      { fromHz: 869_700_000, toHz: 870_000_000, dutyCycle: 0.01, maxEirpDbm: 16.15 },
    ],
    beacon: { frequenciesHz: [869_525_000], dataRate: 3 },
    pingSlotFrequenciesHz: [869_525_000],
  },
  changes: [
    { from: "RP001-1.0.2-B", facts: { txPowerOffsetsDb: twoDbSteps(7) } },
    { from: "RP002-1.0.2", facts: tables102 },
    fastRatesFrom105(tables102),
  ],
};

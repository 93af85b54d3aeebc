import {
  type DataRateTable,
  lora,
  lrFhss,
  type PlanFacts,
  type RegionChange,
  type RegionDefinition,
  twoDbSteps,
} from "./facts.ts";
import { downlinkDataRates, downlinkDataRates102, downlinks500KHz, plan72 } from "./plan72.ts";

const plan = (options: { subBandMask: boolean; cfList: boolean; maxWideDataRate?: number }): PlanFacts =>
  plan72({
    narrow: { firstHz: 915_200_000, maxDataRate: 5 },
    wide: { firstHz: 915_900_000, minDataRate: 6, maxDataRate: options.maxWideDataRate ?? 6 },
    ...options,
  });

const up = { direction: "up" } as const;

// Up to RP001-1.0.2-A, SF10 to SF7 as in US915.
const fourNarrowRates: DataRateTable = [
  lora(10, 125, 11, up),
  lora(9, 125, 53, up),
  lora(8, 125, 126, up),
  lora(7, 125, 242, { ...up, repeater: 242 }),
  lora(8, 500, 242, { ...up, repeater: 242 }),
  undefined,
  undefined,
];

const uplinks: DataRateTable = [
  lora(12, 125, 51, up),
  lora(11, 125, 51, up),
  lora(10, 125, 51, up),
  lora(9, 125, 115, up),
  lora(8, 125, 242, up),
  lora(7, 125, 242, up),
  lora(8, 500, 242, up),
];

/** The same rates where UplinkDwellTime exists. */
const uplinksWithDwellTime: DataRateTable = [
  lora(12, 125, 51, { ...up, dwellTime: 0 }),
  lora(11, 125, 51, { ...up, dwellTime: 0 }),
  lora(10, 125, 51, { ...up, dwellTime: 11 }),
  lora(9, 125, 115, { ...up, dwellTime: 53 }),
  lora(8, 125, 242, { ...up, dwellTime: 125 }),
  lora(7, 125, 242, up),
  lora(8, 500, 242, up),
];

const rx1 = ["888888", "988888", "a98888", "ba9888", "cba988", "dcba98", "ddcba9"];

const changes: readonly RegionChange[] = [
  {
    from: "RP001-1.0.2-B",
    facts: {
      plan: plan({ subBandMask: false, cfList: false }),
      dataRates: [...uplinks, undefined, ...downlinkDataRates],
      maxAdrDataRate: 5,
      rx1,
    },
  },
  {
    from: "RP001-1.0.3-A",
    facts: {
      plan: plan({ subBandMask: true, cfList: true }),
      dataRates: [...uplinksWithDwellTime, undefined, ...downlinkDataRates],
      // Index 15 means "as it is" in LinkADRReq and never names a power.
      txPowerOffsetsDb: twoDbSteps(14),
      txParamSetup: true,
      dwellTimeAtStart: { uplink: true, downlink: false },
    },
  },
  {
    // Older than RP001-1.0.3-A, whatever its number.
    from: "RP001-1.1-A",
    until: "RP001-1.1-A",
    facts: {
      plan: plan({ subBandMask: false, cfList: true }),
      dataRates: [...uplinks, undefined, ...downlinkDataRates],
      txPowerOffsetsDb: twoDbSteps(10),
      txParamSetup: false,
      dwellTimeAtStart: { uplink: false, downlink: false },
    },
  },
  { from: "RP001-1.1-B", facts: { beacon: { frequenciesHz: downlinks500KHz, dataRate: 8 } } },
  {
    from: "RP002-1.0.2",
    facts: {
      plan: plan({ subBandMask: true, cfList: true, maxWideDataRate: 7 }),
      dataRates: [...uplinksWithDwellTime, lrFhss("1/3", 1_523_000, 50), ...downlinkDataRates102],
      rx1: [...rx1, "988888"],
    },
  },
];

/** AU915-928 (RP002-1.0.4 2.8). */
export const au915: RegionDefinition = {
  name: "AU915",
  first: "TS001-1.0.1",
  facts: {
    plan: plan72({
      narrow: { firstHz: 915_200_000, maxDataRate: 3 },
      wide: { firstHz: 915_900_000, minDataRate: 4, maxDataRate: 4 },
      subBandMask: false,
      cfList: false,
    }),
    dataRates: [...fourNarrowRates, undefined, ...downlinkDataRates],
    maxAdrDataRate: 3,
    rx1: ["a988", "ba98", "cba9", "dcba", "ddcb"],
    rx2: { frequencyHz: 923_300_000, dataRate: 8 },
    maxEirpDbm: 30,
    txPowerOffsetsDb: twoDbSteps(10),
    txParamSetup: false,
    subBands: [{ fromHz: 915_000_000, toHz: 928_000_000, dutyCycle: 1, maxEirpDbm: 30 }],
    beacon: { frequenciesHz: downlinks500KHz, dataRate: 10 },
    pingSlotFrequenciesHz: downlinks500KHz,
  },
  changes,
};

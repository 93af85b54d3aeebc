import {
  type DataRateTable,
  lora,
  lrFhss,
  type PlanFacts,
  type RegionChange,
  type RegionDefinition,
  twoDbSteps,
} from "./facts.ts";
import { downlinkDataRates, downlinkDataRates102, downlinkDataRates105, downlinks500KHz, plan72 } from "./plan72.ts";

interface PlanOptions {
  readonly subBandMask: boolean;
  readonly cfList: boolean;
  readonly maxWideDataRate?: number;
  readonly fastDataRates?: boolean;
}

const plan = (options: PlanOptions): PlanFacts =>
  plan72({
    narrow: { firstHz: 915_200_000, maxDataRate: 5 },
    wide: { firstHz: 915_900_000, minDataRate: 6, maxDataRate: options.maxWideDataRate ?? 6 },
    ...options,
  });

// Up to RP001-1.0.2-A, SF10 to SF7 as in US915.
const fourNarrowRates: DataRateTable = [
  lora(10, 125, 11),
  lora(9, 125, 53),
  lora(8, 125, 126),
  lora(7, 125, 242, { repeater: 242 }),
  lora(8, 500, 242, { repeater: 242 }),
];

const uplinks: DataRateTable = [
  lora(12, 125, 51),
  lora(11, 125, 51),
  lora(10, 125, 51),
  lora(9, 125, 115),
  lora(8, 125, 242),
  lora(7, 125, 242),
  lora(8, 500, 242),
];

/** The same rates where UplinkDwellTime exists. */
const uplinksWithDwellTime: DataRateTable = [
  lora(12, 125, 51, { dwellTime: 0 }),
  lora(11, 125, 51, { dwellTime: 0 }),
  lora(10, 125, 51, { dwellTime: 11 }),
  lora(9, 125, 115, { dwellTime: 53 }),
  lora(8, 125, 242, { dwellTime: 125 }),
  lora(7, 125, 242),
  lora(8, 500, 242),
];

const uplinks102: DataRateTable = [...uplinksWithDwellTime, lrFhss("1/3", 1_523_000, 50)];

const rx1 = ["888888", "988888", "a98888", "ba9888", "cba988", "dcba98", "ddcba9"];
const rx1From102 = [...rx1, "988888"];

const changes: readonly RegionChange[] = [
  {
    from: "RP001-1.0.2-B",
    facts: {
      plan: plan({ subBandMask: false, cfList: false }),
      uplinkDataRates: uplinks,
      maxAdrDataRate: 5,
      rx1,
    },
  },
  {
    from: "RP001-1.0.3-A",
    facts: {
      plan: plan({ subBandMask: true, cfList: true }),
      uplinkDataRates: uplinksWithDwellTime,
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
      uplinkDataRates: uplinks,
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
      uplinkDataRates: uplinks102,
      downlinkDataRates: downlinkDataRates102,
      rx1: rx1From102,
    },
  },
  {
    from: "RP002-1.0.5",
    facts: {
      plan: plan({ subBandMask: true, cfList: true, maxWideDataRate: 7, fastDataRates: true }),
      uplinkDataRates: [...uplinks102, undefined, lora(6, 125, 242), lora(5, 125, 242)],
      downlinkDataRates: downlinkDataRates105,
      fastDataRates: [9, 10],
      rx1: [...rx1From102, "", "edcba9", "0edcba"],
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
    uplinkDataRates: fourNarrowRates,
    downlinkDataRates,
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

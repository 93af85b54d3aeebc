import { type DataRateTable, lora, lrFhss, type PlanFacts, type RegionDefinition, twoDbSteps } from "./facts.ts";
import { downlinkDataRates, downlinkDataRates102, downlinkDataRates105, downlinks500KHz, plan72 } from "./plan72.ts";

interface PlanOptions {
  readonly subBandMask: boolean;
  readonly cfList: boolean;
  readonly maxWideDataRate?: number;
  readonly fastDataRates?: boolean;
}

const plan = (options: PlanOptions): PlanFacts =>
  plan72({
    narrow: { firstHz: 902_300_000, maxDataRate: 3 },
    wide: { firstHz: 903_000_000, minDataRate: 4, maxDataRate: options.maxWideDataRate ?? 4 },
    ...options,
  });

const narrowUplinks: DataRateTable = [lora(10, 125, 11), lora(9, 125, 53), lora(8, 125, 125)];

// Documents before RP002 do not reckon with repeaters on DR3 and DR4 (RP001-1.0.3-A 2.3.6).
const uplinks: DataRateTable = [
  ...narrowUplinks,
  lora(7, 125, 242, { repeater: 242 }),
  lora(8, 500, 242, { repeater: 242 }),
];
const uplinksRp002: DataRateTable = [...narrowUplinks, lora(7, 125, 242), lora(8, 500, 242)];
const uplinks102: DataRateTable = [...uplinksRp002, lrFhss("1/3", 1_523_000, 50), lrFhss("2/3", 1_523_000, 125)];

const rx1 = ["a988", "ba98", "cba9", "dcba", "ddcb"];
const rx1From102 = [...rx1, "a988", "ba98"];

/** US902-928 (RP002-1.0.4 2.5). */
export const us915: RegionDefinition = {
  name: "US915",
  first: "TS001-1.0.0",
  facts: {
    plan: plan({ subBandMask: false, cfList: false }),
    uplinkDataRates: uplinks,
    downlinkDataRates,
    maxAdrDataRate: 3,
    rx1,
    rx2: { frequencyHz: 923_300_000, dataRate: 8 },
    maxEirpDbm: 30,
    txPowerOffsetsDb: twoDbSteps(10),
    txParamSetup: false,
    subBands: [
      { fromHz: 902_000_000, toHz: 915_000_000, dutyCycle: 1, maxEirpDbm: 23.15 },
      { fromHz: 915_000_000, toHz: 928_000_000, dutyCycle: 1, maxEirpDbm: 28.15 },
    ],
    beacon: { frequenciesHz: downlinks500KHz, dataRate: 8 },
    pingSlotFrequenciesHz: downlinks500KHz,
  },
  changes: [
    {
      from: "RP001-1.0.3-A",
      // Index 15 means "as it is" in LinkADRReq and never names a power.
      facts: { plan: plan({ subBandMask: true, cfList: true }), txPowerOffsetsDb: twoDbSteps(14) },
    },
    // RP001-1.1-A is older than RP001-1.0.3-A, which brought ChMaskCntl 5.
    { from: "RP001-1.1-A", until: "RP001-1.1-A", facts: { plan: plan({ subBandMask: false, cfList: true }) } },
    { from: "RP002-1.0.0", facts: { uplinkDataRates: uplinksRp002 } },
    {
      from: "RP002-1.0.2",
      facts: {
        plan: plan({ subBandMask: true, cfList: true, maxWideDataRate: 6 }),
        uplinkDataRates: uplinks102,
        downlinkDataRates: downlinkDataRates102,
        rx1: rx1From102,
      },
    },
    {
      from: "RP002-1.0.5",
      facts: {
        plan: plan({ subBandMask: true, cfList: true, maxWideDataRate: 6, fastDataRates: true }),
        uplinkDataRates: [...uplinks102, lora(6, 125, 242), lora(5, 125, 242)],
        downlinkDataRates: downlinkDataRates105,
        fastDataRates: [7, 8],
        rx1: [...rx1From102, "edcb", "0edc"],
      },
    },
  ],
};

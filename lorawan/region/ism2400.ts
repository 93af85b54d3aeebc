import { bothWays, channelsAt, lora, type RegionDefinition, steppedRx1, twoDbSteps } from "./facts.ts";
import { dynamicPlan } from "./plans.ts";

/**
 * ISM2400 (Semtech, Physical Layer Proposal 2.4 GHz): the same under every revision of the others. Payloads are those that
 * fit through a repeater: LoRa Basics Modem knows no others and drops longer downlinks.
 */
export const ism2400: RegionDefinition = {
  name: "ISM2400",
  first: "TS001-1.0.0",
  facts: {
    plan: dynamicPlan(channelsAt([2_403_000_000, 2_425_000_000, 2_479_000_000], 0, 7), {
      maxDataRate: 7,
      frequencyStepHz: 200,
    }),
    ...bothWays([
      lora(12, 812, 51),
      lora(11, 812, 115),
      lora(10, 812, 220),
      lora(9, 812, 220),
      lora(8, 812, 220),
      lora(7, 812, 220),
      lora(6, 812, 220),
      lora(5, 812, 220),
    ]),
    maxAdrDataRate: 7,
    rx1: steppedRx1,
    rx2: { frequencyHz: 2_423_000_000, dataRate: 0 },
    maxEirpDbm: 10,
    txPowerOffsetsDb: twoDbSteps(7),
    txParamSetup: false,
    subBands: [{ fromHz: 2_400_000_000, toHz: 2_500_000_000, dutyCycle: 1, maxEirpDbm: 10.15 }],
    beacon: { frequenciesHz: [2_424_000_000], dataRate: 3 },
    pingSlotFrequenciesHz: [2_424_000_000],
  },
  changes: [],
};

import {
  bothWays,
  channelsAt,
  frequencies,
  loraSf12ToSf7,
  type PlanFacts,
  type RegionDefinition,
  steppedRx1,
  twoDbSteps,
} from "./facts.ts";
import { eights, groups, withDownlinks } from "./plans.ts";

const plan: PlanFacts = {
  kind: "fixed",
  channels: withDownlinks(
    channelsAt(frequencies(470_300_000, 96, 200_000), 0, 5),
    frequencies(500_300_000, 48, 200_000),
  ),
  maxChannels: 96,
  maskControls: [...groups(6), { kind: "all", enabled: true }],
  cfList: undefined,
  subBands: eights(96),
};

const beaconsHz = frequencies(508_300_000, 8, 200_000);

/** CN470-510 as it was before RP002 (RP001-1.1-B 2.7): 96 channels up, 48 down. */
export const cn470: RegionDefinition = {
  name: "CN470",
  first: "TS001-1.0.1",
  last: "RP001-1.1-B",
  facts: {
    plan,
    ...bothWays(loraSf12ToSf7),
    maxAdrDataRate: 5,
    rx1: steppedRx1.slice(0, 6),
    rx2: { frequencyHz: 505_300_000, dataRate: 0 },
    maxEirpDbm: 17,
    txPowerOffsetsDb: [0, -1, -3, -5, -7, -10, -12, -15],
    txParamSetup: false,
    subBands: [{ fromHz: 470_000_000, toHz: 510_000_000, dutyCycle: 1, maxEirpDbm: 19.15 }],
    beacon: { frequenciesHz: beaconsHz, dataRate: 2 },
    pingSlotFrequenciesHz: beaconsHz,
  },
  changes: [
    { from: "RP001-1.0.2-B", facts: { maxEirpDbm: 19.15, txPowerOffsetsDb: twoDbSteps(7) } },
    { from: "RP001-1.0.3-A", facts: { plan: { ...plan, cfList: { type: 1 } } } },
  ],
};

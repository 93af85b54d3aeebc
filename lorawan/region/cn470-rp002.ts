import { cn470JoinChannels, cn470StrayJoinChannels } from "./cn470-join-channels.ts";
import {
  bothWays,
  channelsAt,
  type DataRateTable,
  frequencies,
  fsk,
  lora,
  loraSf12ToSf7,
  type MaskControl,
  type PlanFacts,
  type RegionChange,
  type RegionDefinition,
  steppedRx1,
  twoDbSteps,
} from "./facts.ts";
import { eights, groups, withDownlinks } from "./plans.ts";
import type { RegionName } from "./region.ts";

const all: readonly MaskControl[] = [
  { kind: "all", enabled: true },
  { kind: "all", enabled: false },
];
const controls64 = [...groups(4), undefined, undefined, ...all];
const controls48 = [...groups(3), ...all];

// Without SF12, and with payloads of their own (RP002-1.0.4 2.9.6).
const shortDataRates: DataRateTable = [
  undefined,
  lora(11, 125, 23),
  lora(10, 125, 86),
  lora(9, 125, 184),
  lora(8, 125, 242),
  lora(7, 125, 242),
  lora(7, 500, 242),
  fsk(242),
];

interface Plan {
  readonly name: RegionName;
  readonly uplinksHz: readonly number[];
  readonly downlinksHz: readonly number[];
  readonly maskControls: PlanFacts["maskControls"];
  /** Of devices that have not joined over the air; the others' depends on their join channel in the 20 MHz plans. */
  readonly rx2FrequencyHz: number;
  /** Empty where it depends on the join channel. */
  readonly beaconsHz: readonly number[];
}

/** From RP002-1.0.1 on, DR1 is the least there is. */
const withoutDataRate0 = (plan: PlanFacts, rx2FrequencyHz: number): RegionChange => ({
  from: "RP002-1.0.1",
  facts: {
    plan,
    ...bothWays(shortDataRates),
    rx1: ["", "111111", "211111", "321111", "432111", "543211", "654321", "765432"],
    rx2: { frequencyHz: rx2FrequencyHz, dataRate: 1 },
  },
});

const planFacts = ({ uplinksHz, downlinksHz, maskControls }: Plan, minDataRate: number): PlanFacts => ({
  kind: "fixed",
  channels: withDownlinks(channelsAt(uplinksHz, minDataRate, 5), downlinksHz),
  maxChannels: uplinksHz.length,
  maskControls,
  cfList: { type: 1 },
  subBands: eights(uplinksHz.length),
});

const cn470Plan = (plan: Plan): RegionDefinition => ({
  name: plan.name,
  first: "RP002-1.0.0",
  facts: {
    plan: planFacts(plan, 0),
    joinChannels: cn470JoinChannels,
    strayJoinChannels: cn470StrayJoinChannels(plan.name, plan.uplinksHz),
    ...bothWays(loraSf12ToSf7),
    maxAdrDataRate: 5,
    rx1: steppedRx1.slice(0, 6),
    rx2: { frequencyHz: plan.rx2FrequencyHz, dataRate: 0 },
    maxEirpDbm: 19.15,
    txPowerOffsetsDb: twoDbSteps(7),
    txParamSetup: false,
    subBands: [{ fromHz: 470_000_000, toHz: 510_000_000, dutyCycle: 1, maxEirpDbm: 19.15 }],
    beacon: { frequenciesHz: plan.beaconsHz, dataRate: 2 },
    pingSlotFrequenciesHz: plan.beaconsHz,
  },
  changes: [withoutDataRate0(planFacts(plan, 1), plan.rx2FrequencyHz)],
});

const plan20BHz = [...frequencies(476_900_000, 32, 200_000), ...frequencies(496_900_000, 32, 200_000)];

/** CN470-510 for 20 MHz antennas, plan A (RP002-1.0.4 2.9.2.1). */
export const cn470Plan20A: RegionDefinition = cn470Plan({
  name: "CN470-20A",
  uplinksHz: [...frequencies(470_300_000, 32, 200_000), ...frequencies(503_500_000, 32, 200_000)],
  downlinksHz: frequencies(483_900_000, 64, 200_000),
  maskControls: controls64,
  rx2FrequencyHz: 486_900_000,
  beaconsHz: [],
});

/** CN470-510 for 20 MHz antennas, plan B: up and down on the same channels. */
export const cn470Plan20B: RegionDefinition = cn470Plan({
  name: "CN470-20B",
  uplinksHz: plan20BHz,
  downlinksHz: plan20BHz,
  maskControls: controls64,
  rx2FrequencyHz: 498_300_000,
  beaconsHz: [],
});

/** CN470-510 for 26 MHz antennas, plan A. */
export const cn470Plan26A: RegionDefinition = cn470Plan({
  name: "CN470-26A",
  uplinksHz: frequencies(470_300_000, 48, 200_000),
  downlinksHz: frequencies(490_100_000, 24, 200_000),
  maskControls: controls48,
  rx2FrequencyHz: 492_500_000,
  beaconsHz: [494_900_000],
});

/** CN470-510 for 26 MHz antennas, plan B. */
export const cn470Plan26B: RegionDefinition = cn470Plan({
  name: "CN470-26B",
  uplinksHz: frequencies(480_300_000, 48, 200_000),
  downlinksHz: frequencies(500_100_000, 24, 200_000),
  maskControls: controls48,
  rx2FrequencyHz: 502_500_000,
  beaconsHz: [504_900_000],
});

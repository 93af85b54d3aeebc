import type { MaskControl, PlanFacts } from "./facts.ts";
import type { Channel } from "./region.ts";

const group = (number: number): MaskControl => ({ kind: "group", group: number });

/** ChMaskCntl 0 to `count` - 1, each for its own 16 channels. */
export const groups = (count: number): readonly MaskControl[] => Array.from({ length: count }, (_, n) => group(n));

/** Every eight channels in turn. */
export const eights = (channelCount: number): readonly (readonly number[])[] =>
  Array.from({ length: channelCount / 8 }, (_, block) => Array.from({ length: 8 }, (_, n) => block * 8 + n));

/**
 * A plan of 16 channels that begins with these default channels (RP002-1.0.4 2.3.1, 2.4.5): a CFList lists frequencies
 * for DR0 to DR5 in steps of 100 Hz; ChMaskCntl 0 is the mask, 6 is every defined channel.
 */
export const dynamicPlan = (
  channels: readonly Channel[],
  cfList: { readonly maxDataRate: number; readonly frequencyStepHz: number } = { maxDataRate: 5, frequencyStepHz: 100 },
): PlanFacts => ({
  kind: "dynamic",
  channels,
  maxChannels: 16,
  maskControls: [...groups(1), undefined, undefined, undefined, undefined, undefined, { kind: "all", enabled: true }],
  cfList: { type: 0, ...cfList },
  subBands: [],
});

/** Uplink channel n answers in RX1 on downlink channel n modulo their number. */
export const withDownlinks = (
  uplinks: readonly Channel[],
  downlinkFrequenciesHz: readonly number[],
): readonly Channel[] =>
  uplinks.map((channel, number) => ({
    ...channel,
    downlinkFrequencyHz: downlinkFrequenciesHz[number % downlinkFrequenciesHz.length] ?? channel.uplinkFrequencyHz,
  }));

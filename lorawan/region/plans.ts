import { channelsAt, frequencies, type MaskControl, type PlanFacts } from "./facts.ts";
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

/** Downlink channels of US915 and AU915. */
export const downlinks500KHz: readonly number[] = frequencies(923_300_000, 8, 600_000);

interface Plan72Options {
  readonly narrow: { readonly firstHz: number; readonly maxDataRate: number };
  readonly wide: { readonly firstHz: number; readonly minDataRate: number; readonly maxDataRate: number };
  /** ChMaskCntl 5, sub-bands as a whole, is known. */
  readonly subBandMask: boolean;
  readonly cfList: boolean;
}

/**
 * 64 channels of 125 kHz and 8 of 500 kHz (RP002-1.0.4 2.5.2, 2.5.5, 2.8.2, 2.8.5). Sub-band n has eight of the first
 * and one of the second kind. ChMaskCntl 6 and 7 switch the first kind as a whole and mask the second.
 */
export const plan72 = (options: Plan72Options): PlanFacts => {
  const { narrow, wide } = options;
  const uplinks = [
    ...channelsAt(frequencies(narrow.firstHz, 64, 200_000), 0, narrow.maxDataRate),
    ...channelsAt(frequencies(wide.firstHz, 8, 1_600_000), wide.minDataRate, wide.maxDataRate),
  ];
  return {
    kind: "fixed",
    channels: withDownlinks(uplinks, downlinks500KHz),
    maxChannels: 72,
    maskControls: [
      ...groups(5),
      // The RP002-1.0.4 erratum of 2023-05-08 takes bit 8 back: only the eight sub-band bits mean anything.
      options.subBandMask ? { kind: "sub-bands" } : undefined,
      { kind: "all", enabled: true, maskedGroup: 4 },
      { kind: "all", enabled: false, maskedGroup: 4 },
    ],
    cfList: options.cfList ? { type: 1 } : undefined,
    subBands: eights(64).map((narrowChannels, block) => [...narrowChannels, 64 + block]),
  };
};

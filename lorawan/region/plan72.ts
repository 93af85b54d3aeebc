import { channelsAt, type DataRateTable, frequencies, lora, type PlanFacts, reserved } from "./facts.ts";
import { eights, groups, withDownlinks } from "./plans.ts";

/** Downlink channels of US915 and AU915. */
export const downlinks500KHz: readonly number[] = frequencies(923_300_000, 8, 600_000);

interface Plan72Options {
  readonly narrow: { readonly firstHz: number; readonly maxDataRate: number };
  readonly wide: { readonly firstHz: number; readonly minDataRate: number; readonly maxDataRate: number };
  /** ChMaskCntl 5, sub-bands as a whole, is known. */
  readonly subBandMask: boolean;
  readonly cfList: boolean;
  /** The channels of the first kind carry SF6 and SF5 too. */
  readonly fastDataRates?: boolean;
}

/**
 * 64 channels of 125 kHz and 8 of 500 kHz (RP002-1.0.4 2.5.2, 2.5.5, 2.8.2, 2.8.5). Sub-band n has eight of the first
 * and one of the second kind. ChMaskCntl 6 and 7 switch the first kind as a whole and mask the second.
 */
export const plan72 = (options: Plan72Options): PlanFacts => {
  const { narrow, wide } = options;
  const uplinks = [
    ...channelsAt(frequencies(narrow.firstHz, 64, 200_000), 0, narrow.maxDataRate).map(channel => ({
      ...channel,
      ...(options.fastDataRates && { fastDataRates: true }),
    })),
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

const wideDownlinks: DataRateTable = [lora(10, 500, 242), lora(9, 500, 242), lora(8, 500, 242), lora(7, 500, 242)];

/** DR8 to DR13. Up to RP002-1.0.1 a repeater takes 20 bytes of DR8 and DR9 too. */
export const downlinkDataRates: DataRateTable = [
  ...reserved(8),
  lora(12, 500, 53, { repeater: 33 }),
  lora(11, 500, 129, { repeater: 109 }),
  ...wideDownlinks,
];

const narrowDownlinks102: DataRateTable = [lora(12, 500, 53), lora(11, 500, 129)];

/** DR8 to DR13 from RP002-1.0.2 on. */
export const downlinkDataRates102: DataRateTable = [...reserved(8), ...narrowDownlinks102, ...wideDownlinks];

/** From RP002-1.0.5 on also SF6 as DR14 and, there being no room behind it, SF5 as DR0. */
export const downlinkDataRates105: DataRateTable = [
  lora(5, 500, 242),
  ...reserved(7),
  ...narrowDownlinks102,
  ...wideDownlinks,
  lora(6, 500, 242),
];

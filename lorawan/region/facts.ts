import type { RegionalParametersRevision } from "../version.ts";
import type { Channel, JoinChannel, Modulation, RegionName, SubBand } from "./region.ts";

/** N of the regional parameters: most FRMPayload bytes with empty FOpts, under each limit alone. */
interface PayloadLimits {
  readonly plain: number;
  /** Under a 400 ms dwell-time limit; 0 where the rate may not be used then. */
  readonly dwellTime: number;
  readonly repeater: number;
}

export interface DataRateFacts {
  readonly modulation: Modulation;
  readonly payload: PayloadLimits;
}

/** Index is the data rate. */
export type DataRateTable = readonly (DataRateFacts | undefined)[];

/** What one value of ChMaskCntl means: which channels the ChMask bits speak of. */
export type MaskControl =
  /** Bit n is channel 16 * group + n. */
  | { readonly kind: "group"; readonly group: number }
  /** Bit n switches every channel of sub-band n + 1, so that the mask settles the whole plan. */
  | { readonly kind: "sub-bands" }
  /** Every defined channel on or off; the bits, if they mean anything, are those of one group. */
  | { readonly kind: "all"; readonly enabled: boolean; readonly maskedGroup?: number };

export type CFListFacts =
  /** Five frequencies after the default channels, for DR0 to `maxDataRate`. */
  | { readonly type: 0; readonly maxDataRate: number; readonly frequencyStepHz: number }
  /** Masks of 16 channels each. */
  | { readonly type: 1 };

export interface PlanFacts {
  readonly kind: "dynamic" | "fixed";
  readonly channels: readonly Channel[];
  readonly maxChannels: number;
  /** Index is ChMaskCntl, 0 to 7; `undefined` is RFU. */
  readonly maskControls: readonly (MaskControl | undefined)[];
  readonly cfList: CFListFacts | undefined;
  /** Channel numbers of each sub-band; empty in a dynamic plan. */
  readonly subBands: readonly (readonly number[])[];
}

/**
 * One row of an RX1 data-rate table: the digit at place RX1DROffset is the downlink data rate, in hexadecimal. Index in
 * the table is the uplink data rate; a row is empty where there is no such uplink.
 */
export type Rx1Table = readonly string[];

/** The tables of a region under one revision. */
export interface RegionFacts {
  readonly plan: PlanFacts;
  /** As the default channels where absent. */
  readonly joinChannels?: readonly JoinChannel[];
  /** None where absent. */
  readonly strayJoinChannels?: readonly JoinChannel[];
  readonly uplinkDataRates: DataRateTable;
  readonly downlinkDataRates: DataRateTable;
  /** Uplink rates of SF6 and SF5 at 125 kHz; none where absent. */
  readonly fastDataRates?: readonly number[];
  readonly maxAdrDataRate: number;
  readonly rx1: Rx1Table;
  /** RX1 table while the downlink dwell-time limit is in force; as `rx1` where the region has no such table. */
  readonly rx1DwellTime?: Rx1Table;
  readonly rx2: { readonly frequencyHz: number; readonly dataRate: number };
  readonly maxEirpDbm: number;
  /** Index is TXPower: dB to add to the maximum EIRP. */
  readonly txPowerOffsetsDb: readonly number[];
  readonly txParamSetup: boolean;
  /** Dwell-time limits of a device that nobody has told anything; none where absent. */
  readonly dwellTimeAtStart?: { readonly uplink: boolean; readonly downlink: boolean };
  readonly subBands: readonly SubBand[];
  readonly beacon: { readonly frequenciesHz: readonly number[]; readonly dataRate: number };
  /** The default ping-slot data rate is the beacon's (RP002-1.0.4 2.3). */
  readonly pingSlotFrequenciesHz: readonly number[];
}

/** Facts that hold in the revisions `from` to `until`, both included, on top of what earlier entries say. */
export interface RegionChange {
  readonly from: RegionalParametersRevision;
  readonly until?: RegionalParametersRevision;
  readonly facts: Partial<RegionFacts>;
}

export interface RegionDefinition {
  readonly name: RegionName;
  /** First document that has the region. */
  readonly first: RegionalParametersRevision;
  /** Last document that has it, where a later one dropped it. */
  readonly last?: RegionalParametersRevision;
  readonly facts: RegionFacts;
  readonly changes: readonly RegionChange[];
}

interface DataRateOptions {
  readonly dwellTime?: number;
  readonly repeater?: number;
}

// A repeater may wrap the frame in 20 bytes of its own, so that 222 is the most that fits; rows that differ say so.
const repeaterLimit = 222;

const dataRate = (modulation: Modulation, payload: number, options: DataRateOptions = {}): DataRateFacts => ({
  modulation,
  payload: {
    plain: payload,
    dwellTime: options.dwellTime ?? payload,
    repeater: options.repeater ?? Math.min(payload, repeaterLimit),
  },
});

/** A LoRa row: spreading factor, bandwidth in kHz, N. */
export const lora = (
  spreadingFactor: number,
  bandwidthKHz: number,
  payload: number,
  options: DataRateOptions = {},
): DataRateFacts => dataRate({ kind: "lora", spreadingFactor, bandwidthHz: bandwidthKHz * 1000 }, payload, options);

/** An FSK row of 50 kbit/s. */
export const fsk = (payload: number, options: DataRateOptions = {}): DataRateFacts =>
  dataRate({ kind: "fsk", bitRate: 50_000 }, payload, options);

/** An LR-FHSS row: uplinks only. */
export const lrFhss = (codingRate: "1/3" | "2/3", operatingChannelWidthHz: number, payload: number): DataRateFacts =>
  dataRate({ kind: "lr-fhss", codingRate, operatingChannelWidthHz }, payload);

/** `count` numbers that name no data rate. */
export const reserved = (count: number): DataRateTable => new Array<undefined>(count).fill(undefined);

/** A region in which a number means the same upwards and downwards. */
export const bothWays = (table: DataRateTable): Pick<RegionFacts, "uplinkDataRates" | "downlinkDataRates"> => ({
  uplinkDataRates: table,
  downlinkDataRates: table,
});

/** DR0 to DR5 of most regions: LoRa SF12 to SF7 at 125 kHz. */
export const loraSf12ToSf7: DataRateTable = [
  lora(12, 125, 51),
  lora(11, 125, 51),
  lora(10, 125, 51),
  lora(9, 125, 115),
  lora(8, 125, 242),
  lora(7, 125, 242),
];

/** DR0 to DR7 of most dynamic regions: SF12 to SF7, SF7 at 250 kHz, FSK. */
export const commonDataRates: DataRateTable = [...loraSf12ToSf7, lora(7, 250, 242), fsk(242)];

/** RX1 table of most dynamic regions: one data rate lower for each step of the offset, DR0 at the least. */
export const steppedRx1: Rx1Table = ["000000", "100000", "210000", "321000", "432100", "543210", "654321", "765432"];

/** TXPower 0 to `maxIndex`, 2 dB apart. */
export const twoDbSteps = (maxIndex: number): readonly number[] =>
  Array.from({ length: maxIndex + 1 }, (_, index) => (index === 0 ? 0 : -2 * index));

/** `count` frequencies from `firstHz`, `stepHz` apart. */
export const frequencies = (firstHz: number, count: number, stepHz: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => firstHz + index * stepHz);

/** One channel for each frequency, with RX1 on the same frequency. */
export const channelsAt = (
  frequenciesHz: readonly number[],
  minDataRate: number,
  maxDataRate: number,
): readonly Channel[] =>
  frequenciesHz.map(frequencyHz => ({
    uplinkFrequencyHz: frequencyHz,
    downlinkFrequencyHz: frequencyHz,
    minDataRate,
    maxDataRate,
  }));

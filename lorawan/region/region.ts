import type { RegionalParametersRevision } from "../version.ts";

export const regionNames = [
  "EU868",
  "US915",
  "AU915",
  "AS923",
  "AS923-2",
  "AS923-3",
  "AS923-4",
  "CN470",
  "CN470-20A",
  "CN470-20B",
  "CN470-26A",
  "CN470-26B",
  "CN779",
  "EU433",
  "IN865",
  "KR920",
  "RU864",
  "ISM2400",
] as const;
export type RegionName = (typeof regionNames)[number];

export type Modulation =
  | { readonly kind: "lora"; readonly spreadingFactor: number; readonly bandwidthHz: number }
  | { readonly kind: "fsk"; readonly bitRate: number }
  | { readonly kind: "lr-fhss"; readonly codingRate: "1/3" | "2/3"; readonly operatingChannelWidthHz: number };

/** Index is the data rate; `undefined` where the number is reserved. */
export type DataRates = readonly (Modulation | undefined)[];

export interface Channel {
  readonly uplinkFrequencyHz: number;
  /** RX1 frequency of this channel; equals the uplink's unless a DlChannelReq or a fixed plan says otherwise. */
  readonly downlinkFrequencyHz: number;
  readonly minDataRate: number;
  readonly maxDataRate: number;
  /** It carries the region's SF6 and SF5 rates too (from RP002-1.0.5 on); absent is false. */
  readonly fastDataRates?: boolean;
}

/**
 * A channel for Join-Requests, and what follows from joining there: the downlink frequency is that of the Join-Accept in
 * RX1. Only in the RP002 plans of CN470 does anything depend on it (RP002-1.0.4 2.9.2).
 */
export interface JoinChannel extends Channel {
  /** RX2 of the Join-Accept, and by default of the device from then on. */
  readonly rx2FrequencyHz: number;
  /** The plan that the device uses from then on. */
  readonly region: RegionName;
  /** By default; where there are several, class B goes through them (TS001-1.0.4 13). */
  readonly beaconFrequenciesHz: readonly number[];
  readonly pingSlotFrequenciesHz: readonly number[];
}

/** Index is the channel's number on the wire; `undefined` where no channel is defined. */
export type ChannelPlan = readonly (Channel | undefined)[];

export interface SubBand {
  readonly fromHz: number;
  /** Exclusive. */
  readonly toHz: number;
  /** Fraction of time, for example 0.01; 1 where no limit applies. */
  readonly dutyCycle: number;
  readonly maxEirpDbm: number;
}

export interface PayloadContext {
  readonly direction: "up" | "down";
  /** A 400 ms dwell-time limit is in force for this direction. */
  readonly dwellTime: boolean;
  /** The device may sit behind a repeater; Upchirp's default is false. */
  readonly repeater: boolean;
}

/** One block of channel bits of LinkADRReq (TS001-1.0.4 5.2). */
export interface ChannelMask {
  /** ChMaskCntl, 0 to 7. */
  readonly control: number;
  /** 16 bits, bit 0 is the lowest channel of the block. */
  readonly mask: number;
}

/**
 * The facts of one region under one revision of the regional parameters, and the few rules that differ by region.
 * Everything is a pure function of tables. Functions that take an index throw MalformedValue for one the region lacks.
 */
export interface Region {
  readonly name: RegionName;
  readonly revision: RegionalParametersRevision;
  /** Dynamic: NewChannelReq and CFList type 0. Fixed: 64+8 channels, masks, CFList type 1. */
  readonly plan: "dynamic" | "fixed";
  readonly uplinkDataRates: DataRates;
  /** The same numbers mean something else there in US915 and AU915. */
  readonly downlinkDataRates: DataRates;
  /** Uplink rates of SF6 and SF5 at 125 kHz, which a channel carries only if it says so; none before RP002-1.0.5. */
  readonly fastDataRates: readonly number[];
  /** Default channels; NewChannelReq never touches them in a dynamic plan (C59). */
  readonly defaultChannels: ChannelPlan;
  /** Where Join-Requests are sent. A gateway need not hear them all. */
  readonly joinChannels: readonly JoinChannel[];
  /** Where stacks of wide use send Join-Requests by mistake, with the windows in which they listen; after `joinChannels`. */
  readonly strayJoinChannels: readonly JoinChannel[];
  /** 16 in dynamic plans, 72 in US915. */
  readonly maxChannels: number;
  /** Default of RX2; in the 20 MHz plans of CN470, that of a device which did not join over the air. */
  readonly rx2: { readonly frequencyHz: number; readonly dataRate: number };
  readonly rx1DelaySeconds: 1;
  readonly joinAcceptDelaySeconds: 5;
  readonly maxRx1DrOffset: number;
  /** Highest EIRP of a device by default; `txPowerDbm` says by how much a TXPower index lowers it. */
  readonly maxEirpDbm: number;
  readonly maxTxPowerIndex: number;
  /** Data rates that ADR may choose among: DR0 up to this, 125 kHz LoRa first. */
  readonly maxAdrDataRate: number;
  /** Downlink limits of the gateway by frequency; empty where the region has none. */
  readonly subBands: readonly SubBand[];
  /** TxParamSetupReq exists here (C60). */
  readonly txParamSetup: boolean;
  /** Dwell-time limits that a device keeps before any TxParamSetupReq. */
  readonly dwellTimeAtStart: { readonly uplink: boolean; readonly downlink: boolean };
  /** Class B beacon and default ping slot; no frequencies where they depend on the channel a device joined on. */
  readonly beacon: { readonly frequenciesHz: readonly number[]; readonly dataRate: number };
  readonly pingSlot: { readonly frequenciesHz: readonly number[]; readonly dataRate: number };

  /** Index of the data rate with this modulation that is valid in this direction, or undefined. */
  dataRateOf(modulation: Modulation, direction: "up" | "down"): number | undefined;
  /** N of the regional parameters: most FRMPayload bytes with empty FOpts; 0 where dwell time forbids the rate. */
  maxPayload(dataRate: number, context: PayloadContext): number;
  /** A device may send at this data rate on this channel. */
  carries(channel: Channel, dataRate: number): boolean;
  rx1DataRate(uplinkDataRate: number, rx1DrOffset: number, downlinkDwellTime: boolean): number;
  /**
   * RX1 frequency of an uplink heard at `uplinkFrequencyHz` under the device's channels. On a channel that nobody told us
   * of, a device of a dynamic plan listens where it sent; in a fixed plan there is none: undefined.
   */
  rx1FrequencyHz(channels: ChannelPlan, uplinkFrequencyHz: number): number | undefined;
  /** Number of the channel that carries this frequency and data rate, or undefined. */
  channelOf(channels: ChannelPlan, uplinkFrequencyHz: number, dataRate: number): number | undefined;
  txPowerDbm(txPowerIndex: number, maxEirpDbm: number): number;
  /**
   * The CFList that gives a device these channels: type 0 lists up to five extra frequencies, type 1 masks.
   * `undefined` when the revision has none for this region or nothing needs to be said.
   */
  cfList(channels: ChannelPlan, enabled: ReadonlySet<number>): Uint8Array | undefined;
  /** What a device that understood this CFList has afterwards. Throws MalformedValue for a wrong length or type. */
  applyCfList(cfList: Uint8Array): { readonly channels: ChannelPlan; readonly enabled: ReadonlySet<number> };
  /** Fewest LinkADRReq masks that turn `current` into `wanted`; empty when equal. */
  channelMasks(
    wanted: ReadonlySet<number>,
    current: ReadonlySet<number>,
    channels: ChannelPlan,
  ): readonly ChannelMask[];
  /** The device's reading of a block of masks applied in order; undefined when a mask is invalid (C55, C56). */
  applyChannelMasks(
    masks: readonly ChannelMask[],
    current: ReadonlySet<number>,
    channels: ChannelPlan,
  ): ReadonlySet<number> | undefined;
  /** Channel numbers of a sub-band of a fixed plan, 1-based (US915: 8 x 125 kHz + one 500 kHz); all defaults if dynamic. */
  subBandChannels(subBand: number): ReadonlySet<number>;
}

import type { ChannelPlan } from "../region/region.ts";

/**
 * The radio parameters that MAC commands and Join-Accepts change. One value of this type says what the device has now
 * (`current`), another what the network would like it to have (`wanted`); commands are made from the difference.
 */
export interface MacParameters {
  readonly dataRate: number;
  readonly txPowerIndex: number;
  readonly nbTrans: number;
  readonly rx1DelaySeconds: number;
  readonly rx1DrOffset: number;
  readonly rx2DataRate: number;
  readonly rx2FrequencyHz: number;
  readonly channels: ChannelPlan;
  /** Numbers of the channels in use, ascending. */
  readonly enabledChannels: readonly number[];
  /** DutyCycleReq: 1 / 2^exponent of all airtime; 0 is no limit. */
  readonly maxDutyCycleExponent: number;
  readonly uplinkDwellTime: boolean;
  readonly downlinkDwellTime: boolean;
  /** As TxParamSetupReq or the region sets it. */
  readonly maxEirpDbm: number;
  /** PingSlotChannelReq; absent: the region's own. 0 Hz gives the region's back. */
  readonly pingSlotFrequencyHz?: number;
  readonly pingSlotDataRate?: number;
  /** BeaconFreqReq; absent: the region's own. 0 Hz gives the region's back. */
  readonly beaconFrequencyHz?: number;
  /** ADRParamSetupReq (1.1): ADR_ACK_LIMIT and ADR_ACK_DELAY are 2^exponent uplinks. */
  readonly adrAckLimitExponent?: number;
  readonly adrAckDelayExponent?: number;
  /** RejoinParamSetupReq (1.1): a rejoin at least every 2^(exponent + 10) seconds or 2^(exponent + 4) uplinks. */
  readonly rejoinMaxTimeExponent?: number;
  readonly rejoinMaxCountExponent?: number;
}

/** What the device is asked to change to; members left out stay as they are. */
export type WantedMacParameters = Partial<MacParameters>;

/** Everything the MAC command layer keeps of a session. Serialisable as JSON. */
export interface MacState {
  readonly current: MacParameters;
  /**
   * Requests sent and not answered yet, in order, as CID and payload bytes, hex. Commands that stay together (a block of
   * LinkADRReq) are one entry.
   */
  readonly pending: readonly string[];
  /**
   * How often each request, by its bytes in hex, was refused or left unanswered; a request at `maxTries` is not sent
   * again in this session (C56), unless it is resting.
   */
  readonly failures: Readonly<Record<string, number>>;
  /**
   * Requests at `maxTries` for want of an answer, and after how many uplinks each is tried once more: the device may have
   * been out of reach, and an ABP session lasts for years. Each rest is twice the one before, up to 64 uplinks.
   */
  readonly resting?: Readonly<Record<string, number>>;
  /** Last DevStatusAns. */
  readonly deviceStatus?: { readonly battery: number; readonly marginDb: number; readonly atMs: number };
  /** When DevStatusReq went out last. */
  readonly deviceStatusRequestedAtMs?: number;
  /** CIDs of answers in the last uplink that the device repeats until a downlink arrives (C58). */
  readonly stickyAnswers?: readonly number[];
  /** Settings that LinkADRAns refused by its own bit; not asked for again in this session (C56). */
  readonly linkAdrRefusals?: LinkAdrRefusals;
  /** The device's back-off may have enabled channels and reset NbTrans unseen: the next LinkADRReq says them in full (C57). */
  readonly channelsUncertain?: boolean;
  /** PingSlotInfoReq: the device opens a ping slot every 2^periodicity seconds. */
  readonly pingSlotPeriodicity?: number;
  /** DeviceModeInd (1.1). */
  readonly deviceClass?: "A" | "C";
  /** ForceRejoinReq (1.1) to be sent until the device rejoins. */
  readonly forceRejoin?: ForceRejoinOrder;
}

export interface ForceRejoinOrder {
  /** 32 s times 2^period, and up to 32 s more, between repeats of the Rejoin-Request. */
  readonly period: number;
  readonly maxRetries: number;
  readonly rejoinType: 0 | 2;
  readonly dataRate: number;
}

export interface LinkAdrRefusals {
  readonly dataRates: readonly number[];
  readonly txPowerIndexes: readonly number[];
  /** Sets of channel numbers, ascending, joined by commas. */
  readonly enabledChannels: readonly string[];
}

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
}

/** What the device is asked to change to; members left out stay as they are. */
export type WantedMacParameters = Partial<MacParameters>;

/** Everything the MAC command layer keeps of a session. Serialisable as JSON. */
export interface MacState {
  readonly current: MacParameters;
  /** Requests sent in the last downlink and not answered yet, in order, as CID and payload bytes, hex. */
  readonly pending: readonly string[];
  /**
   * How often each request, by its bytes in hex, was refused or left unanswered; a request at `maxTries` is not sent
   * again in this session (C56).
   */
  readonly failures: Readonly<Record<string, number>>;
  /** Last DevStatusAns. */
  readonly deviceStatus?: { readonly battery: number; readonly marginDb: number; readonly atMs: number };
  /** When DevStatusReq went out last. */
  readonly deviceStatusRequestedAtMs?: number;
}

import type { WantedMacParameters } from "../../lorawan/mac/state.ts";
import type { Region } from "../../lorawan/region/region.ts";
import type { AdrSample } from "../session-record.ts";

/** What an ADR algorithm knows of a device whose uplinks have the ADR bit set. */
export interface AdrInput {
  readonly region: Region;
  readonly dataRate: number;
  readonly txPowerIndex: number;
  readonly nbTrans: number;
  /** Oldest first, under the present parameters only. */
  readonly history: readonly AdrSample[];
  /** Uplinks since the present parameters hold, by their counters, and how many of them were heard. */
  readonly sentCount: number;
  readonly heardCount: number;
  /**
   * From slow to fast, never empty: what the channels in use carry and the device profile allows, and the present data
   * rate where they carry that too.
   */
  readonly dataRates: readonly number[];
  readonly installationMarginDb: number;
  /** The device asks whether anyone hears it. */
  readonly adrAckReq: boolean;
}

export interface AdrDecision {
  readonly wanted: Required<Pick<WantedMacParameters, "dataRate" | "txPowerIndex" | "nbTrans">>;
  /** For people, why: for example "SNR max 7.2 dB over 20, margin 12.1 dB". */
  readonly reason: string;
  /** The algorithm failed, and nothing is to change. */
  readonly fault?: string;
}

export type AdrAlgorithm = (input: AdrInput) => AdrDecision;

/** Uplinks that a decision looks back on. */
export const adrHistoryLength = 20;

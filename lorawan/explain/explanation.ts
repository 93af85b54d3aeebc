import type { DevEui, JoinEui } from "../ids.ts";
import type { AesKey } from "../keys.ts";
import type { MacVersion } from "../version.ts";

/** Whatever keys there are. None of them, nor anything derived, appears in an explanation. */
export interface DecodeKeys {
  readonly appKey?: AesKey;
  readonly nwkKey?: AesKey;
  /** LoRaWAN 1.0: stands for the three network keys of 1.1. */
  readonly nwkSKey?: AesKey;
  readonly fNwkSIntKey?: AesKey;
  readonly sNwkSIntKey?: AesKey;
  readonly nwkSEncKey?: AesKey;
  readonly appSKey?: AesKey;
}

/** What the frame itself does not tell. */
export interface DecodeHints {
  readonly macVersion?: MacVersion;
  /** Bits 16 to 31 of the frame counter. */
  readonly fCntHigh?: number;
  /** LoRaWAN 1.1: counter of the frame that this one acknowledges, and data rate and channel of an uplink. */
  readonly confFCnt?: number;
  readonly txDr?: number;
  readonly txCh?: number;
  /** Join-Accepts of LoRaWAN 1.1: of the request that was answered. */
  readonly devEui?: DevEui;
  readonly joinEui?: JoinEui;
  readonly devNonce?: number;
}

export interface ExplainedField {
  /** As the specification spells it. */
  readonly name: string;
  readonly value: string | number | boolean;
  readonly note?: string;
}

export type MicVerdict =
  | { readonly kind: "fits"; readonly detail: string }
  /** LoRaWAN 1.1: the half of the MIC that could be checked. */
  | { readonly kind: "half fits"; readonly detail: string }
  | { readonly kind: "does not fit"; readonly detail: string }
  | { readonly kind: "not checked"; readonly detail: string };

export interface ExplainedCommand {
  readonly name: string;
  readonly cid: number;
  readonly fields: Readonly<Record<string, number | boolean | string>>;
}

export interface Explanation {
  /** Like `unconfirmed data uplink`. */
  readonly title: string;
  readonly bytes: number;
  readonly fields: readonly ExplainedField[];
  readonly mic: MicVerdict;
  /** All 32 bits, when the MIC gave them away. */
  readonly fCnt?: number;
  readonly commands?: readonly ExplainedCommand[];
  /** The application's payload in the clear. */
  readonly payload?: { readonly hex: string; readonly text?: string };
  readonly notes: readonly string[];
}

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

export const mhdrField = (bytes: Uint8Array, title: string): ExplainedField => ({
  name: "MHDR",
  value: hexOf(bytes.subarray(0, 1)),
  note: title,
});

export const micField = (mic: Uint8Array): ExplainedField => ({ name: "MIC", value: hexOf(mic) });

export const notChecked = (detail: string): MicVerdict => ({ kind: "not checked", detail });

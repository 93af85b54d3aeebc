import type { AesKey } from "../keys.ts";
import type { DataFrame } from "../phy/frame.ts";
import { verifyDownlinkMic, verifyUplinkMic, verifyUplinkMicForwarding } from "../phy/security.ts";
import { type DecodeHints, type MicVerdict, notChecked } from "./explanation.ts";

export interface MicKeys {
  readonly version11: boolean;
  readonly fNwkSIntKey: AesKey | undefined;
  readonly sNwkSIntKey: AesKey | undefined;
}

export interface MicCheck {
  readonly verdict: MicVerdict;
  /** All 32 bits of the counter that fits. */
  readonly fCnt?: number;
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const every16Bits = range(65_536);
/** Half a MIC has 16 bits: more tries than these would find something in any frame. */
const fewHighBits = range(256);
const dataRates = range(16);
/** The widest channel plans have 96. */
const channels = range(96);

const given = (value: number | undefined, others: readonly number[]): readonly number[] =>
  value === undefined ? others : [value];

const triedHighBits = (highs: readonly number[]): string =>
  highs.length === 1 ? `high bits of the counter ${highs[0]}` : `high bits of the counter 0 to ${highs.length - 1}`;

const misfit = (detail: string): MicCheck => ({ verdict: { kind: "does not fit", detail } });
const fitting = (fCnt: number, detail: string): MicCheck => ({
  verdict: { kind: "fits", detail: `${detail}, counter ${fCnt}` },
  fCnt,
});

function checkUplink10(bytes: Uint8Array, frame: DataFrame, key: AesKey, hints: DecodeHints): MicCheck {
  const highs = given(hints.fCntHigh, every16Bits);
  const context = { version11: false, fNwkSIntKey: key, sNwkSIntKey: key, confFCnt: 0, txDr: 0, txCh: 0 };
  for (const high of highs) {
    const fCnt = high * 65_536 + frame.fCnt16;
    if (verifyUplinkMic(bytes, frame, { ...context, fCnt })) return fitting(fCnt, "NwkSKey");
  }
  return misfit(`NwkSKey, ${triedHighBits(highs)}`);
}

/** The serving half of a 1.1 MIC: it also covers what only the gateway knows (TS001-1.1 4.4.2). */
function servingHalf(
  bytes: Uint8Array,
  frame: DataFrame,
  context: {
    readonly fCnt: number;
    readonly fNwkSIntKey: AesKey;
    readonly sNwkSIntKey: AesKey;
    readonly confFCnt: number;
  },
  hints: DecodeHints,
): string | undefined {
  for (const txDr of given(hints.txDr, dataRates)) {
    for (const txCh of given(hints.txCh, channels)) {
      if (verifyUplinkMic(bytes, frame, { version11: true, ...context, txDr, txCh })) {
        return `FNwkSIntKey and SNwkSIntKey, TxDr ${txDr}, TxCh ${txCh}`;
      }
    }
  }
  return undefined;
}

function checkUplink11(bytes: Uint8Array, frame: DataFrame, keys: MicKeys, hints: DecodeHints): MicCheck {
  const { fNwkSIntKey, sNwkSIntKey } = keys;
  if (fNwkSIntKey === undefined) return { verdict: notChecked("give --f-nwk-s-int-key to check it") };
  const highs = given(hints.fCntHigh, fewHighBits);
  const confFCnt = frame.ack ? hints.confFCnt : 0;
  let halfFits: number | undefined;
  for (const high of highs) {
    const fCnt = high * 65_536 + frame.fCnt16;
    if (!verifyUplinkMicForwarding(bytes, frame, { fCnt, fNwkSIntKey })) continue;
    halfFits ??= fCnt;
    if (sNwkSIntKey === undefined || confFCnt === undefined) break;
    const detail = servingHalf(bytes, frame, { fCnt, fNwkSIntKey, sNwkSIntKey, confFCnt }, hints);
    if (detail !== undefined) return fitting(fCnt, detail);
  }
  if (halfFits === undefined) return misfit(`FNwkSIntKey, ${triedHighBits(highs)}`);
  if (sNwkSIntKey !== undefined && confFCnt !== undefined) {
    return misfit("the half of FNwkSIntKey fits, that of SNwkSIntKey does not, whatever the data rate and channel");
  }
  const missing = sNwkSIntKey === undefined ? "--s-nwk-s-int-key" : "--conf-f-cnt, the counter that it acknowledges";
  const detail = `FNwkSIntKey, counter ${halfFits}; the other half needs ${missing}`;
  return { verdict: { kind: "half fits", detail }, fCnt: halfFits };
}

function checkDownlink(bytes: Uint8Array, frame: DataFrame, keys: MicKeys, hints: DecodeHints): MicCheck {
  const { version11, sNwkSIntKey } = keys;
  const name = version11 ? "SNwkSIntKey" : "NwkSKey";
  if (sNwkSIntKey === undefined) {
    return { verdict: notChecked(`give ${version11 ? "--s-nwk-s-int-key" : "--nwk-s-key"} to check it`) };
  }
  // Both halves unknown would be 2^32 tries: whoever does not know ConfFCnt is asked for the counter.
  const isConfUnknown = version11 && frame.ack && hints.confFCnt === undefined;
  const highs = given(hints.fCntHigh, isConfUnknown ? [0] : every16Bits);
  for (const high of highs) {
    const fCnt = high * 65_536 + frame.fCnt16;
    for (const confFCnt of isConfUnknown ? every16Bits : [hints.confFCnt ?? 0]) {
      if (!verifyDownlinkMic(bytes, frame, { version11, fCnt, sNwkSIntKey, confFCnt })) continue;
      return fitting(fCnt, isConfUnknown ? `${name}, acknowledges counter ${confFCnt}` : name);
    }
  }
  return misfit(`${name}, ${triedHighBits(highs)}`);
}

/** Whether the MIC fits the keys, trying what the frame and the caller do not tell. Takes a second at most. */
export function checkDataMic(bytes: Uint8Array, frame: DataFrame, keys: MicKeys, hints: DecodeHints): MicCheck {
  if (frame.direction === "down") return checkDownlink(bytes, frame, keys, hints);
  if (keys.version11) return checkUplink11(bytes, frame, keys, hints);
  if (keys.fNwkSIntKey === undefined) return { verdict: notChecked("give --nwk-s-key to check it") };
  return checkUplink10(bytes, frame, keys.fNwkSIntKey, hints);
}

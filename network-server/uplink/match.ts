import type { DataFrame } from "../../lorawan/phy/frame.ts";
import { verifyUplinkMic } from "../../lorawan/phy/security.ts";
import { isVersion11, type MacVersion } from "../../lorawan/version.ts";
import { counterLimit, type DeviceState, type Session } from "../session.ts";
import { sessionKey } from "../session-keys.ts";

interface SessionHolder<Device> {
  readonly device: Device;
  readonly state: DeviceState;
}

/** A device that is reachable under the frame's DevAddr, with the version of its document. */
export interface Candidate<Device> extends SessionHolder<Device> {
  /** The device may start again at 0 (C19). */
  readonly resetsFCnt: boolean;
}

export type SessionSlot = "active" | "joined";

/** What a data frame turned out to be. */
export type Verdict<Device> =
  | {
      readonly kind: "accepted";
      readonly device: Device;
      readonly slot: SessionSlot;
      readonly fCnt: number;
      readonly reset: boolean;
    }
  /** The same frame as the last accepted one, sent again (NbTrans, or an unanswered confirmed frame; C13). */
  | { readonly kind: "repeat"; readonly device: Device; readonly fCnt: number }
  /** Signed by the device, with a counter that has been used (C12). */
  | { readonly kind: "replay"; readonly device: Device; readonly fCnt: number }
  /** Signed by the device, which has begun again at a low counter without being allowed to (C19). */
  | { readonly kind: "counter-reset"; readonly device: Device; readonly fCnt: number }
  | { readonly kind: "bad-mic" }
  | { readonly kind: "unknown-device" };

export interface UplinkRadio {
  readonly dataRate: (session: Session) => number | undefined;
  readonly channel: (session: Session) => number | undefined;
}

/** TS001-1.0.3 4.3.1.5 and RP001: frames after a gap of more than this are dropped; 1.0.4 has no such rule (C17). */
const maxFCntGap = 16_384;
const hasGapRule = (version: MacVersion): boolean => version !== "1.0.4";

/**
 * Finds the device that signed this frame among those that share its DevAddr (C33). Pure: nothing is remembered.
 */
export function matchDataFrame<Device>(
  phyPayload: Uint8Array,
  frame: DataFrame,
  candidates: readonly Candidate<Device>[],
  radio: UplinkRadio,
): Verdict<Device> {
  if (candidates.length === 0) return { kind: "unknown-device" };
  const sessions = sessionsOf(candidates, frame);
  const isNew = findNew(phyPayload, frame, sessions, radio);
  if (isNew) return { kind: "accepted", ...isNew, reset: false };
  for (const entry of sessions) {
    const verdict = judgeOldCounter(phyPayload, frame, entry, radio);
    if (verdict) return verdict;
  }
  return { kind: "bad-mic" };
}

/** A frame under a counter that has not been used. */
export interface NewFrame<Device> {
  readonly device: Device;
  readonly slot: SessionSlot;
  readonly fCnt: number;
}

/** The first question of `matchDataFrame` alone. Pure. */
export const matchNewFrame = <Device>(
  phyPayload: Uint8Array,
  frame: DataFrame,
  candidates: readonly SessionHolder<Device>[],
  radio: UplinkRadio,
): NewFrame<Device> | undefined => findNew(phyPayload, frame, sessionsOf(candidates, frame), radio);

function findNew<Device>(
  phyPayload: Uint8Array,
  frame: DataFrame,
  sessions: readonly SessionEntry<SessionHolder<Device>>[],
  radio: UplinkRadio,
): NewFrame<Device> | undefined {
  const isOf = ({ acceptable, session, nextFCnt }: SessionEntry<SessionHolder<Device>>): boolean =>
    acceptable && signed(phyPayload, frame, session, nextFCnt, radio, session.confFCntDown);
  const [first] = sessions;
  if (!first) return undefined;
  // Mostly it is the likeliest of all, and the others need not be put in order.
  const likeliest = sessions.reduce((best, entry) => (likelier(entry, best) < 0 ? entry : best), first);
  const found = isOf(likeliest)
    ? likeliest
    : sessions.toSorted(likelier).find(entry => entry !== likeliest && isOf(entry));
  return found && { device: found.candidate.device, slot: found.slot, fCnt: found.nextFCnt };
}

/**
 * The smallest step of the counter comes first, and among those the device that has been silent for longest, since most
 * send at intervals: a hundred devices on one address then cost hardly more than one.
 */
const likelier = (left: SessionEntry<unknown>, right: SessionEntry<unknown>): number =>
  left.step - right.step || (left.session.lastUplinkAtMs ?? 0) - (right.session.lastUplinkAtMs ?? 0);

interface SessionEntry<Holder> {
  readonly candidate: Holder;
  readonly slot: SessionSlot;
  readonly session: Session;
  /** The 32-bit counter that the frame would carry if it is new. */
  readonly nextFCnt: number;
  readonly step: number;
  readonly acceptable: boolean;
}

const slots: readonly SessionSlot[] = ["active", "joined"];

function sessionsOf<Holder extends SessionHolder<unknown>>(
  candidates: readonly Holder[],
  frame: DataFrame,
): readonly SessionEntry<Holder>[] {
  const entries: SessionEntry<Holder>[] = [];
  for (const candidate of candidates) {
    for (const slot of slots) {
      const session = candidate.state[slot];
      if (session?.devAddr !== frame.devAddr) continue;
      const step = (frame.fCnt16 - session.fCntUp) & 0xffff;
      const nextFCnt = session.fCntUp + step;
      const gapAllowed = !hasGapRule(session.macVersion) || step <= maxFCntGap;
      entries.push({ candidate, slot, session, nextFCnt, step, acceptable: gapAllowed && nextFCnt < counterLimit });
    }
  }
  return entries;
}

function judgeOldCounter<Device>(
  phyPayload: Uint8Array,
  frame: DataFrame,
  entry: SessionEntry<Candidate<Device>>,
  radio: UplinkRadio,
): Verdict<Device> | undefined {
  const { session, candidate, slot } = entry;
  const { device } = candidate;
  const lastFCnt = session.fCntUp - 1;
  const olderFCnt = lastFCnt - ((lastFCnt - frame.fCnt16) & 0xffff);
  // The answer to the frame that is repeated may have been a confirmed downlink, which the device has not heard.
  const confFCnt = (olderFCnt === lastFCnt ? session.lastConfFCnt : undefined) ?? session.confFCntDown;
  if (olderFCnt >= 0 && signed(phyPayload, frame, session, olderFCnt, radio, confFCnt)) {
    // From 1.1 on a repeat on another channel has another MIC (TS001-1.1 4.4.1); before, it is the same to the byte.
    const sameFrame = isVersion11(session.macVersion) || session.lastMic === Buffer.from(frame.mic).toString("hex");
    if (olderFCnt === lastFCnt && sameFrame) return { kind: "repeat", device, fCnt: olderFCnt };
    if (olderFCnt > 0xffff) return { kind: "replay", device, fCnt: olderFCnt };
    return candidate.resetsFCnt
      ? { kind: "accepted", device, slot, fCnt: olderFCnt, reset: true }
      : { kind: olderFCnt === 0 ? "counter-reset" : "replay", device, fCnt: olderFCnt };
  }
  const restartedFCnt = frame.fCnt16;
  if (restartedFCnt < olderFCnt && signed(phyPayload, frame, session, restartedFCnt, radio, session.confFCntDown)) {
    return candidate.resetsFCnt
      ? { kind: "accepted", device, slot, fCnt: restartedFCnt, reset: true }
      : { kind: "counter-reset", device, fCnt: restartedFCnt };
  }
  return undefined;
}

function signed(
  phyPayload: Uint8Array,
  frame: DataFrame,
  session: Session,
  fCnt: number,
  radio: UplinkRadio,
  confFCnt: number,
): boolean {
  const version11 = isVersion11(session.macVersion);
  return verifyUplinkMic(phyPayload, frame, {
    version11,
    fCnt,
    fNwkSIntKey: sessionKey(session.fNwkSIntKey),
    sNwkSIntKey: sessionKey(session.sNwkSIntKey),
    confFCnt: frame.ack ? confFCnt : 0,
    txDr: version11 ? (radio.dataRate(session) ?? 0) : 0,
    txCh: version11 ? (radio.channel(session) ?? 0) : 0,
  });
}

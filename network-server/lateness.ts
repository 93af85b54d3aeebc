import type { GatewayId } from "../lorawan/ids.ts";
import type { Reception } from "./gateway/types.ts";

/**
 * Tells frames that a gateway held back, for an hour perhaps, from fresh ones, so that nothing is sent to a device that
 * listens no more (C74). Two things tell it:
 *
 * - the gateway's microsecond counter: time of arrival less counter, here the offset, is nearly the same for all fresh
 *   frames, and larger by the time that a frame was held. The least offset of the last while is what fresh means;
 * - its wall clock, where it has one that has been right.
 *
 * A gateway that starts again counts from 0: what may be that is not late. When frames agree on one other offset it is the
 * new one; frames from a store do not, since they come faster than they were heard. Frames held for about 2^32 us, 71.6 minutes, look fresh
 * where there is no wall clock.
 */
export interface LatenessJudge {
  /** The reception with `lateByUs`, and with a mark in `rxInfo` for applications when it is late. */
  judge(reception: Reception): Reception;
}

/** More than the jitter of any way over which a device can be answered in time. */
const lateAfterUs = 2_000_000;
/**
 * By the counter alone only what was held for longer than this is late. To take a fresh frame for a held one is to be silent
 * to a device that listens; the other way round costs a transmission that the gateway refuses. Counters of forwarders that
 * stand still, or go at a pace of their own, are no reason for silence.
 */
const leastHeldUs = 60_000_000;
/** What is late by a wall clock that has been right before, and may be a few seconds off. */
const lateByClockAfterUs = 5_000_000;
/** Forwarders on gateways whose clock was never set report the seventies. */
const clockNeverSetBeforeMs = Date.UTC(2015, 0, 1);
/** Offsets wander while nothing is heard: two crystals, 50 ppm each. */
const driftPerUs = 1e-4;
/** The least offset is that of one to two periods. */
const periodUs = 1_800_000_000;
/** So long must frames agree on another offset before it is the fresh one. */
const agreementUs = 5_000_000;
/** The same where the counter is too high to have begun at 0 since the last fresh frame. */
const oddAgreementUs = 600_000_000;
const wrapUs = 2 ** 32;
/** The boards of a gateway count on their own. */
const maxBoards = 8;

/** What fresh frames show. Offsets are modulo 2^32. */
interface Fresh {
  readonly periodStartUs: number;
  readonly leastUs: number;
  readonly leastBeforeUs: number;
  readonly firstAtUs: number;
  readonly lastAtUs: number;
  readonly lastCounterUs: number;
  /** The gateway's wall clock has agreed with the server's. */
  readonly clockIsRight: boolean;
}

interface Board {
  readonly fresh?: Fresh;
  /** An offset that is late by what is known, and may be that of a gateway that began again. */
  readonly other?: { readonly offsetUs: number; readonly sinceUs: number };
  /** Counter of the last frame that was held, until fresh ones come. */
  readonly lastHeldUs?: number;
}

export const isLate = (reception: Reception): boolean => (reception.lateByUs ?? 0) > lateAfterUs;

export function createLatenessJudge(): LatenessJudge {
  const boards = new Map<GatewayId, Board[]>();

  return {
    judge(reception) {
      const ofGateway = boards.get(reception.gatewayId) ?? [];
      boards.set(reception.gatewayId, ofGateway);
      const index = (reception.rxInfo.board ?? 0) % maxBoards;
      const judged = judgeOffset(ofGateway[index] ?? {}, reception);
      ofGateway[index] = judged.board;
      return withLateness(reception, judged.lateByUs);
    },
  };
}

function withLateness(reception: Reception, lateByUs: number): Reception {
  if (lateByUs <= lateAfterUs) return { ...reception, lateByUs };
  const { rxInfo } = reception;
  return { ...reception, lateByUs, rxInfo: { ...rxInfo, metadata: { ...rxInfo.metadata, late: "true" } } };
}

function judgeOffset(board: Board, reception: Reception): { readonly board: Board; readonly lateByUs: number } {
  const { fresh } = board;
  const nowUs = reception.receivedAtUs;
  const offsetUs = modulo(nowUs - reception.counterUs);
  const byClockUs = lateByClock(reception);
  const clockIsFresh = byClockUs !== undefined && byClockUs <= lateByClockAfterUs;
  const byCounterUs = fresh && signed(offsetUs - leastOf(fresh));
  if (fresh && byCounterUs !== undefined && Math.abs(byCounterUs) <= toleranceUs(fresh, nowUs)) {
    const lateByUs = Math.min(lateAfterUs, Math.max(0, byCounterUs));
    return { board: { fresh: learned(fresh, offsetUs, reception, clockIsFresh) }, lateByUs };
  }
  const begins = { board: { fresh: firstFresh(reception, clockIsFresh) }, lateByUs: 0 };
  if (clockIsFresh || !fresh || byCounterUs === undefined) return begins;
  const odd = { ...board, other: sameOther(board, offsetUs, nowUs) };
  if (byClockUs !== undefined && fresh.clockIsRight) {
    return { board: odd, lateByUs: byClockUs };
  }
  const heldUs = modulo(byCounterUs);
  const isOutOfStep = Math.min(heldUs, wrapUs - heldUs) < leastHeldUs;
  if (isOutOfStep || agrees(board, offsetUs, reception)) return begins;
  if (!wasHeld(fresh, reception) && !followsHeld(board, reception)) return { board: odd, lateByUs: 0 };
  return { board: { ...odd, lastHeldUs: reception.counterUs }, lateByUs: heldUs };
}

/** The counter says a time after the last fresh frame, and the gateway cannot have started since: it was held. */
function wasHeld(fresh: Fresh, { counterUs, receivedAtUs }: Reception): boolean {
  const elapsedUs = receivedAtUs - fresh.lastAtUs;
  const advancedUs = modulo(counterUs - fresh.lastCounterUs);
  return advancedUs > 0 && advancedUs <= elapsedUs && counterUs > elapsedUs + lateAfterUs;
}

/** The next one from the same store. */
const followsHeld = ({ lastHeldUs }: Board, { counterUs }: Reception): boolean =>
  lastHeldUs !== undefined && signed(counterUs - lastHeldUs) > 0;

/** How long ago the gateway's wall clock says the frame came; undefined where the clock is ahead or was never set. */
function lateByClock({ rxInfo, receivedAtMs }: Reception): number | undefined {
  const heardAtMs = rxInfo.gwTime === undefined ? Number.NaN : Date.parse(rxInfo.gwTime);
  const lateByUs = (receivedAtMs - heardAtMs) * 1000;
  return heardAtMs >= clockNeverSetBeforeMs && lateByUs >= -lateByClockAfterUs ? lateByUs : undefined;
}

const toleranceUs = (fresh: Fresh, nowUs: number): number => lateAfterUs + driftPerUs * (nowUs - fresh.lastAtUs);

const leastOf = ({ leastUs, leastBeforeUs }: Fresh): number =>
  signed(leastBeforeUs - leastUs) < 0 ? leastBeforeUs : leastUs;

function firstFresh({ receivedAtUs, counterUs }: Reception, clockIsRight: boolean): Fresh {
  const offsetUs = modulo(receivedAtUs - counterUs);
  return {
    periodStartUs: receivedAtUs,
    leastUs: offsetUs,
    leastBeforeUs: offsetUs,
    firstAtUs: receivedAtUs,
    lastAtUs: receivedAtUs,
    lastCounterUs: counterUs,
    clockIsRight,
  };
}

function learned(fresh: Fresh, offsetUs: number, reception: Reception, clockIsFresh: boolean): Fresh {
  const { receivedAtUs: nowUs, counterUs: lastCounterUs } = reception;
  const next = { ...fresh, lastAtUs: nowUs, lastCounterUs, clockIsRight: fresh.clockIsRight || clockIsFresh };
  if (nowUs - fresh.periodStartUs > periodUs) {
    return { ...next, periodStartUs: nowUs, leastBeforeUs: fresh.leastUs, leastUs: offsetUs };
  }
  return signed(offsetUs - fresh.leastUs) < 0 ? { ...next, leastUs: offsetUs } : next;
}

/** True when frames have agreed on this other offset for long enough. */
function agrees({ fresh, other }: Board, offsetUs: number, { counterUs, receivedAtUs }: Reception): boolean {
  if (!other || Math.abs(signed(offsetUs - other.offsetUs)) > lateAfterUs) return false;
  const isKnownWell = fresh !== undefined && fresh.lastAtUs - fresh.firstAtUs >= agreementUs;
  const mayHaveBegunAgain = !isKnownWell || counterUs <= receivedAtUs - fresh.lastAtUs + lateAfterUs;
  return receivedAtUs - other.sinceUs >= (mayHaveBegunAgain ? agreementUs : oddAgreementUs);
}

const sameOther = ({ other }: Board, offsetUs: number, nowUs: number): NonNullable<Board["other"]> =>
  other && Math.abs(signed(offsetUs - other.offsetUs)) <= lateAfterUs ? other : { offsetUs, sinceUs: nowUs };

const modulo = (timeUs: number): number => ((timeUs % wrapUs) + wrapUs) % wrapUs;

/** The shorter way round. */
function signed(differenceUs: number): number {
  const forward = modulo(differenceUs);
  return forward < wrapUs / 2 ? forward : forward - wrapUs;
}

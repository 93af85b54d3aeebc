import { beaconPeriodMs } from "../../lorawan/class-b.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { DeviceClass } from "../../platform/state/network-event.ts";
import type { QueueEntry } from "../../platform/state/store.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import type { DeviceState, Session } from "../session.ts";
import type { OpenUplink } from "../session-record.ts";
import { isChangingPingSlots, type PingWindow, pingWindowAfter } from "./class-b.ts";
import { classCWindow, isChangingRx2 } from "./class-c.ts";
import { deviceClassOf } from "./device-class.ts";
import { longestTryMs } from "./immediate.ts";
import type { PlannedDownlink } from "./plan.ts";
import { decodeQueueItem } from "./queue.ts";
import type { ReceiveWindow } from "./windows.ts";

/** After this long without an outcome a frame's process died, and the frame is taken for lost. */
export const underWayMs = Math.max(longestTryMs + 5_000, 25_000);
/** Between the end of a frame and the next: what the server may be wrong about the one, and the device needs for it. */
const gapMs = 300;
/** For a device to notice a preamble in its last window, and for the way of the uplink from the gateway. */
const windowMarginMs = 300;
/** A time further ahead comes from a clock that was set back since. */
const longestQuietMs = 60_000;
/** The same for a frame that waits for its ping slot: two slots are less than two beacon periods apart. */
const longestAheadMs = 2 * beaconPeriodMs;
/** Between two looks at an answer of class A whose outcome is not there when its windows are over. */
const outcomeWaitMs = 2_000;
const mostGateways = 4;

export interface UplinkTraces {
  /** When the device began to send it. */
  readonly startedAtMs: number;
  readonly receivedAtMs: number;
  /** Copies that came in time; none when the uplink was late altogether. */
  readonly receptions: OpenUplink["receptions"];
  /** What answers it. */
  readonly downlink: PlannedDownlink | undefined;
  readonly profile: DeviceProfileConfig;
  /** The session that waits for its first uplink. */
  readonly joined: Session | undefined;
  /** Something waits, or is in the answer. */
  readonly hasQueue: boolean;
}

/** The session with what class B and C must know of an uplink that has just been answered: who heard it, and when its windows are over. */
export function afterUplink(session: Session, traces: UplinkTraces): Session {
  if (deviceClassOf(session, traces.profile) === "A") return withoutTraces(session);
  const { receptions, joined, downlink } = traces;
  const { onAirUntilMs = 0 } = session.pacing ?? {};
  const isOnAir = traces.receivedAtMs < onAirUntilMs;
  const endMs = windowsEndMs(session, traces.receivedAtMs, downlink);
  const quietUntilMs = isOnAir ? Math.max(endMs, afterFrameMs(onAirUntilMs)) : endMs;
  const heardBy = receptions.length > 0 ? strongest(receptions) : session.heardBy;
  return {
    ...session,
    ...(heardBy && { heardBy }),
    pacing: {
      quietUntilMs,
      uplink: sinceFrame(session, traces.startedAtMs, endMs),
      ...(isOnAir && { onAirUntilMs }),
      ...(traces.hasQueue && { wakeAtMs: quietUntilMs }),
      ...(joined && { heardSinceJoin: joined.devAddr }),
    },
  };
}

function withoutTraces(session: Session): Session {
  if (session.pacing === undefined && session.heardBy === undefined && session.classB === undefined) return session;
  const { pacing: _, heardBy: __, classB: ___, ...rest } = session;
  return rest;
}

/** A repeat of the last uplink opens windows again, which the device is left alone in (C51). */
export function afterRepeat(
  session: Session,
  { startedAtMs, receivedAtMs }: Pick<UplinkTraces, "startedAtMs" | "receivedAtMs">,
  answer: PlannedDownlink | undefined,
): Session {
  if (!session.pacing) return session;
  const endMs = windowsEndMs(session, receivedAtMs, answer);
  const uplink = sinceFrame(session, startedAtMs, endMs);
  return { ...session, pacing: { ...session.pacing, quietUntilMs: endMs, uplink } };
}

/** When the windows after an uplink are over, the frame that may come in one of them included. */
function windowsEndMs(session: Session, receivedAtMs: number, downlink: PlannedDownlink | undefined): number {
  const lastOpensUs = (session.mac.current.rx1DelaySeconds + 1) * 1_000_000;
  const frames = (downlink?.windows ?? []).map(
    window => window.delayUs + airtimeUs(window.modulation, downlink?.phyPayload.length ?? 0, { crc: false }),
  );
  return receivedAtMs + Math.ceil(Math.max(lastOpensUs, ...frames) / 1000) + windowMarginMs;
}

/**
 * The windows after an uplink that an answer may go in: a class B frame that a gateway already has carries an earlier
 * counter, so that nothing may leave before it (C20).
 */
export function windowsInOrder(
  { pacing }: Session,
  windows: readonly ReceiveWindow[],
  receivedAtMs: number,
): readonly ReceiveWindow[] {
  const onAirUntilMs = pacing?.onAirUntilMs ?? 0;
  const isNear = onAirUntilMs < receivedAtMs + longestQuietMs;
  return isNear
    ? windows.filter(({ delayUs }) => receivedAtMs + delayUs / 1000 - windowMarginMs >= onAirUntilMs)
    : windows;
}

export const ackTimes = (endsAtMs: number, profile: DeviceProfileConfig, deviceClass: DeviceClass) => ({
  endsAtMs,
  timeoutAtMs: endsAtMs + 1000 * (deviceClass === "B" ? profile.classBTimeoutSeconds : profile.classCTimeoutSeconds),
});

/** The session while a frame of so many bytes waits for this ping slot; `isHandedOver` once gateways may have it. */
export function inPingSlot(
  session: Session,
  ping: PingWindow,
  bytes: number,
  profile: DeviceProfileConfig,
  isHandedOver: boolean,
): Session {
  const endsAtMs = ping.startsAtMs + Math.ceil(airtimeUs(ping.window.modulation, bytes, { crc: false }) / 1000);
  const times = ackTimes(endsAtMs, profile, "B");
  const { awaitedAck, pacing } = session;
  const { onAirUntilMs: _, ...rest } = pacing ?? {};
  return {
    ...session,
    ...(awaitedAck && { awaitedAck: { ...awaitedAck, ...times } }),
    pacing: {
      ...rest,
      quietUntilMs: afterFrameMs(endsAtMs),
      ...(isHandedOver && { onAirUntilMs: endsAtMs }),
      wakeAtMs: awaitedAck ? times.timeoutAtMs : endsAtMs + underWayMs,
    },
  };
}

/** When the next frame may follow one that ends then. */
export const afterFrameMs = (endsAtMs: number): number => endsAtMs + gapMs;

/** What the server may be wrong about when an uplink began. */
const uplinkMarginMs = 50;

/**
 * Whether a device could not hear a frame in a ping slot, because it was sending an uplink or had its windows open. An uplink
 * seems to begin later than it did, by its way to the server; one that begins with the frame's end has waited for that.
 */
export function isMissed({ pacing }: Session, startsAtMs: number, endsAtMs: number): boolean {
  if (!pacing?.uplink) return false;
  const marginMs = Math.min(uplinkMarginMs, (endsAtMs - startsAtMs) / 2);
  return pacing.uplink.fromMs < endsAtMs - marginMs && startsAtMs < pacing.uplink.untilMs;
}

/** What is known of uplinks since a frame was sent last, with one more. */
const sinceFrame = ({ pacing }: Session, fromMs: number, untilMs: number) => ({
  fromMs: Math.min(fromMs, pacing?.uplink?.fromMs ?? fromMs),
  untilMs,
});

function strongest(receptions: OpenUplink["receptions"]): NonNullable<Session["heardBy"]> {
  const best = new Map<string, NonNullable<Session["heardBy"]>[number]>();
  for (const { rxInfo, snrDb } of receptions) {
    const known = best.get(rxInfo.gatewayId);
    const hasGpsTime = rxInfo.timeSinceGpsEpoch !== undefined;
    const link = { gatewayId: rxInfo.gatewayId, snrDb, rssiDbm: rxInfo.rssi ?? 0, ...(hasGpsTime && { hasGpsTime }) };
    if (!known || snrDb > known.snrDb) best.set(rxInfo.gatewayId, link);
  }
  return [...best.values()]
    .sort((left, right) => right.snrDb - left.snrDb || right.rssiDbm - left.rssiDbm)
    .slice(0, mostGateways);
}

/** What of the queue of a class B or C device an answer to its uplink may carry. */
export interface AnswerableQueue {
  readonly queue: readonly QueueEntry[];
  /** Something waits that the answer must not carry. */
  readonly moreWaits: boolean;
}

/**
 * While the first item is on its way or waits for its acknowledgement, nothing may overtake it (C20). Confirmed items
 * never go with an answer: an answer has no time-out, and until the next uplink no other confirmed frame might follow.
 */
export function answerableQueue(session: Session, queue: readonly QueueEntry[], nowMs: number): AnswerableQueue {
  if (session.awaitedAck || isUnderWay(queue, nowMs)) return { queue: [], moreWaits: queue.length > 1 };
  const confirmedAt = queue.findIndex(({ value }) => decodeQueueItem(value)?.confirmed);
  return confirmedAt < 0 ? { queue, moreWaits: false } : { queue: queue.slice(0, confirmedAt), moreWaits: true };
}

/** True for an unconfirmed item that was sent not long ago, or is to be in a ping slot: it leaves the queue with the outcome. */
function isUnderWay(queue: readonly QueueEntry[], nowMs: number): boolean {
  const first = queue[0] && decodeQueueItem(queue[0].value);
  if (!first?.sent || first.confirmed) return false;
  return first.sent.atMs <= nowMs + longestAheadMs && nowMs < first.sent.atMs + underWayMs;
}

/** What a device of class B or C needs next. */
export type Turn =
  | { readonly kind: "nothing" }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "timed-out" }
  | { readonly kind: "send"; readonly session: Session; readonly target: Target };

/** Where a frame goes that answers no uplink. */
export type Target =
  | { readonly deviceClass: "B"; readonly ping: PingWindow }
  | { readonly deviceClass: "C"; readonly window: ReceiveWindow };

/**
 * Pure.
 * @param leadMs how long before its ping slot a frame is handed to a gateway; those in less than half of it are let pass.
 */
export function nextTurn(
  { active, joined, open }: DeviceState,
  queue: readonly QueueEntry[],
  profile: DeviceProfileConfig,
  nowMs: number,
  leadMs: number,
): Turn {
  const deviceClass = active ? deviceClassOf(active, profile) : "A";
  // An uplink that waits for more copies takes the item itself, and looks at what is left.
  if (!active || open || deviceClass === "A") return { kind: "nothing" };
  const { awaitedAck, pacing, heardBy } = active;
  if (awaitedAck) {
    const untilMs = awaitedAck.timeoutAtMs;
    // It was sent while the device was of class A, where only an uplink ends the waiting.
    if (untilMs === undefined) return { kind: "nothing" };
    return nowMs < untilMs ? { kind: "wait", untilMs } : { kind: "timed-out" };
  }
  if (queue.length === 0 || !heardBy?.length) return { kind: "nothing" };
  // The device has joined again, as far as anyone knows: its first uplink will say under which keys it listens (C31).
  if (joined && pacing?.heardSinceJoin !== joined.devAddr) return { kind: "nothing" };
  const quietUntilMs = pacing?.quietUntilMs ?? 0;
  if (nowMs < quietUntilMs && quietUntilMs < nowMs + longestQuietMs) return { kind: "wait", untilMs: quietUntilMs };
  if (isUnderWay(queue, nowMs)) return { kind: "wait", untilMs: nowMs + outcomeWaitMs };
  return deviceClass === "B" ? turnOfClassB(active, profile, nowMs, leadMs) : turnOfClassC(active);
}

function turnOfClassC(session: Session): Turn {
  const window = isChangingRx2(session) ? undefined : classCWindow(session);
  return window ? { kind: "send", session, target: { deviceClass: "C", window } } : { kind: "nothing" };
}

function turnOfClassB(session: Session, profile: DeviceProfileConfig, nowMs: number, leadMs: number): Turn {
  const ping = isChangingPingSlots(session) ? undefined : pingWindowAfter(session, profile, nowMs + leadMs / 2);
  if (!ping) return { kind: "nothing" };
  const handOverAtMs = ping.startsAtMs - leadMs;
  return nowMs < handOverAtMs
    ? { kind: "wait", untilMs: handOverAtMs }
    : { kind: "send", session, target: { deviceClass: "B", ping } };
}

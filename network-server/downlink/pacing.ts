import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { QueueEntry } from "../../platform/state/store.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import { type DeviceState, regionOfSession, type Session } from "../session.ts";
import type { OpenUplink } from "../session-record.ts";
import { longestTryMs } from "./immediate.ts";
import type { PlannedDownlink } from "./plan.ts";
import { decodeQueueItem } from "./queue.ts";
import { dataWindows, type ReceiveWindow } from "./windows.ts";

/** TS001-1.0.4 15: the profile says it. TS001-1.1 5.13: the device says it with DeviceModeInd. */
export const isClassC = (session: Session, profile: DeviceProfileConfig): boolean =>
  isVersion11(session.macVersion) ? session.mac.deviceClass === "C" : profile.supportsClassC;

/** What a class C device listens to whenever it neither sends nor has RX1 open: the parameters of RX2 (C51). */
export function classCWindow(session: Session): ReceiveWindow | undefined {
  const { current } = session.mac;
  const uplink = { frequencyHz: current.rx2FrequencyHz, dataRate: current.dataRate };
  return dataWindows(regionOfSession(session), current, uplink).find(window => window.name === "RX2");
}

/** After this long without an outcome a frame's process died, and the frame is taken for lost. */
export const underWayMs = Math.max(longestTryMs + 5_000, 25_000);
/** Between the end of a frame and the next: what the server may be wrong about the one, and the device needs for it. */
const gapMs = 300;
/** For a device to notice a preamble in its last window, and for the way of the uplink from the gateway. */
const windowMarginMs = 300;
/** A time further ahead comes from a clock that was set back since. */
const longestQuietMs = 60_000;
/** Between two looks at an answer of class A whose outcome is not there when its windows are over. */
const outcomeWaitMs = 2_000;
const mostGateways = 4;

export interface UplinkTraces {
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

/** The session with what class C must know of an uplink that has just been answered: who heard it, and when its windows are over. */
export function afterUplink(session: Session, traces: UplinkTraces): Session {
  if (!isClassC(session, traces.profile)) return withoutTraces(session);
  const { receptions, joined, downlink } = traces;
  const quietUntilMs = windowsEndMs(session, traces.receivedAtMs, downlink);
  const heardBy = receptions.length > 0 ? strongest(receptions) : session.heardBy;
  return {
    ...session,
    ...(heardBy && { heardBy }),
    pacing: {
      quietUntilMs,
      ...(traces.hasQueue && { wakeAtMs: quietUntilMs }),
      ...(joined && { heardSinceJoin: joined.devAddr }),
    },
  };
}

function withoutTraces(session: Session): Session {
  if (session.pacing === undefined && session.heardBy === undefined) return session;
  const { pacing: _, heardBy: __, ...rest } = session;
  return rest;
}

/** When the windows after an uplink are over, the frame that may come in one of them included. */
export function windowsEndMs(session: Session, receivedAtMs: number, downlink: PlannedDownlink | undefined): number {
  const lastOpensUs = (session.mac.current.rx1DelaySeconds + 1) * 1_000_000;
  const frames = (downlink?.windows ?? []).map(
    window => window.delayUs + airtimeUs(window.modulation, downlink?.phyPayload.length ?? 0, { crc: false }),
  );
  return receivedAtMs + Math.ceil(Math.max(lastOpensUs, ...frames) / 1000) + windowMarginMs;
}

export const ackTimes = (endsAtMs: number, profile: DeviceProfileConfig) => ({
  endsAtMs,
  timeoutAtMs: endsAtMs + profile.classCTimeoutSeconds * 1000,
});

/** When the next frame may follow one that ends then. */
export const afterFrameMs = (endsAtMs: number): number => endsAtMs + gapMs;

function strongest(receptions: OpenUplink["receptions"]): NonNullable<Session["heardBy"]> {
  const best = new Map<string, NonNullable<Session["heardBy"]>[number]>();
  for (const { rxInfo, snrDb } of receptions) {
    const known = best.get(rxInfo.gatewayId);
    const link = { gatewayId: rxInfo.gatewayId, snrDb, rssiDbm: rxInfo.rssi ?? 0 };
    if (!known || snrDb > known.snrDb) best.set(rxInfo.gatewayId, link);
  }
  return [...best.values()]
    .sort((left, right) => right.snrDb - left.snrDb || right.rssiDbm - left.rssiDbm)
    .slice(0, mostGateways);
}

/** What of a class C device's queue an answer to its uplink may carry. */
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

/** True for an unconfirmed item that was sent not long ago: it leaves the queue with the outcome. */
function isUnderWay(queue: readonly QueueEntry[], nowMs: number): boolean {
  const first = queue[0] && decodeQueueItem(queue[0].value);
  if (!first?.sent || first.confirmed) return false;
  return first.sent.atMs <= nowMs && nowMs < first.sent.atMs + underWayMs;
}

const rxParamSetupReq = "05";

/** RXParamSetupReq is on its way: until the device has answered it, nobody knows where it listens. */
const isChangingRx2 = ({ mac }: Session): boolean => mac.pending.some(command => command.startsWith(rxParamSetupReq));

/** What a class C device needs next. */
export type Turn =
  | { readonly kind: "nothing" }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "timed-out" }
  | { readonly kind: "send"; readonly session: Session; readonly window: ReceiveWindow };

/** Pure. */
export function nextTurn(
  { active, joined, open }: DeviceState,
  queue: readonly QueueEntry[],
  profile: DeviceProfileConfig,
  nowMs: number,
): Turn {
  // An uplink that waits for more copies takes the item itself, and looks at what is left.
  if (!active || open || !isClassC(active, profile)) return { kind: "nothing" };
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
  if (isChangingRx2(active)) return { kind: "nothing" };
  const quietUntilMs = pacing?.quietUntilMs ?? 0;
  if (nowMs < quietUntilMs && quietUntilMs < nowMs + longestQuietMs) return { kind: "wait", untilMs: quietUntilMs };
  if (isUnderWay(queue, nowMs)) return { kind: "wait", untilMs: nowMs + outcomeWaitMs };
  const window = classCWindow(active);
  return window ? { kind: "send", session: active, window } : { kind: "nothing" };
}

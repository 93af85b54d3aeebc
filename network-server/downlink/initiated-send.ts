import type { GatewayId } from "../../lorawan/ids.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { NetworkEvent, TxInfo } from "../../platform/state/network-event.ts";
import type { NetworkContext } from "../context.ts";
import { type DeviceChange, loadDevice, updateDevice } from "../device-documents.ts";
import { originOf } from "../event-origin.ts";
import { type EventOrigin, failureContext, logEvent, txAckEvent } from "../events.ts";
import type { DownlinkFacts } from "../frame-trace.ts";
import type { DeviceConfig } from "../ports.ts";
import { type LoadedDevice, regionOfSession, type Session } from "../session.ts";
import { type PingWindow, pingWindowAfter } from "./class-b.ts";
import { immediateFacts } from "./immediate.ts";
import { ackTimes, afterFrameMs, inPingSlot, isMissed, type Target } from "./pacing.ts";
import { type PingGateway, pingFacts } from "./ping-slots.ts";
import { frameOverhead, type PlannedDownlink } from "./plan.ts";
import { encodeQueueItem } from "./queue.ts";
import { retryDelayMs } from "./retry-delay.ts";
import { sentItem } from "./send.ts";
import type { ReceiveWindow } from "./windows.ts";

/** Each try costs a counter. */
const longestRetryMs = 300_000;
/** For an uplink to arrive from its gateway. */
const uplinkWayMs = 500;

/** A frame whose counter is durable. */
interface Sending {
  readonly device: DeviceConfig;
  readonly downlink: PlannedDownlink;
  readonly downlinkId: number;
  readonly target: Target;
}

type Outcome =
  | {
      readonly kind: "sent";
      readonly gatewayId: GatewayId;
      readonly txInfo: TxInfo;
      /** Of a ping slot. */
      readonly startsAtMs?: number;
      readonly endsAtMs: number;
    }
  | {
      readonly kind: "failed";
      readonly attempts: readonly { readonly gatewayId: GatewayId; readonly reason: string }[];
      /** Each of them, for people. */
      readonly tried: readonly string[];
    }
  | { readonly kind: "withdrawn" };

/** Hands a frame whose counter is durable to the gateways and records what became of it. */
export function sendInitiated(
  context: NetworkContext,
  device: DeviceConfig,
  downlink: PlannedDownlink,
  target: Target,
): void {
  const downlinkId = Buffer.from(context.randomBytes(4)).readUInt32BE(0);
  const sending = { device, downlink, downlinkId, target };
  context.background(async () => {
    const outcome =
      target.deviceClass === "B"
        ? await sendInPingSlot(context, sending, target.ping)
        : await sendAtOnce(context, sending, target.window);
    context.metrics.downlinks.inc({ result: outcome.kind });
    await context.devices.run(device.devEui, () => settle(context, sending, outcome));
  });
}

/** For whoever looks into the radio traffic. */
function trace(
  { trace }: NetworkContext,
  { device, downlink, downlinkId }: Sending,
  facts: Pick<DownlinkFacts, "outcome" | "attempts" | "txInfo">,
): void {
  const { phyPayload, session, fCntDown, item } = downlink;
  const frame = { phyPayload, devAddr: session.devAddr, fCnt: fCntDown, queueItemId: item?.id };
  trace.downlink({ device, downlinkId, ...frame, ...facts });
}

async function sendAtOnce(context: NetworkContext, sending: Sending, channel: ReceiveWindow): Promise<Outcome> {
  const { device, downlink, downlinkId } = sending;
  const { phyPayload, session } = downlink;
  const outcome = await context.immediate.send({
    downlinkId,
    phyPayload,
    channel,
    gateways: linksOf(session),
    stillDue: async () => isNewest((await loadDevice(context, device.devEui)).state.active, session),
  });
  trace(context, sending, immediateFacts(outcome));
  if (outcome.kind === "sent") return { ...outcome, endsAtMs: context.clock.nowMs() + Math.ceil(outcome.endsInMs) };
  if (outcome.kind === "withdrawn") return outcome;
  const { attempts } = outcome;
  return { kind: "failed", attempts, tried: attempts.map(({ gatewayId, reason }) => `${gatewayId}: ${reason}`) };
}

/** Over only once an uplink of the same time would have arrived, which keeps the device from hearing the frame. */
async function sendInPingSlot(context: NetworkContext, sending: Sending, first: PingWindow): Promise<Outcome> {
  const { device, downlink, downlinkId } = sending;
  const { phyPayload, session } = downlink;
  const { devEui, profile } = device;
  const outcome = await context.pings.send({
    downlinkId,
    phyPayload,
    gateways: linksOf(session),
    first,
    next: ({ startsAtMs }) => pingWindowAfter(session, profile, startsAtMs),
    async take(ping, step) {
      const taken = await updateDevice(context, devEui, ({ state }) => {
        const { active } = state;
        if (!active || !isNewest(active, session)) return undefined;
        return {
          state: { ...state, active: inPingSlot(active, ping, phyPayload.length, profile, step === "handed-over") },
          queue: sentItem(downlink, ping.startsAtMs),
        };
      });
      return taken !== undefined;
    },
  });
  trace(context, sending, pingFacts(outcome));
  if (outcome.kind === "withdrawn") return outcome;
  if (outcome.kind === "failed") {
    const tried = outcome.attempts.map(({ gatewayId, gpsTimeMs, reason }) => `${gatewayId} at ${gpsTimeMs}: ${reason}`);
    return { kind: "failed", attempts: outcome.attempts, tried };
  }
  const { gatewayId, txInfo, ping } = outcome;
  const { startsAtMs } = ping;
  const airtimeMs = airtimeUs(ping.window.modulation, phyPayload.length, { crc: false }) / 1000;
  const endsAtMs = Math.ceil(startsAtMs + airtimeMs);
  await context.pings.wait(endsAtMs + longestUplinkMs(session) + uplinkWayMs - context.clock.nowMs());
  return { kind: "sent", gatewayId, txInfo, startsAtMs, endsAtMs };
}

/** At the data rate that the device was heard with last. */
function longestUplinkMs(session: Session): number {
  const region = regionOfSession(session);
  const { lastDataRate = 0, mac } = session;
  const modulation = region.uplinkDataRates[lastDataRate];
  const limits = { direction: "up", dwellTime: mac.current.uplinkDwellTime, repeater: false } as const;
  const bytes = region.maxPayload(lastDataRate, limits) + frameOverhead;
  return modulation ? airtimeUs(modulation, bytes, { crc: true }) / 1000 : 0;
}

function linksOf(session: Session): readonly PingGateway[] {
  const modulation = regionOfSession(session).uplinkDataRates[session.lastDataRate ?? 0];
  return modulation ? (session.heardBy ?? []).map(link => ({ ...link, modulation })) : [];
}

/** Nothing was heard from the device and nothing sent to it since this state of its session. */
const isNewest = (now: Session | undefined, then: Session): boolean =>
  now?.devAddr === then.devAddr &&
  now.fCntUp === then.fCntUp &&
  now.nFCntDown === then.nFCntDown &&
  now.aFCntDown === then.aFCntDown;

/** The item leaves the queue, waits for its acknowledgement, or goes back to waiting (C41). */
async function settle(context: NetworkContext, sending: Sending, outcome: Outcome): Promise<void> {
  const { device, downlink } = sending;
  const origin = originOf(context, device, downlink.session);
  const settled = await updateDevice(context, device.devEui, async loaded => {
    const result = withoutMissed(loaded, downlink, outcome);
    const waiting = (await context.store.queue(device.devEui)).length;
    const hasMore = waiting > (downlink.item?.confirmed || result.kind !== "sent" ? 0 : 1);
    return {
      state: stateAfter(loaded, sending, result, origin.atMs, hasMore),
      events: eventsOf(origin, sending, result),
      queue: queueChanges(downlink, result),
    };
  });
  const wakeAtMs = settled?.state.active?.pacing?.wakeAtMs;
  if (wakeAtMs !== undefined) context.alarms.set(device.devEui, wakeAtMs);
}

/** TS001-1.0.4 9: class A windows go before ping slots. What a device could not hear is sent again. */
function withoutMissed({ state }: LoadedDevice, { session }: PlannedDownlink, outcome: Outcome): Outcome {
  const { active } = state;
  if (outcome.kind !== "sent" || outcome.startsAtMs === undefined || active?.devAddr !== session.devAddr)
    return outcome;
  return isMissed(active, outcome.startsAtMs, outcome.endsAtMs) ? { kind: "withdrawn" } : outcome;
}

function eventsOf(origin: EventOrigin, sending: Sending, outcome: Outcome): readonly NetworkEvent[] {
  const { downlink, downlinkId, target } = sending;
  switch (outcome.kind) {
    case "sent": {
      const { gatewayId, txInfo } = outcome;
      const { item, fCntDown } = downlink;
      return [txAckEvent(origin, downlinkId, item?.id, fCntDown, { reception: { gatewayId }, txInfo })];
    }
    case "failed": {
      const tried = outcome.tried.join("; ");
      const text = `No gateway took the class ${target.deviceClass} downlink${tried && ` (${tried})`}; it is tried again`;
      return [logEvent(origin, "ERROR", "DOWNLINK_GATEWAY", text, failureContext(downlinkId, outcome.attempts))];
    }
    case "withdrawn":
      return [];
  }
}

function queueChanges({ item }: PlannedDownlink, outcome: Outcome): NonNullable<DeviceChange["queue"]> {
  if (!item) return [];
  if (outcome.kind !== "sent") return [{ kind: "replace", id: item.id, value: encodeQueueItem(item) }];
  return item.confirmed ? [] : [{ kind: "remove", id: item.id }];
}

function stateAfter(
  { state }: LoadedDevice,
  { device, downlink, target }: Sending,
  outcome: Outcome,
  nowMs: number,
  hasMore: boolean,
): LoadedDevice["state"] {
  const { active } = state;
  if (!active || active.devAddr !== downlink.session.devAddr) return state;
  // An uplink meanwhile knows better when its windows are over than the time that stood for this frame.
  const othersMs = active.pacing?.uplink ? (active.pacing.quietUntilMs ?? 0) : 0;
  const isAwaited = active.awaitedAck?.fCntDown === downlink.fCntDown;
  if (outcome.kind !== "sent") {
    return { ...state, active: afterFailure(active, outcome.kind === "failed", isAwaited, othersMs, nowMs) };
  }
  const { endsAtMs } = outcome;
  const times = isAwaited ? ackTimes(endsAtMs, device.profile, target.deviceClass) : undefined;
  const quietUntilMs = Math.max(othersMs, afterFrameMs(endsAtMs));
  const wakeAtMs = times ? times.timeoutAtMs : hasMore ? quietUntilMs : undefined;
  const { wakeAtMs: _, failures: __, onAirUntilMs: ___, ...pacing } = active.pacing ?? {};
  return {
    ...state,
    active: {
      ...active,
      ...(active.classB && { classB: {} }),
      ...(times && active.awaitedAck && { awaitedAck: { ...active.awaitedAck, ...times } }),
      pacing: { ...pacing, quietUntilMs, ...(wakeAtMs !== undefined && { wakeAtMs }) },
    },
  };
}

function afterFailure(active: Session, isFault: boolean, isAwaited: boolean, othersMs: number, nowMs: number): Session {
  const { awaitedAck, ...session } = active;
  const { onAirUntilMs: _, ...pacing } = active.pacing ?? {};
  const failures = (pacing.failures ?? 0) + (isFault ? 1 : 0);
  const retryAtMs = nowMs + (isFault ? retryDelayMs(failures, longestRetryMs) : 0);
  return {
    ...session,
    ...(awaitedAck && !isAwaited && { awaitedAck }),
    pacing: { ...pacing, failures, quietUntilMs: othersMs, wakeAtMs: Math.max(retryAtMs, othersMs) },
  };
}

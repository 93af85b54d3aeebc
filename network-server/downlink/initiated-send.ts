import type { NetworkEvent } from "../../platform/state/network-event.ts";
import type { NetworkContext } from "../context.ts";
import { type DeviceChange, loadDevice, updateDevice } from "../device-documents.ts";
import { type EventOrigin, logEvent, txAckEvent } from "../events.ts";
import type { DeviceConfig } from "../ports.ts";
import { type LoadedDevice, regionOfSession, type Session } from "../session.ts";
import type { GatewayLink } from "./gateway-choice.ts";
import { type ImmediateOutcome, immediateFacts } from "./immediate.ts";
import { ackTimes, afterFrameMs } from "./pacing.ts";
import type { PlannedDownlink } from "./plan.ts";
import { encodeQueueItem } from "./queue.ts";
import { retryDelayMs } from "./retry-delay.ts";
import type { ReceiveWindow } from "./windows.ts";

/** Each try costs a counter. */
const longestRetryMs = 300_000;

/** Hands a class C frame whose counter is durable to the gateways and records what became of it. */
export function sendInitiated(
  context: NetworkContext,
  device: DeviceConfig,
  downlink: PlannedDownlink,
  channel: ReceiveWindow,
): void {
  const downlinkId = Buffer.from(context.randomBytes(4)).readUInt32BE(0);
  const { phyPayload, session } = downlink;
  context.background(async () => {
    const outcome = await context.immediate.send({
      downlinkId,
      phyPayload,
      channel,
      gateways: linksOf(session),
      stillDue: async () => isNewest((await loadDevice(context, device.devEui)).state.active, session),
    });
    context.metrics.downlinks.inc({ result: outcome.kind });
    const facts = { devAddr: session.devAddr, fCnt: downlink.fCntDown, queueItemId: downlink.item?.id };
    context.trace.downlink({ device, downlinkId, phyPayload, ...facts, ...immediateFacts(outcome) });
    await context.devices.run(device.devEui, () => settle(context, device, downlink, downlinkId, outcome));
  });
}

function linksOf(session: Session): readonly GatewayLink[] {
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
async function settle(
  context: NetworkContext,
  device: DeviceConfig,
  downlink: PlannedDownlink,
  downlinkId: number,
  outcome: ImmediateOutcome,
): Promise<void> {
  const origin = { device, atMs: context.clock.nowMs(), deduplicationId: context.newUuid() };
  const events = eventsOf(origin, downlink, downlinkId, outcome);
  const settled = await updateDevice(context, device.devEui, async loaded => {
    const waiting = (await context.store.queue(device.devEui)).length;
    const hasMore = waiting > (downlink.item?.confirmed || outcome.kind !== "sent" ? 0 : 1);
    return {
      state: stateAfter(loaded, downlink, outcome, device, origin.atMs, hasMore),
      events,
      queue: queueChanges(downlink, outcome),
    };
  });
  const wakeAtMs = settled?.state.active?.pacing?.wakeAtMs;
  if (wakeAtMs !== undefined) context.alarms.set(device.devEui, wakeAtMs);
}

function eventsOf(
  origin: EventOrigin,
  { item, fCntDown }: PlannedDownlink,
  downlinkId: number,
  outcome: ImmediateOutcome,
): readonly NetworkEvent[] {
  switch (outcome.kind) {
    case "sent": {
      const { gatewayId, txInfo } = outcome;
      return [txAckEvent(origin, downlinkId, item?.id, fCntDown, { reception: { gatewayId }, txInfo })];
    }
    case "failed": {
      const tried = outcome.attempts.map(({ gatewayId, reason }) => `${gatewayId}: ${reason}`).join("; ");
      const text = `No gateway took the class C downlink${tried && ` (${tried})`}; it is tried again`;
      return [logEvent(origin, "ERROR", "DOWNLINK_GATEWAY", text, { downlink_id: String(downlinkId) })];
    }
    case "withdrawn":
      return [];
  }
}

function queueChanges({ item }: PlannedDownlink, outcome: ImmediateOutcome): NonNullable<DeviceChange["queue"]> {
  if (!item) return [];
  if (outcome.kind !== "sent") return [{ kind: "replace", id: item.id, value: encodeQueueItem(item) }];
  return item.confirmed ? [] : [{ kind: "remove", id: item.id }];
}

function stateAfter(
  { state }: LoadedDevice,
  downlink: PlannedDownlink,
  outcome: ImmediateOutcome,
  device: DeviceConfig,
  nowMs: number,
  hasMore: boolean,
): LoadedDevice["state"] {
  const { active } = state;
  if (!active || active.devAddr !== downlink.session.devAddr) return state;
  // An uplink meanwhile knows better when its windows are over than the time that stood for this frame.
  const isUndisturbed = active.lastUplinkAtMs === downlink.session.lastUplinkAtMs;
  const othersMs = isUndisturbed ? 0 : (active.pacing?.quietUntilMs ?? 0);
  const isAwaited = active.awaitedAck?.fCntDown === downlink.fCntDown;
  if (outcome.kind !== "sent") {
    return { ...state, active: afterFailure(active, outcome.kind === "failed", isAwaited, othersMs, nowMs) };
  }
  const endsAtMs = nowMs + Math.ceil(outcome.endsInMs);
  const times = isAwaited ? ackTimes(endsAtMs, device.profile) : undefined;
  const quietUntilMs = Math.max(othersMs, afterFrameMs(endsAtMs));
  const wakeAtMs = times ? times.timeoutAtMs : hasMore ? quietUntilMs : undefined;
  const { wakeAtMs: _, failures: __, ...pacing } = active.pacing ?? {};
  return {
    ...state,
    active: {
      ...active,
      ...(times && active.awaitedAck && { awaitedAck: { ...active.awaitedAck, ...times } }),
      pacing: { ...pacing, quietUntilMs, ...(wakeAtMs !== undefined && { wakeAtMs }) },
    },
  };
}

function afterFailure(active: Session, isFault: boolean, isAwaited: boolean, othersMs: number, nowMs: number): Session {
  const { awaitedAck, ...session } = active;
  const failures = (active.pacing?.failures ?? 0) + (isFault ? 1 : 0);
  const retryAtMs = nowMs + (isFault ? retryDelayMs(failures, longestRetryMs) : 0);
  return {
    ...session,
    ...(awaitedAck && !isAwaited && { awaitedAck }),
    pacing: { ...active.pacing, failures, quietUntilMs: othersMs, wakeAtMs: Math.max(retryAtMs, othersMs) },
  };
}

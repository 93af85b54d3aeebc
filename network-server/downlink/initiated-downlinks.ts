import { beaconLessMs } from "../../lorawan/class-b.ts";
import type { DevEui } from "../../lorawan/ids.ts";
import type { QueueEntry } from "../../platform/state/store.ts";
import type { NetworkContext } from "../context.ts";
import { commitDevice, loadDevice } from "../device-documents.ts";
import { originOf } from "../event-origin.ts";
import { ackEvent, droppedEvent, logEvent } from "../events.ts";
import type { DeviceConfig } from "../ports.ts";
import type { LoadedDevice, Session } from "../session.ts";
import { openAppSKey } from "../session-keys.ts";
import { deviceClassOf, mayListen } from "./device-class.ts";
import { sendInitiated } from "./initiated-send.ts";
import { ackTimes, inPingSlot, nextTurn, type Target, type Turn, underWayMs } from "./pacing.ts";
import { type DownlinkDemand, type PlannedDownlink, planDownlink } from "./plan.ts";
import { decodeQueueItem, isSpent } from "./queue.ts";
import { retryDelayMs } from "./retry-delay.ts";
import { sentItem } from "./send.ts";

/** Downlinks that answer no uplink: in ping slots (TS001-1.0.4 11), and to devices that listen all the time (15, C51). */
export interface InitiatedDownlinks {
  /** Sends what waits for the device if its time has come; else sees to it that the device is looked at again. */
  serve(devEui: DevEui): Promise<void>;
  stop(): void;
}

/** A device that another writer keeps changing is left to that writer. */
const maxSteps = 8;
/** Gateways are looked for at least this often: it costs no counter. */
const longestAwayMs = 60_000;
/** By then, half a minute after the first try, gateways have come back from a restart of the server. */
const reportedFailure = 4;
/** All network servers hear of an enqueue within this time; one of them sees to it. */
const claimHoldsMs = 500;
const lookAgainMs = 2_000;

/**
 * Each step decides with the device held and commits before anything is sent; sending holds nothing up. One frame of a
 * device is under way at a time, and its successor leaves after its end or its acknowledgement.
 */
export function createInitiatedDownlinks(context: NetworkContext): InitiatedDownlinks {
  async function serve(devEui: DevEui): Promise<void> {
    const device = await context.catalog.device(devEui);
    await context.devices.run(devEui, async () => {
      for (let steps = 0; steps < maxSteps; steps += 1) {
        if ((await step(context, devEui, device)) === "done") return;
      }
    });
  }

  /** Most enqueues are for class A devices; their documents need not be read. */
  async function enqueued(devEui: DevEui): Promise<void> {
    if (!mayListen(await context.catalog.device(devEui))) return;
    const { peers, clock } = context;
    if (!peers.isShared || (await peers.claim(`initiated:${devEui}`, claimHoldsMs)) === peers.instance) {
      return serve(devEui);
    }
    // Whoever took it may die before anything of it is durable.
    clock.after(lookAgainMs, () => {
      if (!stopped) context.background(() => serve(devEui));
    });
  }

  let stopped = false;
  const unsubscribe = context.store.onEnqueued(devEui => context.background(() => enqueued(devEui)));
  context.alarms.onDue(devEui => context.background(() => serve(devEui)));
  return {
    serve,
    stop() {
      stopped = true;
      unsubscribe();
      context.alarms.stop();
      context.pings.stop();
    },
  };
}

async function step(
  context: NetworkContext,
  devEui: DevEui,
  device: DeviceConfig | undefined,
): Promise<"again" | "done"> {
  const loaded = await loadDevice(context, devEui);
  // It was removed or disabled while something waited, and must not come up in every sweep.
  if (!mayListen(device)) return sleepUntil(context, loaded, undefined);
  const queue = await context.store.queue(device.devEui);
  const leadMs = context.pings.leadMs(loaded.state.active?.heardBy ?? []);
  const turn = nextTurn(loaded.state, queue, device.profile, context.clock.nowMs(), leadMs);
  switch (turn.kind) {
    case "nothing":
      return sleepUntil(context, loaded, undefined);
    case "wait":
      return sleepUntil(context, loaded, turn.untilMs);
    case "timed-out":
      return timeOut(context, device, loaded, queue);
    case "send":
      return send(context, device, loaded, queue, turn);
  }
}

/** Makes the wake-up time durable, unless it is so already. */
async function sleepUntil(
  context: NetworkContext,
  loaded: LoadedDevice,
  untilMs: number | undefined,
): Promise<"again" | "done"> {
  const { active } = loaded.state;
  if (!active) return "done";
  if (active.pacing?.wakeAtMs !== untilMs) {
    const { wakeAtMs: _, ...pacing } = active.pacing ?? {};
    const woken = { ...active, pacing: { ...pacing, ...(untilMs !== undefined && { wakeAtMs: untilMs }) } };
    if (!(await commitDevice(context, loaded, { state: { ...loaded.state, active: woken } }))) return "again";
  }
  if (untilMs !== undefined) context.alarms.set(loaded.devEui, untilMs);
  return "done";
}

/** No acknowledgement came in time: the item is sent again, or reported and given up (C66). */
async function timeOut(
  context: NetworkContext,
  device: DeviceConfig,
  loaded: LoadedDevice,
  queue: readonly QueueEntry[],
): Promise<"again"> {
  const { active } = loaded.state;
  if (!active?.awaitedAck) return "again";
  const { awaitedAck, ...session } = active;
  const entry = queue.find(({ id }) => id === awaitedAck.queueItemId);
  const isOver = isSpent(entry && decodeQueueItem(entry.value), device.profile.confirmedDownlinkRetries);
  await commitDevice(context, loaded, {
    state: { ...loaded.state, active: session },
    ...(isOver && {
      events: [ackEvent(originOf(context, device, active), awaitedAck.queueItemId, false, awaitedAck.fCntDown)],
      queue: [{ kind: "remove", id: awaitedAck.queueItemId }],
    }),
  });
  return "again";
}

async function send(
  context: NetworkContext,
  device: DeviceConfig,
  loaded: LoadedDevice,
  queue: readonly QueueEntry[],
  { session, target }: Extract<Turn, { kind: "send" }>,
): Promise<"again" | "done"> {
  const nowMs = context.clock.nowMs();
  const window = target.deviceClass === "B" ? target.ping.window : target.window;
  const appSKey = openAppSKey(context.vault, session);
  const plan = planDownlink(session, demandOf(device), queue, [window], appSKey, nowMs);
  if (plan.changes.length > 0) {
    await commitDevice(context, loaded, {
      state: loaded.state,
      events: plan.dropped.map(dropped => droppedEvent(originOf(context, device, session), dropped)),
      queue: plan.changes,
    });
    return "again";
  }
  const { downlink } = plan;
  if (!downlink) return sleepUntil(context, loaded, undefined);
  const canUse = (link: HeardBy): boolean =>
    target.deviceClass === "B" ? context.pings.canUse(link) : context.immediate.reaches(link.gatewayId);
  if (!session.heardBy?.some(canUse)) return unreachable(context, device, loaded, session);
  const planned = { ...downlink, session: sessionAfter(session, device, downlink, target, nowMs) };
  // C16: the counter is durable before the frame leaves.
  const committed = await commitDevice(context, loaded, {
    state: { ...loaded.state, active: planned.session },
    queue: sentItem(planned, target.deviceClass === "B" ? target.ping.startsAtMs : nowMs),
  });
  if (!committed) return "again";
  sendInitiated(context, device, planned, target);
  return "done";
}

/** TS001-1.0.4 15: such a downlink carries no MAC commands; they travel with class A downlinks alone. */
const demandOf = ({ profile }: DeviceConfig): DownlinkDemand => ({
  ack: false,
  answerNeeded: false,
  answers: [],
  requests: [],
  adr: profile.adrAlgorithm !== "none",
  confFCnt: 0,
});

/** While the frame is under way. The end of a ping slot's is known; of another its outcome makes the times precise. */
function sessionAfter(
  { pacing }: Session,
  { profile }: DeviceConfig,
  { session, item, fCntDown, phyPayload }: PlannedDownlink,
  target: Target,
  nowMs: number,
): Session {
  const untilMs = nowMs + underWayMs;
  const times = ackTimes(untilMs, profile, target.deviceClass);
  const { uplink: _, ...rest } = pacing ?? {};
  const planned = {
    ...session,
    pacing: { ...rest, quietUntilMs: untilMs, wakeAtMs: item?.confirmed ? times.timeoutAtMs : untilMs },
    ...(item?.confirmed && {
      awaitedAck: { queueItemId: item.id, fCntDown, ...times },
      confFCntDown: fCntDown & 0xffff,
    }),
  };
  return target.deviceClass === "B" ? inPingSlot(planned, target.ping, phyPayload.length, profile, true) : planned;
}

type HeardBy = NonNullable<Session["heardBy"]>[number];

/**
 * Tried again later, without the use of a counter. Another process may reach what this one does not, so it is reported
 * only once it lasts. A device of class B that can have heard no beacon for two hours is taken for one of class A (C50).
 */
async function unreachable(
  context: NetworkContext,
  device: DeviceConfig,
  loaded: LoadedDevice,
  session: Session,
): Promise<"again" | "done"> {
  const nowMs = context.clock.nowMs();
  const inClassB = deviceClassOf(session, device.profile) === "B";
  const { withoutGpsSinceMs = nowMs } = session.classB ?? {};
  if (inClassB && nowMs - withoutGpsSinceMs >= beaconLessMs) return backToClassA(context, device, loaded, session);
  const failures = (session.pacing?.failures ?? 0) + 1;
  const wakeAtMs = nowMs + retryDelayMs(failures, longestAwayMs);
  const text = inClassB
    ? "No gateway that heard the device has GPS time, which downlinks of class B need, and can be reached"
    : "No gateway that heard the device can be reached for a downlink";
  const later = {
    ...session,
    ...(inClassB && { classB: { withoutGpsSinceMs } }),
    pacing: { ...session.pacing, failures, wakeAtMs },
  };
  const committed = await commitDevice(context, loaded, {
    state: { ...loaded.state, active: later },
    ...(failures === reportedFailure && {
      events: [logEvent(originOf(context, device, session), "ERROR", "DOWNLINK_GATEWAY", text)],
    }),
  });
  if (!committed) return "again";
  context.alarms.set(device.devEui, wakeAtMs);
  return "done";
}

/** TS001-1.0.4 10.1: without a beacon the device has gone back by itself; the bit of its next uplink says how it listens. */
async function backToClassA(
  context: NetworkContext,
  device: DeviceConfig,
  loaded: LoadedDevice,
  { classB: _, pacing: __, ...session }: Session,
): Promise<"again"> {
  const text = "No gateway in reach has had GPS time for two hours: downlinks wait for the device's next uplink";
  await commitDevice(context, loaded, {
    state: { ...loaded.state, active: session },
    events: [logEvent(originOf(context, device, session), "WARNING", "DOWNLINK_GATEWAY", text)],
  });
  return "again";
}

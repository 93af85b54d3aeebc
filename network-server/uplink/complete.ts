import { FrameError } from "../../lorawan/errors.ts";
import { describeCommands, markSent } from "../../lorawan/mac/engine.ts";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import type { DataFrame } from "../../lorawan/phy/frame.ts";
import type { Region } from "../../lorawan/region/region.ts";
import type { NetworkEvent } from "../../platform/state/network-event.ts";
import type { QueueChange } from "../../platform/state/store.ts";
import { decideAdr } from "../adr/decide.ts";
import type { NetworkContext } from "../context.ts";
import { commitDevice, loadDevice } from "../device-documents.ts";
import { deviceClassOf } from "../downlink/device-class.ts";
import { afterUplink, answerableQueue, windowsInOrder } from "../downlink/pacing.ts";
import { type DownlinkPlan, planDownlink } from "../downlink/plan.ts";
import { sendPlanned, sentItem } from "../downlink/send.ts";
import { dataWindows } from "../downlink/windows.ts";
import { droppedEvent, type EventOrigin, uplinkEvent } from "../events.ts";
import type { Reception } from "../gateway/types.ts";
import { isLate } from "../lateness.ts";
import type { DeviceConfig } from "../ports.ts";
import { profileOfSession, regionConfigFor } from "../region-config.ts";
import { type LoadedDevice, regionOfSession, type Session } from "../session.ts";
import { openAppSKey } from "../session-keys.ts";
import type { OpenUplink } from "../session-record.ts";
import { type AckResult, judgeAck } from "./acknowledge.ts";
import { type AppliedUplink, applyUplink, readUplink, type UplinkFacts } from "./apply.ts";
import { steeringEvents } from "./steering-events.ts";

/**
 * Commit 2: what the uplink does to the session, its event with every copy, and the counter of the downlink that answers
 * it (C16); then the downlink is sent. Called with the device held.
 * @param accepted the device with the uplink open, which the store need not know of: then this is the only commit.
 * @param receptions every copy; none when the process that accepted the uplink is gone: then nothing is answered.
 * @returns true when the uplink was completed here; false when the store has it open no more, or never had.
 */
export async function completeUplink(
  context: NetworkContext,
  device: DeviceConfig,
  accepted: LoadedDevice,
  receptions: readonly Reception[],
): Promise<boolean> {
  const deduplicationId = accepted.state.open?.deduplicationId;
  for (let loaded = accepted; loaded.state.open?.deduplicationId === deduplicationId; ) {
    const completed = await complete(context, device, loaded, receptions);
    if (!completed) return false;
    const { joined } = loaded.state;
    const committed = await commitDevice(context, loaded, {
      state: { active: completed.session, ...(joined && { joined }) },
      events: completed.events,
      queue: completed.changes,
      expectsNoQueue: completed.expectsNoQueue,
    });
    if (committed) {
      countCommands(context, completed);
      logSteering(context, device, completed.applied);
      const wakeAtMs = completed.session.pacing?.wakeAtMs;
      if (wakeAtMs !== undefined) context.alarms.set(device.devEui, wakeAtMs);
      const { downlink } = completed.plan;
      if (downlink) sendPlanned(context, device, downlink, receptions);
      return true;
    }
    loaded = await loadDevice(context, device.devEui);
  }
  return false;
}

interface Completed {
  readonly applied: AppliedUplink;
  readonly plan: DownlinkPlan;
  readonly session: Session;
  readonly events: readonly NetworkEvent[];
  readonly changes: readonly QueueChange[];
  readonly expectsNoQueue: boolean;
}

/** Undefined when the document holds no uplink to complete. */
async function complete(
  context: NetworkContext,
  device: DeviceConfig,
  loaded: LoadedDevice,
  receptions: readonly Reception[],
): Promise<Completed | undefined> {
  const { active, open } = loaded.state;
  const frame = open && decodeFrame(Buffer.from(open.phyPayload, "hex"));
  if (!active || !open || frame instanceof FrameError || frame?.kind !== "data") return undefined;
  const heard = receptions.length > 0 ? { ...open, receptions: receptions.map(summaryOf) } : open;
  const region = regionOfSession(active);
  const regionConfig = regionConfigFor(context.regionConfigs(), profileOfSession(device.profile, active), device);
  const facts = factsOf(heard, receptions, context.usualWayMs);
  const read = readUplink(active, frame, facts, region, regionConfig, device.profile);
  const adrDecision = await decideAdr(context.adrScripts, device, read.session, read.adrInput);
  const applied = applyUplink(read, adrDecision, facts, region, regionConfig);
  const startedAtMs = open.receivedAtMs - airtimeMsOf(open, region);
  const origin: EventOrigin = {
    device,
    atMs: open.receivedAtMs,
    deduplicationId: open.deduplicationId,
    deviceClass: deviceClassOf(applied.session, device.profile),
  };
  const expectsNoQueue = !context.store.mayHaveQueue(device.devEui);
  const acknowledged = judgeAck(
    applied.session,
    frame,
    expectsNoQueue ? [] : await context.store.queue(device.devEui),
    device.profile.confirmedDownlinkRetries,
    () => ({ ...origin, deduplicationId: context.newUuid() }),
    startedAtMs,
  );
  const plan = isAnswerable(receptions) ? planAnswer(context, acknowledged, frame, applied, heard, device) : noAnswer;
  return {
    applied,
    plan,
    session: afterUplink(sessionAfter(acknowledged.session, plan, context.clock.nowMs()), {
      startedAtMs,
      receivedAtMs: open.receivedAtMs,
      receptions: receptions.some(isLate) ? receptions.filter(copy => !isLate(copy)).map(summaryOf) : heard.receptions,
      downlink: plan.downlink,
      profile: device.profile,
      joined: loaded.state.joined,
      hasQueue: acknowledged.queue.length > 0,
    }),
    events: eventsOf(context, origin, { active, frame, heard, applied, acknowledged, plan }),
    changes: [...acknowledged.changes, ...plan.changes, ...sentItem(plan.downlink, context.clock.nowMs())],
    expectsNoQueue,
  };
}

function airtimeMsOf(open: OpenUplink, region: Region): number {
  const modulation = region.uplinkDataRates[open.dataRate];
  return modulation ? airtimeUs(modulation, open.phyPayload.length / 2, { crc: true }) / 1000 : 0;
}

const summaryOf = (reception: Reception) => ({ rxInfo: reception.rxInfo, snrDb: reception.snrDb });

function factsOf(
  open: OpenUplink,
  receptions: readonly Reception[],
  usualWayMs: NetworkContext["usualWayMs"],
): UplinkFacts {
  const gpsTimeMs = receptions.find(reception => reception.gpsTimeMs !== undefined)?.gpsTimeMs;
  // How much later than the quickest frames of its gateway it came, or the half of a round trip if that is more.
  const heardAtMs = ({ gatewayId, receivedAtMs, lateByUs = 0 }: Reception): number =>
    receivedAtMs - Math.max(lateByUs / 1000, usualWayMs(gatewayId));
  return {
    fCnt: open.fCnt,
    dataRate: open.dataRate,
    channelIndex: open.channelIndex,
    bestSnrDb: open.receptions.reduce((best, { snrDb }) => Math.max(best, snrDb), Number.NEGATIVE_INFINITY),
    gatewayCount: gatewayCountOf(open),
    receivedAtMs: open.receivedAtMs,
    endedAtMs: Math.min(open.receivedAtMs, ...receptions.filter(copy => !isLate(copy)).map(heardAtMs)),
    ...(gpsTimeMs !== undefined && { gpsTimeMs }),
  };
}

const gatewayCountOf = ({ receptions }: OpenUplink): number =>
  receptions.length === 1 ? 1 : new Set(receptions.map(({ rxInfo }) => rxInfo.gatewayId)).size;

/** A frame that every gateway held back cannot be answered: the device listens no more (C74). */
export const isAnswerable = (receptions: readonly Reception[]): boolean =>
  receptions.some(reception => !isLate(reception));

const noAnswer: DownlinkPlan = { dropped: [], changes: [] };

function planAnswer(
  context: NetworkContext,
  acknowledged: AckResult,
  frame: DataFrame,
  applied: AppliedUplink,
  heard: OpenUplink,
  device: DeviceConfig,
): DownlinkPlan {
  const { session, queue } = acknowledged;
  const { answerNeeded, answers, requests } = applied;
  const isSilent = !frame.confirmed && !answerNeeded && answers.length === 0 && requests.length === 0;
  if (isSilent && queue.length === 0) return noAnswer;
  const nowMs = context.clock.nowMs();
  const listens = deviceClassOf(session, device.profile) !== "A";
  const answerable = listens ? answerableQueue(session, queue, nowMs) : { queue, moreWaits: false };
  const windows = dataWindows(regionOfSession(session), session.mac.current, {
    frequencyHz: heard.txInfo.frequency,
    dataRate: heard.dataRate,
  });
  return planDownlink(
    session,
    {
      ack: frame.confirmed,
      answerNeeded,
      answers,
      requests,
      adr: device.profile.adrAlgorithm !== "none",
      confFCnt: heard.fCnt & 0xffff,
      moreWaits: answerable.moreWaits,
    },
    answerable.queue,
    windowsInOrder(session, windows, heard.receivedAtMs),
    openAppSKey(context.vault, session),
    nowMs,
  );
}

/** The session with what the plan uses up: a counter, pending requests, an awaited acknowledgement. */
function sessionAfter(session: Session, plan: DownlinkPlan, nowMs: number): Session {
  const { downlink } = plan;
  if (!downlink) return session;
  return {
    ...downlink.session,
    mac: markSent(session.mac, downlink.sentRequests, nowMs),
    ...(downlink.item?.confirmed && {
      awaitedAck: { queueItemId: downlink.item.id, fCntDown: downlink.fCntDown },
      confFCntDown: downlink.fCntDown & 0xffff,
    }),
  };
}

interface Outcome {
  readonly active: Session;
  readonly frame: DataFrame;
  readonly heard: OpenUplink;
  readonly applied: AppliedUplink;
  readonly acknowledged: AckResult;
  readonly plan: DownlinkPlan;
}

function eventsOf(context: NetworkContext, origin: EventOrigin, outcome: Outcome): readonly NetworkEvent[] {
  const { applied, plan } = outcome;
  const fresh = (): EventOrigin => ({ ...origin, deduplicationId: context.newUuid() });
  return [
    uplinkEvent(origin, outcome.active, outcome.frame, outcome.heard),
    ...outcome.acknowledged.events,
    ...steeringEvents(fresh, applied, plan.downlink?.sentRequests ?? []),
    ...plan.dropped.map(dropped => droppedEvent(fresh(), dropped)),
  ];
}

function logSteering({ log }: NetworkContext, { devEui }: DeviceConfig, applied: AppliedUplink): void {
  if (applied.adrDecision) log.debug({ devEui, reason: applied.adrDecision.reason }, "ADR");
  for (const event of applied.macEvents) log.debug({ devEui, event }, "MAC command");
}

function countCommands(context: NetworkContext, completed: Completed): void {
  for (const answer of completed.applied.answers) {
    for (const command of describeCommands(answer, "down", completed.session.macVersion)) {
      context.metrics.macCommands.inc({ direction: "down", name: command.name });
    }
  }
  for (const request of completed.plan.downlink?.sentRequests ?? []) {
    context.metrics.macCommands.inc({ direction: "down", name: request.name });
  }
}

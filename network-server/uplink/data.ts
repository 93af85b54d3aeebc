import type { DevAddr, DevEui } from "../../lorawan/ids.ts";
import { channelsInSight } from "../../lorawan/mac/new-channel.ts";
import type { DataFrame } from "../../lorawan/phy/frame.ts";
import { PassingMap } from "../../platform/passing-map.ts";
import { createSerial } from "../../platform/serial.ts";
import type { NetworkContext } from "../context.ts";
import { commitDevice, loadByDevAddr, loadDevice } from "../device-documents.ts";
import { originOf } from "../event-origin.ts";
import { logEvent } from "../events.ts";
import type { FrameFacts } from "../frame-trace.ts";
import type { Reception } from "../gateway/types.ts";
import type { DeviceConfig } from "../ports.ts";
import { type DeviceState, type LoadedDevice, regionOfSession, type Session } from "../session.ts";
import type { OpenUplink } from "../session-record.ts";
import { completeUplink } from "./complete.ts";
import { type Collection, repeatAfterUs } from "./dedup.ts";
import { type Candidate, matchDataFrame, matchNewFrame, type UplinkRadio, type Verdict } from "./match.ts";
import { homeOfFirstUplink } from "./membership.ts";
import { acknowledgeRepeat, noteRepeat } from "./repeat.ts";

/** A device whose session might have signed a frame. */
interface Known {
  readonly loaded: LoadedDevice;
  readonly config: DeviceConfig;
}

type DeviceVerdict = Exclude<Verdict<Known>, { kind: "bad-mic" | "unknown-device" }>;

const isOfDevice = (verdict: Verdict<Known>): verdict is DeviceVerdict => "device" in verdict;

/** A device that another writer keeps changing under our hands is given up after so many tries; the frame may come again. */
const maxConflicts = 8;

/**
 * Takes data uplinks from their first copy to the committed event and the downlink.
 */
export function createDataUplinks(context: NetworkContext) {
  /** The window of each device's newest frame. */
  const openWindows = new PassingMap<DevEui, Collection>();

  /**
   * Frames under one address get to their devices in the order in which they came: how long it takes to find out whose they
   * are must not let a newer one of a device overtake an older one, which would then look like a replay.
   */
  const arrivals = createSerial<DevAddr>();

  async function handle(collection: Collection, frame: DataFrame): Promise<void> {
    const arrived = await arrivals.run(frame.devAddr, () => arrive(collection, frame));
    await arrived?.settled;
  }

  async function arrive(
    collection: Collection,
    frame: DataFrame,
  ): Promise<{ readonly settled: Promise<void> } | undefined> {
    const verdict = await judge(context, collection.first, frame);
    if (!isOfDevice(verdict)) {
      dismiss(collection, frame, verdict);
      return undefined;
    }
    const { devEui } = verdict.device.config;
    // Copies of an older frame that are still on the way must not hold up this one; order per device is kept.
    openWindows.get(devEui)?.close();
    const waits = openWindows.has(devEui);
    const settled = context.devices.run(devEui, async () => {
      openWindows.set(devEui, collection);
      try {
        await settle(collection, frame, waits ? await judge(context, collection.first, frame) : verdict);
      } finally {
        if (openWindows.get(devEui) === collection) openWindows.delete(devEui);
      }
    });
    return { settled };
  }

  /** With the device held. What others have written since the verdict makes it be judged again. */
  async function settle(collection: Collection, frame: DataFrame, first: Verdict<Known>): Promise<void> {
    let verdict = first;
    for (let tries = 0; tries < maxConflicts; tries += 1) {
      if (!isOfDevice(verdict)) return dismiss(collection, frame, verdict);
      if (context.peers.isShared && (await isShared(collection, verdict))) return;
      if (verdict.device.loaded.state.open) await completeEarlier(context, verdict.device);
      else if ((await act(collection, frame, verdict)) === "done") return count(verdict);
      verdict = await judge(context, collection.first, frame);
    }
    context.log.warn({ devAddr: frame.devAddr }, "gave up an uplink: its device kept changing");
    context.trace.dismissed(collection, {
      verdict: "refused",
      reason: "device_kept_changing",
      ...knownOf(frame, verdict),
    });
  }

  /** True: another network server sees to this transmission, or has. */
  async function isShared(collection: Collection, verdict: DeviceVerdict): Promise<boolean> {
    const { first } = collection;
    const { loaded, config } = verdict.device;
    const { open, active } = loaded.state;
    if (open && Buffer.from(first.phyPayload).toString("hex") === open.phyPayload) {
      const { instance = context.peers.instance } = open;
      if (instance === context.peers.instance) return false;
      // Whoever accepted it has died meanwhile: its work is done here, with the copies that are here.
      if (!(await context.frames.handOver(collection, instance))) {
        await completeUplink(context, config, loaded, await collection.collected);
      }
      return true;
    }
    if (open || verdict.kind === "accepted") return false;
    const sinceLastMs = Math.abs(first.receivedAtMs - (active?.lastUplinkAtMs ?? 0));
    if (verdict.kind === "repeat" && sinceLastMs < repeatAfterUs / 1000) {
      context.metrics.lateCopies.inc();
      collection.close();
      return true;
    }
    return !(await context.frames.take(collection, repeatAfterUs / 1000));
  }

  const dismiss = (collection: Collection, frame: DataFrame, verdict: Verdict<Known>): void => {
    count(verdict);
    context.trace.dismissed(collection, { verdict: verdict.kind, ...knownOf(frame, verdict) });
  };

  const count = (verdict: Verdict<Known>): void => {
    context.metrics.uplinks.inc({ verdict: verdict.kind });
    context.log.debug({ verdict: verdict.kind }, "data uplink");
  };

  async function act(collection: Collection, frame: DataFrame, verdict: DeviceVerdict): Promise<"done" | "conflict"> {
    switch (verdict.kind) {
      case "accepted":
        return accept(context, collection, frame, verdict);
      case "repeat":
        if (frame.confirmed) {
          const receptions = await collection.collected;
          context.trace.uplink(receptions, { verdict: "repeat", ...knownOf(frame, verdict) });
          await acknowledgeRepeat(context, verdict.device.config, verdict.fCnt, receptions);
        } else {
          context.trace.dismissed(collection, { verdict: "repeat", ...knownOf(frame, verdict) });
          await noteRepeat(context, verdict.device.config, collection.first);
        }
        return "done";
      case "replay":
      case "counter-reset":
        return report(context, collection, frame, verdict);
    }
  }

  return { handle };
}

/**
 * An uplink that is still open while the device is held was accepted by a process that died, or by another one that
 * collects copies: the newer frame ends that, and must not take its place unseen.
 */
async function completeEarlier(context: NetworkContext, { config, loaded }: Known): Promise<void> {
  const now = await loadDevice(context, config.devEui);
  // What was known may be old: this very frame may be the open one by now, in the hands of another server.
  if (now.state.open?.deduplicationId === loaded.state.open?.deduplicationId) {
    await completeUplink(context, config, now, []);
  }
}

async function judge(context: NetworkContext, first: Reception, frame: DataFrame): Promise<Verdict<Known>> {
  return likelyVerdict(context, first, frame) ?? (await sureVerdict(context, first, frame));
}

/**
 * What the devices in memory say, if it is that the frame is new: then commit 1 stands in for reading the store, because
 * it conflicts when somebody else has changed the device. Any other verdict needs to know what others have written.
 */
function likelyVerdict(
  { known, catalog }: NetworkContext,
  first: Reception,
  frame: DataFrame,
): Verdict<Known> | undefined {
  const candidates = known?.byDevAddr(frame.devAddr).map(loaded => ({ device: loaded, state: loaded.state }));
  const match = candidates && matchNewFrame(first.phyPayload, frame, candidates, radioOf(first));
  if (!match) return undefined;
  const config = catalog.knownDevice(match.device.devEui);
  if (!config || config.disabled) return undefined;
  return { kind: "accepted", ...match, device: { loaded: match.device, config }, reset: false };
}

async function sureVerdict(context: NetworkContext, first: Reception, frame: DataFrame): Promise<Verdict<Known>> {
  const candidates: Candidate<Known>[] = [];
  for (const loaded of await loadByDevAddr(context, frame.devAddr)) {
    const config = await context.catalog.device(loaded.devEui);
    if (!config || config.disabled) continue;
    candidates.push({ device: { loaded, config }, state: loaded.state, resetsFCnt: config.resetsFCnt });
  }
  return matchDataFrame(first.phyPayload, frame, candidates, radioOf(first));
}

const radioOf = (reception: Reception): UplinkRadio => ({
  dataRate: session => dataRateOf(session, reception),
  channel: session => channelOf(session, reception),
});

const dataRateOf = (session: Session, reception: Reception): number | undefined =>
  regionOfSession(session).dataRateOf(reception.modulation, "up");

function channelOf(session: Session, reception: Reception): number | undefined {
  const dataRate = dataRateOf(session, reception);
  return dataRate === undefined
    ? undefined
    : regionOfSession(session).channelOf(channelsInSight(session.mac), reception.frequencyHz, dataRate);
}

/**
 * Up to this long, an uplink waits for its copies in memory and is committed once, with its event; a process that dies
 * meanwhile has not accepted it. Longer ones are committed first, and completed when their copies are here; and so is every
 * one while other network servers may have copies, since they have to know who collects them.
 */
const longestUncommittedMs = 20;

/** The counter and the event's content in one step, before anything that follows from the frame leaves (C15). */
async function accept(
  context: NetworkContext,
  collection: Collection,
  frame: DataFrame,
  verdict: Extract<Verdict<Known>, { kind: "accepted" }>,
): Promise<"done" | "conflict"> {
  const { loaded, config } = verdict.device;
  const session = loaded.state[verdict.slot];
  if (!session) return "conflict";
  const { first } = collection;
  const open: OpenUplink = {
    deduplicationId: context.newUuid(),
    phyPayload: hexOf(first.phyPayload),
    fCnt: verdict.fCnt,
    dataRate: dataRateOf(session, first) ?? 0,
    channelIndex: channelOf(session, first) ?? 0,
    receivedAtMs: first.receivedAtMs,
    txInfo: first.txInfo,
    receptions: [{ rxInfo: first.rxInfo, snrDb: first.snrDb }],
    ...(context.peers.isShared && { instance: context.peers.instance }),
  };
  const regionConfigId = await homeOfFirstUplink(context, config.profile, session, first.gatewayId);
  const state: DeviceState = {
    // The first uplink under new keys ends the old session (C31).
    active: {
      ...session,
      ...(regionConfigId !== undefined && { regionConfigId }),
      fCntUp: verdict.fCnt + 1,
      lastMic: hexOf(frame.mic),
      ...(frame.ack && { lastConfFCnt: session.confFCntDown }),
    },
    ...(verdict.slot === "active" && loaded.state.joined && { joined: loaded.state.joined }),
    open,
  };
  const isBrief = collection.windowMs <= longestUncommittedMs && context.neighbours.isAlone() && !verdict.reset;
  const accepted = isBrief
    ? { ...loaded, state }
    : await commitDevice(context, loaded, {
        state,
        ...(verdict.reset && { events: [counterResetEvent(context, config, session, verdict.fCnt)] }),
      });
  if (!accepted) return "conflict";
  const receptions = await collection.collected;
  const completed = await completeUplink(context, config, accepted, receptions);
  if (isBrief && !completed) return "conflict";
  const { deduplicationId } = open;
  context.trace.uplink(receptions, { verdict: "accepted", deduplicationId, ...knownOf(frame, verdict) });
  return "done";
}

const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

const counterResetEvent = (context: NetworkContext, device: DeviceConfig, session: Session, fCnt: number) =>
  logEvent(
    originOf(context, device, session),
    "WARNING",
    "UPLINK_F_CNT_RESET",
    "The device began again at a lower frame counter, as its settings allow",
    { f_cnt: String(fCnt), expected: String(session.fCntUp) },
  );

/** Frames that the device signed and that are not accepted: reported, never delivered (C12, C19). */
async function report(
  context: NetworkContext,
  collection: Collection,
  frame: DataFrame,
  verdict: Extract<Verdict<Known>, { kind: "replay" | "counter-reset" }>,
): Promise<"done" | "conflict"> {
  const { loaded, config } = verdict.device;
  const origin = originOf(context, config, loaded.state.active ?? loaded.state.joined);
  const details = { dev_addr: frame.devAddr, f_cnt: String(verdict.fCnt) };
  const event =
    verdict.kind === "replay"
      ? logEvent(
          origin,
          "WARNING",
          "UPLINK_F_CNT_RETRANSMISSION",
          "A frame with a used frame counter came again",
          details,
        )
      : logEvent(
          origin,
          "ERROR",
          "UPLINK_F_CNT_RESET",
          "The device began again at a lower frame counter; allow counter resets for it, or activate it anew",
          details,
        );
  const committed = await commitDevice(context, loaded, {
    state: loaded.state,
    events: [event],
  });
  if (!committed) return "conflict";
  context.trace.dismissed(collection, { verdict: verdict.kind, ...knownOf(frame, verdict) });
  return "done";
}

const knownOf = (frame: DataFrame, verdict: Verdict<Known>): FrameFacts => ({
  devAddr: frame.devAddr,
  ...(isOfDevice(verdict) && { device: verdict.device.config, fCnt: verdict.fCnt }),
});

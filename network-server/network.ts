import { FrameError } from "../lorawan/errors.ts";
import type { DevEui } from "../lorawan/ids.ts";
import { decodeFrame } from "../lorawan/phy/codec.ts";
import type { JoinRequest } from "../lorawan/phy/frame.ts";
import type { NetworkContext } from "./context.ts";
import { commitDevice, isAbandoned, loadDevice } from "./device-documents.ts";
import { createInitiatedDownlinks } from "./downlink/initiated-downlinks.ts";
import type { GatewayEvents, Reception } from "./gateway/types.ts";
import { createLatenessJudge, isLate } from "./lateness.ts";
import { completeUplink } from "./uplink/complete.ts";
import { createDataUplinks } from "./uplink/data.ts";
import { type Collection, createCollector } from "./uplink/dedup.ts";
import { createJoins } from "./uplink/join.ts";
import { createJoinGuard } from "./uplink/join-limit.ts";
import { createRejoins } from "./uplink/rejoin.ts";

/** The network server between its ports: what gateways hear goes in, events and transmissions come out. */
export interface Network extends GatewayEvents {
  /** Completes uplinks that a process accepted and did not live to complete; to be called at start and now and then. */
  completeAbandoned(): Promise<void>;
  /** Nothing begins by itself from now on. */
  stop(): void;
}

/** Devices that one sweep looks at. */
const sweepSize = 1000;
/** A little less than the time between two sweeps, so that one server sweeps at a time and none for ever. */
const sweepHoldsMs = 4_500;

export function createNetwork(context: NetworkContext, deduplicationWindowMs: number): Network {
  const collector = createCollector({
    clock: context.clock,
    metrics: context.metrics,
    longestWindowMs: deduplicationWindowMs,
  });
  context.frames.onCopy(reception => collector.addCopy(reception));
  const lateness = createLatenessJudge();
  const dataUplinks = createDataUplinks(context);
  const guard = createJoinGuard(context.clock);
  const joins = createJoins(context, guard);
  const rejoins = createRejoins(context, guard);
  const initiated = createInitiatedDownlinks(context);

  function dispatch(collection: Collection): void {
    const frame = decodeFrame(collection.first.phyPayload);
    if (frame instanceof FrameError) refuse(collection, frame.code, false);
    else if (frame.kind === "join-request") context.background(() => joinRequest(collection, frame));
    else if (frame.kind === "rejoin-request") context.background(() => rejoins.handle(collection, frame));
    else if (frame.kind === "data" && frame.direction === "up") {
      context.background(() => dataUplinks.handle(collection, frame));
    } else refuse(collection, frame.kind === "data" || frame.kind === "join-accept" ? "downlink_heard" : frame.kind);
  }

  /** A device whose request nobody can answer has long tried again: the old request must not replace what came of that. */
  async function joinRequest(collection: Collection, frame: JoinRequest): Promise<void> {
    if (isLate(collection.first) && (await collection.collected).every(isLate)) refuse(collection, "late_join");
    else await joins.handle(collection, frame);
  }

  const refuse = (collection: Collection, reason: string, isFrame = true): void => {
    context.metrics.receptionsRefused.inc({ reason });
    const verdict = !isFrame ? "malformed" : reason === "proprietary" ? reason : "refused";
    context.trace.dismissed(collection, { verdict, reason });
  };

  return {
    reception(heard: Reception) {
      const reception = lateness.judge(heard);
      if (isLate(reception)) context.metrics.heldFrames.inc();
      const collection = collector.add(reception);
      if (collection) dispatch(collection);
    },

    async completeAbandoned() {
      const { peers } = context;
      if (peers.isShared && (await peers.claim("sweep", sweepHoldsMs)) !== peers.instance) return;
      for (const devEui of await context.store.dueDevices(context.clock.nowMs(), sweepSize)) {
        await context.devices.run(devEui, () => completeOne(devEui));
        await initiated.serve(devEui);
      }
    },

    stop: () => initiated.stop(),
  };

  async function completeOne(devEui: DevEui): Promise<void> {
    const loaded = await loadDevice(context, devEui);
    const { open, ...state } = loaded.state;
    if (!open || !isAbandoned(open, context.clock.nowMs())) return;
    const device = await context.catalog.device(devEui);
    if (device) await completeUplink(context, device, loaded, []);
    // Nobody is left to deliver it to, and it must not come up in every sweep.
    else await commitDevice(context, loaded, { state });
  }
}

import { FrameError } from "../lorawan/errors.ts";
import { decodeFrame } from "../lorawan/phy/codec.ts";
import type { NetworkContext } from "./context.ts";
import { loadDevice } from "./device-documents.ts";
import type { GatewayEvents, Reception } from "./gateway/types.ts";
import { completeUplink } from "./uplink/complete.ts";
import { createDataUplinks } from "./uplink/data.ts";
import { type Collection, createCollector } from "./uplink/dedup.ts";
import { createJoins } from "./uplink/join.ts";

/** The network server between its ports: what gateways hear goes in, events and transmissions come out. */
export interface Network extends GatewayEvents {
  /** Completes uplinks that a process accepted and did not live to complete; to be called at start and now and then. */
  completeAbandoned(): Promise<void>;
}

export function createNetwork(context: NetworkContext, deduplicationWindowMs: number): Network {
  const collector = createCollector({
    clock: context.clock,
    metrics: context.metrics,
    longestWindowMs: deduplicationWindowMs,
  });
  const dataUplinks = createDataUplinks(context);
  const joins = createJoins(context);

  function dispatch(collection: Collection): void {
    const frame = decodeFrame(collection.first.phyPayload);
    if (frame instanceof FrameError) refuse(collection, frame.code);
    else if (frame.kind === "join-request") context.background(() => joins.handle(collection, frame));
    else if (frame.kind === "data" && frame.direction === "up") {
      context.background(() => dataUplinks.handle(collection, frame));
    } else refuse(collection, frame.kind === "data" || frame.kind === "join-accept" ? "downlink_heard" : frame.kind);
  }

  const refuse = (collection: Collection, reason: string): void => {
    context.metrics.receptionsRefused.inc({ reason });
    collection.close();
  };

  return {
    reception(reception: Reception) {
      context.metrics.receptions.inc();
      const collection = collector.add(reception);
      if (collection) dispatch(collection);
    },

    async completeAbandoned() {
      for (const devEui of await context.store.dueDevices(context.clock.nowMs(), 1000)) {
        await context.devices.run(devEui, async () => {
          const loaded = await loadDevice(context.store, devEui);
          const device = loaded.state.open && (await context.catalog.device(devEui));
          if (device) await completeUplink(context, device, loaded, []);
        });
      }
    },
  };
}

import type { DevEui } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DeviceDirectory, DownlinkQueue } from "../ports.ts";
import type { Twin, TwinChange, TwinOutcome, TwinRefusal, TwinStore, Twins, TwinView } from "../twin-ports.ts";
import { afterDesired, newDelivery } from "./delivery.ts";
import { bytesOf, deltaOf, documentFault, maxDocumentBytes, merge } from "./document.ts";

export interface TwinsOptions {
  readonly store: TwinStore;
  readonly directory: Pick<DeviceDirectory, "device">;
  readonly queue: Pick<DownlinkQueue, "remove">;
  readonly clock: Clock;
}

export function createTwins({ store, directory, queue, clock }: TwinsOptions): Twins {
  return {
    async get(devEui) {
      const twin = await store.get(devEui);
      if (twin !== undefined) return viewOf(twin);
      return (await directory.device(devEui)) === undefined ? undefined : viewOf(emptyTwin(devEui));
    },
    async update(devEui, change) {
      const fault = documentFault(change.desired);
      if (fault !== undefined) return { ...refused("invalid", fault.message), path: `/desired${fault.path}` };
      let outcome: TwinOutcome = refused("unknown_device", "There is no such device.");
      await store.change([devEui], twin => {
        const changed = changedBy(twin, change, clock.nowMs());
        outcome = "kind" in changed ? changed : { kind: "changed", twin: viewOf(changed) };
        return "kind" in changed || changed === twin ? undefined : changed;
      });
      return outcome;
    },
    async remove(devEui) {
      const twin = await store.get(devEui);
      if (twin === undefined || !(await store.remove(devEui))) return false;
      if (twin.delivery.itemId !== undefined) await queue.remove(devEui, twin.delivery.itemId);
      return true;
    },
  };
}

function changedBy(twin: Twin, change: TwinChange, nowMs: number): Twin | (TwinOutcome & { kind: "refused" }) {
  const { desiredVersion } = twin;
  if (change.version !== undefined && change.version !== desiredVersion) {
    const message = `The desired state is at version ${desiredVersion} by now: read it again, then decide again.`;
    return refused("conflict", message);
  }
  const time = new Date(nowMs).toISOString();
  const { document, times, isChanged } = merge(twin.desired, twin.desiredTimes, change.desired, time, false);
  if (!isChanged) return twin;
  if (bytesOf(document) > maxDocumentBytes) {
    return refused("too_large", `The desired state has ${maxDocumentBytes} bytes at most.`);
  }
  const next = { ...twin, desired: document, desiredTimes: times, desiredVersion: desiredVersion + 1 };
  return afterDesired(next, nowMs);
}

const refused = (reason: TwinRefusal, message: string): TwinOutcome & { kind: "refused" } => ({
  kind: "refused",
  reason,
  message,
});

const emptyTwin = (devEui: DevEui): Twin => ({
  devEui,
  desired: {},
  reported: {},
  desiredTimes: {},
  reportedTimes: {},
  desiredVersion: 0,
  reportedVersion: 0,
  delivery: newDelivery,
  seen: [],
  told: "",
  revision: 0,
});

const timeOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

/** As applications get it. */
export function viewOf({ devEui, desired, reported, delivery, dueAtMs, ...twin }: Twin): TwinView {
  const { state, attempts, sentAtMs, itemId, reason } = delivery;
  const isWaiting = state === "due" || state === "sent" || state === "stuck";
  return {
    devEui,
    desired,
    reported,
    delta: deltaOf(desired, reported),
    metadata: { desired: twin.desiredTimes, reported: twin.reportedTimes },
    version: { desired: twin.desiredVersion, reported: twin.reportedVersion },
    delivery: {
      state,
      attempts,
      lastSentAt: timeOrNull(sentAtMs),
      nextAt: isWaiting ? timeOrNull(dueAtMs) : null,
      reason: reason ?? null,
      queueItemId: itemId ?? null,
    },
    reportFault: twin.reportFault ?? null,
  };
}

import type { NetworkEvent } from "../../platform/state/network-event.ts";
import type { QueueChange } from "../../platform/state/store.ts";
import type { NetworkContext } from "../context.ts";
import { updateDevice } from "../device-documents.ts";
import { originOf } from "../event-origin.ts";
import { failureContext, logEvent, txAckEvent } from "../events.ts";
import type { Reception } from "../gateway/types.ts";
import type { DeviceConfig } from "../ports.ts";
import { profileOfSession, regionConfigFor } from "../region-config.ts";
import type { PlannedDownlink } from "./plan.ts";
import { encodeQueueItem } from "./queue.ts";
import { type AnswerOutcome, answerFacts } from "./transmit.ts";

/** The queue's note that an item is on its way under this counter; part of the commit that uses the counter up. */
export function sentItem(downlink: PlannedDownlink | undefined, nowMs: number): readonly QueueChange[] {
  const item = downlink?.item;
  if (!downlink || !item) return [];
  const sent = { fCntDown: downlink.fCntDown, atMs: nowMs, attempts: (item.sent?.attempts ?? 0) + 1 };
  return [{ kind: "replace", id: item.id, value: encodeQueueItem({ ...item, sent }) }];
}

/**
 * Hands a frame whose counter is durable to the gateways and records what became of it, without holding up the device.
 */
export function sendPlanned(
  context: NetworkContext,
  device: DeviceConfig,
  downlink: PlannedDownlink,
  receptions: readonly Reception[],
): void {
  const downlinkId = Buffer.from(context.randomBytes(4)).readUInt32BE(0);
  const { phyPayload, windows } = downlink;
  context.background(async () => {
    const profile = profileOfSession(device.profile, downlink.session);
    const { preferredWindow } = regionConfigFor(context.regionConfigs(), profile);
    const answer = { downlinkId, phyPayload, windows, receptions, ...(preferredWindow && { preferredWindow }) };
    const outcome = await context.transmitter.answer(answer);
    context.metrics.downlinks.inc({ result: outcome.kind });
    const facts = { devAddr: downlink.session.devAddr, fCnt: downlink.fCntDown, queueItemId: downlink.item?.id };
    context.trace.downlink({ device, downlinkId, phyPayload, ...facts, ...answerFacts(outcome) });
    await context.devices.run(device.devEui, () => settle(context, device, downlink, downlinkId, outcome));
  });
}

/** Commit 3: the item leaves the queue, or goes back to waiting (C41). */
async function settle(
  context: NetworkContext,
  device: DeviceConfig,
  downlink: PlannedDownlink,
  downlinkId: number,
  outcome: AnswerOutcome,
): Promise<void> {
  const { item, fCntDown } = downlink;
  if (!item && outcome.kind === "sent") return;
  const origin = originOf(context, device, downlink.session);
  const event: NetworkEvent =
    outcome.kind === "sent"
      ? txAckEvent(origin, downlinkId, item?.id, fCntDown, outcome)
      : logEvent(
          origin,
          "ERROR",
          "DOWNLINK_GATEWAY",
          failureText(outcome),
          failureContext(downlinkId, outcome.attempts),
        );
  const changes = item ? queueChange(item, outcome) : [];
  await updateDevice(context, device.devEui, loaded => {
    const { active } = loaded.state;
    if (!active) return undefined;
    const { awaitedAck, ...session } = active;
    const abandoned = outcome.kind === "failed" && awaitedAck?.fCntDown === fCntDown;
    return {
      state: { ...loaded.state, active: abandoned ? session : active },
      events: [event],
      queue: changes,
    };
  });
}

function queueChange(item: NonNullable<PlannedDownlink["item"]>, outcome: AnswerOutcome): readonly QueueChange[] {
  if (outcome.kind === "failed") return [{ kind: "replace", id: item.id, value: encodeQueueItem(item) }];
  return item.confirmed ? [] : [{ kind: "remove", id: item.id }];
}

function failureText(outcome: Extract<AnswerOutcome, { kind: "failed" }>): string {
  if (outcome.attempts.length === 0) return "No gateway that heard the device can be reached for a downlink";
  const tried = outcome.attempts.map(({ gatewayId, window, reason }) => `${gatewayId} in ${window}: ${reason}`);
  return `No gateway took the downlink (${tried.join("; ")})`;
}

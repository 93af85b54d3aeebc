import type { DataFrame } from "../../lorawan/phy/frame.ts";
import type { AckEvent } from "../../platform/state/network-event.ts";
import type { QueueChange, QueueEntry } from "../../platform/state/store.ts";
import { decodeQueueItem, isSpent } from "../downlink/queue.ts";
import { ackEvent, type EventOrigin } from "../events.ts";
import type { Session } from "../session.ts";

/** What an uplink says about the confirmed downlink before it. */
export interface AckResult {
  readonly session: Session;
  readonly events: readonly AckEvent[];
  readonly changes: readonly QueueChange[];
  /** What waits after this. */
  readonly queue: readonly QueueEntry[];
}

/**
 * A confirmed downlink ends with the uplink that acknowledges it, or as unacknowledged with the uplink that comes after its
 * last retry; until then it stays first in the queue and is sent again (C66). Pure.
 * @param fresh whose event it is, each time under an id of its own.
 * @param startedAtMs when the device began to send the uplink.
 */
export function judgeAck(
  session: Session,
  frame: DataFrame,
  queue: readonly QueueEntry[],
  retries: number,
  fresh: () => EventOrigin,
  startedAtMs: number,
): AckResult {
  const { awaitedAck } = session;
  // What the device sent while the frame was on its way says nothing of it.
  const isTooEarly = awaitedAck?.endsAtMs !== undefined && startedAtMs < awaitedAck.endsAtMs;
  if (!awaitedAck || (isTooEarly && !frame.ack)) return { session, events: [], changes: [], queue };
  const { awaitedAck: _, ...rest } = session;
  const entry = queue.find(candidate => candidate.id === awaitedAck.queueItemId);
  const item = entry && decodeQueueItem(entry.value);
  if (!frame.ack && !isSpent(item, retries)) return { session: rest, events: [], changes: [], queue };
  return {
    session: rest,
    events: [ackEvent(fresh(), awaitedAck.queueItemId, frame.ack, awaitedAck.fCntDown)],
    changes: entry ? [{ kind: "remove", id: entry.id }] : [],
    queue: queue.filter(candidate => candidate !== entry),
  };
}

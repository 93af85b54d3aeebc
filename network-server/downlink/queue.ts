import Type from "typebox";
import { Compile } from "typebox/compile";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { QueueChange, QueueEntry } from "../../platform/state/store.ts";

const queueItemSchema = Type.Object({
  id: Type.String({ minLength: 1 }),
  fPort: Type.Integer({ minimum: 1, maximum: 255 }),
  confirmed: Type.Boolean(),
  data: Type.String(),
  enqueuedAtMs: Type.Number(),
  expiresAtMs: Type.Optional(Type.Number()),
  sent: Type.Optional(
    Type.Object({ fCntDown: Type.Integer(), atMs: Type.Number(), attempts: Type.Integer({ minimum: 1 }) }),
  ),
});
const compiled = Compile(queueItemSchema);

/** Undefined for bytes that are no queue item. */
export function decodeQueueItem(value: Uint8Array): QueueItem | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value).toString());
    return compiled.Check(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export const encodeQueueItem = (item: QueueItem): Uint8Array => Buffer.from(JSON.stringify(item));

/** Why an item leaves the queue unsent. */
export type Dropped =
  | { readonly kind: "expired"; readonly item: QueueItem }
  | { readonly kind: "too-long"; readonly item: QueueItem; readonly maxPayload: number };

export interface QueueChoice {
  readonly item?: QueueItem;
  /** Something waits behind the chosen item (C67). */
  readonly more: boolean;
  readonly dropped: readonly Dropped[];
  readonly changes: readonly QueueChange[];
}

/**
 * The first item that can be sent within `maxPayload` bytes. Items past their time, or longer than this window will ever
 * take, leave the queue and are reported, so that they do not block it (C68).
 */
export function chooseItem(entries: readonly QueueEntry[], maxPayload: number, nowMs: number): QueueChoice {
  const dropped: Dropped[] = [];
  const changes: QueueChange[] = [];
  let chosen: QueueItem | undefined;
  let more = false;
  for (const entry of entries) {
    const item = decodeQueueItem(entry.value);
    if (!item) {
      changes.push({ kind: "remove", id: entry.id });
    } else if (item.expiresAtMs !== undefined && item.expiresAtMs <= nowMs) {
      dropped.push({ kind: "expired", item });
      changes.push({ kind: "remove", id: entry.id });
    } else if (chosen) {
      more = true;
      break;
    } else if (payloadLength(item) > maxPayload) {
      dropped.push({ kind: "too-long", item, maxPayload });
      changes.push({ kind: "remove", id: entry.id });
    } else {
      chosen = item;
    }
  }
  return { ...(chosen && { item: chosen }), more, dropped, changes };
}

export const payloadOf = (item: QueueItem): Uint8Array => Buffer.from(item.data, "base64");

const payloadLength = (item: QueueItem): number => payloadOf(item).length;

import Type from "typebox";
import { Compile } from "typebox/compile";
import type { DevAddr } from "../../lorawan/ids.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { QueueChange, QueueEntry } from "../../platform/state/store.ts";

const queueItemSchema = Type.Object({
  id: Type.String({ minLength: 1 }),
  fPort: Type.Integer({ minimum: 1, maximum: 255 }),
  confirmed: Type.Boolean(),
  data: Type.String(),
  encrypted: Type.Optional(
    Type.Object({
      fCntDown: Type.Integer(),
      devAddr: Type.Unsafe<DevAddr>(Type.String({ pattern: "^[0-9a-f]{8}$" })),
      later: Type.Optional(Type.Array(Type.Object({ fCntDown: Type.Integer(), data: Type.String() }))),
    }),
  ),
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
  | { readonly kind: "too-long"; readonly item: QueueItem; readonly maxPayload: number }
  /** In the clear, and nobody here may encrypt it (C36). */
  | { readonly kind: "without-app-s-key"; readonly item: QueueItem }
  /** Encrypted for a counter that is used up, or under the keys of another session. */
  | { readonly kind: "stale"; readonly item: QueueItem; readonly devAddr: DevAddr; readonly nextFCntDown: number };

/** What decides whether an item can be sent now. */
export interface Sendable {
  readonly maxPayload: number;
  readonly devAddr: DevAddr;
  /** The next counter of a frame with application payload. */
  readonly nextFCntDown: number;
  readonly hasAppSKey: boolean;
}

export interface QueueChoice {
  readonly item?: QueueItem;
  /** Something waits behind the chosen item (C67). */
  readonly more: boolean;
  readonly dropped: readonly Dropped[];
  readonly changes: readonly QueueChange[];
}

/**
 * The first item that can be sent. Items past their time, longer than this window will ever take, or that nobody can encrypt
 * leave the queue and are reported, so that they do not block it (C68).
 */
export function chooseItem(entries: readonly QueueEntry[], sendable: Sendable, nowMs: number): QueueChoice {
  const dropped: Dropped[] = [];
  const changes: QueueChange[] = [];
  let chosen: QueueItem | undefined;
  let more = false;
  for (const entry of entries) {
    const item = decodeQueueItem(entry.value);
    if (!item) {
      changes.push({ kind: "remove", id: entry.id });
      continue;
    }
    if (chosen && !isExpired(item, nowMs)) {
      more = true;
      break;
    }
    const usable = forCounter(item, sendable.nextFCntDown);
    const reason = unsendable(usable, sendable, nowMs);
    if (reason) {
      dropped.push(reason);
      changes.push({ kind: "remove", id: entry.id });
    } else {
      chosen = usable;
    }
  }
  return { ...(chosen && { item: chosen }), more, dropped, changes };
}

/** The item as it is encrypted for the first counter that is not used up, where there is one. */
function forCounter(item: QueueItem, nextFCntDown: number): QueueItem {
  const { encrypted } = item;
  if (!encrypted?.later || encrypted.fCntDown >= nextFCntDown) return item;
  const [first, ...later] = encrypted.later.filter(({ fCntDown }) => fCntDown >= nextFCntDown);
  if (!first) return item;
  return { ...item, data: first.data, encrypted: { ...encrypted, fCntDown: first.fCntDown, later } };
}

const isExpired = ({ expiresAtMs }: QueueItem, nowMs: number): boolean =>
  expiresAtMs !== undefined && expiresAtMs <= nowMs;

function unsendable(item: QueueItem, sendable: Sendable, nowMs: number): Dropped | undefined {
  const { maxPayload, devAddr, nextFCntDown, hasAppSKey } = sendable;
  const { encrypted } = item;
  if (isExpired(item, nowMs)) return { kind: "expired", item };
  if (payloadLength(item) > maxPayload) return { kind: "too-long", item, maxPayload };
  if (!encrypted) return hasAppSKey ? undefined : { kind: "without-app-s-key", item };
  const isStale = encrypted.devAddr !== devAddr || encrypted.fCntDown < nextFCntDown;
  return isStale ? { kind: "stale", item, devAddr, nextFCntDown } : undefined;
}

/**
 * True when a confirmed item that was not acknowledged has been sent as often as it may be. One that came encrypted has as many
 * transmissions as counters.
 */
export function isSpent(item: QueueItem | undefined, retries: number): boolean {
  const isLastCounter = item?.encrypted !== undefined && !item.encrypted.later?.length;
  return (item?.sent?.attempts ?? 0) > (isLastCounter ? 0 : retries);
}

export const payloadOf = (item: QueueItem): Uint8Array => Buffer.from(item.data, "base64");

const payloadLength = (item: QueueItem): number => payloadOf(item).length;

import type { Twin, TwinDelivery } from "../twin-ports.ts";
import { deltaOf, isEmpty, isSameJson } from "./document.ts";

/** How a desired state is brought to a device. */
export interface DeliveryPolicy {
  /** Between a downlink and its repetition: this long at first, twice as long after each. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** What the downlinks of one twin may take of the air in 24 hours. */
  readonly maxAirtimeMs: number;
}

const dayMs = 86_400_000;
/** A downlink that is in no queue and was not told to be sent was lost with a process, or taken out by somebody. */
const goneAfterMs = 30_000;
/** Events tell of every change of a queue; this is for those that were lost. */
const recheckMs = 600_000;

export const newDelivery: TwinDelivery = { state: "in-sync", attempts: 0, airtimeMs: 0, airtimeAtMs: 0 };

const withoutItem = ({
  itemId: _itemId,
  itemVersion: _itemVersion,
  itemBytes: _itemBytes,
  queuedAtMs: _queuedAtMs,
  isHeardSince: _isHeardSince,
  reason: _reason,
  ...delivery
}: TwinDelivery): TwinDelivery => delivery;

/** The twin with its delivery looked at when `atMs` has come, or not before something happens. */
export function planned(twin: Twin, delivery: TwinDelivery, atMs: number | undefined): Twin {
  const { dueAtMs: _dueAtMs, ...rest } = twin;
  return { ...rest, delivery, ...(atMs !== undefined && { dueAtMs: atMs }) };
}

/** The desired state was changed: what waits in the queue may be for another one. */
export const afterDesired = (twin: Twin, nowMs: number): Twin =>
  planned(twin, { ...keepItem(twin.delivery), state: "due", attempts: 0 }, nowMs);

/** What is in the queue stays known, so that it can be taken back. */
function keepItem({ reason: _reason, ...delivery }: TwinDelivery): TwinDelivery {
  return delivery;
}

/** The device has reported something. */
export function afterReport(before: Twin, twin: Twin, policy: DeliveryPolicy, nowMs: number): Twin {
  const { delivery } = twin;
  if (delivery.state === "in-sync") return isInSync(twin) ? twin : afterDesired(twin, nowMs);
  if (isInSync(twin)) return planned(twin, delivery, nowMs);
  const left = deltaOf(twin.desired, twin.reported);
  // It obeys, in part: what is left goes out without a pause.
  if (!isSameJson(deltaOf(before.desired, before.reported), left)) return afterDesired(twin, nowMs);
  if (delivery.state !== "sent") return twin;
  return planned(twin, { ...delivery, isHeardSince: true }, retryAtMs(delivery, policy));
}

export const isInSync = ({ desired, reported }: Twin): boolean => isEmpty(deltaOf(desired, reported));

/** A gateway has taken the downlink of this twin, which takes so long. A device that is to be heard first gets no other before. */
export function afterSent(
  twin: Twin,
  sent: { readonly atMs: number; readonly airtimeMs: number },
  policy: DeliveryPolicy,
  hasToHear: boolean,
): Twin {
  const spent = drained(twin.delivery, policy, sent.atMs) + sent.airtimeMs;
  const delivery: TwinDelivery = {
    ...withoutItem(twin.delivery),
    airtimeMs: spent,
    airtimeAtMs: sent.atMs,
    sentAtMs: sent.atMs,
  };
  // It was made for a state that is no longer the desired one: what is to be sent now is due already.
  if (twin.delivery.state !== "queued") return { ...twin, delivery };
  const next: TwinDelivery = { ...delivery, state: "sent" };
  return planned(twin, next, hasToHear ? undefined : retryAtMs(next, policy));
}

/** Milliseconds of air time that count now. */
export function drained({ airtimeMs, airtimeAtMs }: TwinDelivery, policy: DeliveryPolicy, nowMs: number): number {
  return Math.max(0, airtimeMs - (policy.maxAirtimeMs * Math.max(0, nowMs - airtimeAtMs)) / dayMs);
}

const backOffMs = (attempts: number, { firstRetryMs, longestRetryMs }: DeliveryPolicy): number =>
  Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(30, Math.max(0, attempts - 1)));

const retryAtMs = (delivery: TwinDelivery, policy: DeliveryPolicy): number =>
  (delivery.sentAtMs ?? 0) + backOffMs(delivery.attempts, policy);

export type DeliveryStep =
  /** Nothing is missing; a downlink that waits is taken out of the queue. */
  | { readonly kind: "done"; readonly takeBack?: string }
  | { readonly kind: "wait"; readonly twin: Twin }
  /** A new downlink, in the place of one that waits, if one does. */
  | { readonly kind: "send"; readonly takeBack?: string };

/** What to do now for a twin whose time has come. `waiting` are the ids of what is in the device's queue. */
export function nextStep(twin: Twin, waiting: readonly string[], policy: DeliveryPolicy, nowMs: number): DeliveryStep {
  const { delivery } = twin;
  const { itemId } = delivery;
  const takeBack = itemId !== undefined && waiting.includes(itemId) ? { takeBack: itemId } : {};
  if (isInSync(twin)) return { kind: "done", ...takeBack };
  if (delivery.state === "queued") {
    if (takeBack.takeBack !== undefined) return { kind: "wait", twin: planned(twin, delivery, nowMs + recheckMs) };
    const goneAtMs = (delivery.queuedAtMs ?? nowMs) + goneAfterMs;
    if (nowMs < goneAtMs) return { kind: "wait", twin: planned(twin, delivery, goneAtMs) };
    const retryMs = (delivery.queuedAtMs ?? nowMs) + backOffMs(delivery.attempts, policy);
    if (nowMs < retryMs)
      return { kind: "wait", twin: planned(twin, { ...withoutItem(delivery), state: "due" }, retryMs) };
  }
  const spentMs = drained(delivery, policy, nowMs);
  if (spentMs >= policy.maxAirtimeMs) {
    // Until a tenth of it is there again: not one by one.
    const inMs = ((spentMs - 0.9 * policy.maxAirtimeMs) / policy.maxAirtimeMs) * dayMs;
    const rest: TwinDelivery = { ...delivery, state: "due", reason: "its air time of the day is used up" };
    return { kind: "wait", twin: planned(twin, rest, nowMs + inMs) };
  }
  return { kind: "send", ...takeBack };
}

/** A downlink is about to be put into the queue. Written down before it is, so that it is known whatever dies. */
export const beforeQueued = (twin: Twin, itemId: string, itemBytes: number, nowMs: number): Twin =>
  planned(
    twin,
    {
      ...withoutItem(twin.delivery),
      state: "queued",
      attempts: twin.delivery.attempts + 1,
      itemId,
      itemVersion: twin.desiredVersion,
      itemBytes,
      queuedAtMs: nowMs,
    },
    nowMs + goneAfterMs,
  );

/** It could not be put there: that was no attempt. */
export const notQueued = (twin: Twin, reason: string, state: "due" | "stuck", attempts: number, atMs: number): Twin =>
  planned(twin, { ...withoutItem(twin.delivery), state, attempts, reason }, atMs);

/** Everything is there. */
export const settled = (twin: Twin): Twin =>
  planned(twin, { ...withoutItem(twin.delivery), state: "in-sync", attempts: 0 }, undefined);

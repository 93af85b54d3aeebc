import type { Facts } from "../facts.ts";
import { type Check, countOf, evidence, finding, timeSince } from "../words.ts";

/** Whether what waits for the device can ever be sent. */
export const queueCheck: Check = {
  name: "queue",
  found: ({ queue }) => `${countOf(queue.waiting.length, "downlink")} of at most ${queue.capacity} waiting`,
  findings: facts => [...tooLong(facts), ...full(facts)],
};

const dayMs = 24 * 3600 * 1000;

function tooLong(facts: Facts) {
  const { queue, session, logs, nowMs } = facts;
  const dropped = logs.filter(({ code, atMs }) => code === "DOWNLINK_PAYLOAD_SIZE" && nowMs - atMs < dayMs);
  const [next] = queue.waiting;
  const blocks = session !== undefined && next !== undefined && next.bytes > session.maxPayload;
  const [last] = dropped;
  if (last === undefined && !blocks) return [];
  return [
    finding(
      "payload_too_long",
      "error",
      "Downlinks are longer than the device can receive at its data rate.",
      [
        ...(session ? [evidence("bytes that it can receive now", session.maxPayload)] : []),
        ...(blocks ? [evidence("bytes of the downlink that is next", next.bytes, next.atMs)] : []),
        ...(last ? [evidence("downlinks dropped for it", dropped.length, last.atMs)] : []),
      ],
      ["Send less at a time.", "Let the device come to a better data rate: allow ADR, or bring a gateway nearer."],
    ),
  ];
}

function full(facts: Facts) {
  const { waiting, capacity } = facts.queue;
  const [oldest] = waiting;
  if (oldest === undefined || waiting.length < capacity) return [];
  return [
    finding(
      "queue_full",
      "error",
      "The device's queue is full: what is enqueued now is refused.",
      [
        evidence("downlinks waiting", `${waiting.length} of at most ${capacity}`),
        evidence("the first since", timeSince(facts, oldest.atMs), oldest.atMs),
      ],
      [
        "A device of class A takes one downlink with each uplink: send it no more than it fetches, or have it send more often.",
        "Empty the queue of what is out of date, and give downlinks an expiry (expiresAt).",
      ],
    ),
  ];
}

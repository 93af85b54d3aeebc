import type { Facts } from "../facts.ts";
import { type Check, countOf, evidence, finding, timeSince } from "../words.ts";

/** Whether what waits for the device can ever be sent. */
export const queueCheck: Check = {
  name: "queue",
  found: ({ queue }) => `${countOf(queue.waiting.length, "downlink")} of at most ${queue.capacity} waiting`,
  findings: facts => [...tooLong(facts), ...full(facts), ...refused(facts)],
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

/** Answers to commands that came over MQTT or another integration; see docs/mqtt.md. What is dropped later has no such context. */
function refused({ logs, nowMs }: Facts) {
  const answers = logs.filter(
    ({ context, atMs }) => context.reason !== undefined && context.queue_item_id !== undefined && nowMs - atMs < dayMs,
  );
  const [last] = answers;
  if (last === undefined) return [];
  return [
    finding(
      "command_refused",
      "warning",
      "Downlink commands for the device were refused when they came: they are in no queue.",
      [
        evidence("why the last one was", `${last.context.reason}: ${last.description}`, last.atMs),
        evidence("refusals of the last day, one in ten seconds at most", answers.length),
      ],
      [
        "Correct the command by what is said here; the page about MQTT has its members, and every reason.",
        "Have the client read the log events of its devices: each refusal is answered there at once.",
      ],
    ),
  ];
}

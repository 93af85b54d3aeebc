import { expect, test } from "vitest";
import { markedPayload } from "../../../simulators/load/payload.ts";
import { devEuiOf } from "../../../simulators/load/population.ts";
import { createArrivalLog } from "../../../simulators/load/subscriber.ts";
import { answersOf, isClean, isSustained, judge } from "../../../simulators/load/truth.ts";

const population = { seed: 3, devices: 4, devicesPerAddress: 1 };
const topicOf = (device: number, seed = population.seed): string =>
  `application/1b5c4f6e/device/${devEuiOf(seed, device)}/event/up`;
const bodyOf = (number: number, run = 9): Buffer =>
  Buffer.from(JSON.stringify({ fPort: 10, data: markedPayload({ run, number }, 16).toString("base64"), rxInfo: [] }));

/** Device 3 sends number 0, device 0 number 1, and so on. */
function logOf(uplinks: number) {
  const log = createArrivalLog(population);
  log.expect({
    run: 9,
    kind: "uplink",
    devices: Float64Array.from({ length: uplinks }, (_, number) => (3 + number) % 4),
  });
  const arrive = (number: number, atUs = 1000 * (number + 1)) =>
    log.arrived(topicOf((3 + number) % 4), bodyOf(number), atUs);
  return { log, arrive };
}
const sentAt = (count: number) => ({ sentAtUs: Float64Array.from({ length: count }, (_, number) => 1000 * number) });

test("everything that arrives once and in order is clean", () => {
  const { log, arrive } = logOf(8);
  for (let number = 0; number < 8; number += 1) arrive(number);
  expect(log.isComplete()).toBe(true);
  const verdict = judge(sentAt(8), log.report());
  expect(verdict).toMatchObject({ sent: 8, delivered: 8, lost: 0, duplicated: 0, outOfOrder: 0, unexpected: 0 });
  expect(verdict.latencyMs).toMatchObject({ count: 8, p50: 1, p99: 1 });
  expect(isClean(verdict)).toBe(true);
});

test("a lost uplink is found", () => {
  const { log, arrive } = logOf(4);
  for (const number of [0, 1, 3]) arrive(number);
  expect(log.isComplete()).toBe(false);
  const verdict = judge(sentAt(4), log.report());
  expect(verdict).toMatchObject({ lost: 1, delivered: 3 });
  expect(isClean(verdict)).toBe(false);
});

test("a second copy is found, and does not hide a lost one", () => {
  const { log, arrive } = logOf(2);
  arrive(0);
  arrive(0, 90_000);
  const verdict = judge(sentAt(2), log.report());
  expect(verdict).toMatchObject({ duplicated: 1, lost: 1 });
  expect(verdict.latencyMs.highest).toBe(1);
  expect(isClean(verdict)).toBe(false);
});

test("an older uplink of the same device after a younger is out of order", () => {
  const { log, arrive } = logOf(6);
  for (const number of [4, 1, 0, 2, 3, 5]) arrive(number);
  expect(log.report().outOfOrder).toBe(1);
});

test("what nobody sent is unexpected: another device, number or run, or a payload without a mark", () => {
  const { log } = logOf(4);
  log.arrived(topicOf(0), bodyOf(0), 1);
  log.arrived(topicOf(3), bodyOf(4), 1);
  log.arrived(topicOf(3), bodyOf(0, 8), 1);
  log.arrived(topicOf(3), Buffer.from("{}"), 1);
  expect(log.report().unexpected).toBe(4);
  log.arrived(topicOf(0, 4), bodyOf(0), 1);
  expect(log.report().unexpected).toBe(4);
  expect(judge(sentAt(4), log.report()).lost).toBe(4);
});

test("a queue that grows shows in the last tenth", () => {
  const arrived = { duplicated: 0, outOfOrder: 0, unexpected: 0 };
  const count = 100;
  const growing = judge(sentAt(count), {
    ...arrived,
    arrivedAtUs: Float64Array.from({ length: count }, (_, number) => 1000 * number + 5000 * (number + 1)),
  });
  expect(growing.latencyMs.p50).toBe(250);
  expect(growing.lastTenthMs).toBe(475);
  const calm = { unanswered: 0, lateDownlinks: 0, generatorLagMs: 0 };
  expect(isSustained({ ...growing, ...calm })).toBe(false);
  const steady = judge(sentAt(count), {
    ...arrived,
    arrivedAtUs: Float64Array.from({ length: count }, (_, number) => 1000 * number + 25_000),
  });
  expect(isSustained({ ...steady, ...calm })).toBe(true);
  expect(isSustained({ ...steady, ...calm, generatorLagMs: 1000 })).toBe(false);
  expect(isSustained({ ...steady, ...calm, unanswered: 1 })).toBe(false);
  expect(isSustained({ ...steady, ...calm, lateDownlinks: 1 })).toBe(false);
});

test("joins are found by their device, and each counts once", () => {
  const log = createArrivalLog(population);
  log.expect({ run: 1, kind: "join", devices: Float64Array.of(2, 0) });
  const joined = (device: number) => log.arrived(topicOf(device).replace("/up", "/join"), Buffer.from("{}"), 5);
  for (const device of [0, 2, 0, 1]) joined(device);
  expect(log.isComplete()).toBe(true);
  expect(log.report()).toMatchObject({ arrivedAtUs: Float64Array.of(5, 5), duplicated: 1, unexpected: 1 });
});

test("answers are timed from the last copy, and only those that came", () => {
  const sentAtUs = Float64Array.of(1000, 2000, 3000);
  expect(answersOf(sentAtUs, Float64Array.of(5000, 0, 4000))).toMatchObject({ count: 2, p50: 1, highest: 4 });
});

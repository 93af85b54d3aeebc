import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { createTimeline, type Slot } from "../../../network-server/downlink/timeline.ts";

const gateway = parseGatewayId("0000000000000001");
const second = 1_000_000;

/** A slot whose gateway counts in step with the server. */
const timed = (startUs: number, durationUs: number): Slot => ({ startUs, durationUs, counterUs: startUs >>> 0 });
const untimed = (startUs: number, durationUs: number): Slot => ({ startUs, durationUs });

test("C42 transmissions of one gateway neither overlap nor follow each other within 45 ms, as forwarders demand", () => {
  const timeline = createTimeline();
  expect(timeline.reserve(gateway, timed(1_000_000, 50_000), 0)).toBeDefined();
  expect(timeline.reserve(gateway, timed(1_020_000, 50_000), 0)).toBeUndefined();
  expect(timeline.reserve(gateway, timed(1_094_000, 50_000), 0)).toBeUndefined();
  expect(timeline.reserve(gateway, timed(906_000, 50_000), 0)).toBeUndefined();
  expect(timeline.reserve(gateway, timed(1_095_000, 50_000), 0)).toBeDefined();
  expect(timeline.reserve(gateway, timed(905_000, 50_000), 0)).toBeDefined();
});

test("C42 a short transmission within a long one is a collision, both ways", () => {
  for (const [first, later] of [
    [timed(second, 2 * second), timed(2 * second, 10_000)],
    [timed(2 * second, 10_000), timed(second, 2 * second)],
  ] as const) {
    const timeline = createTimeline();
    expect(timeline.reserve(gateway, first, 0)).toBeDefined();
    expect(timeline.reserve(gateway, later, 0)).toBeUndefined();
  }
});

test("C38 the counter's wrap does not hide a transmission", () => {
  const timeline = createTimeline();
  const at = (counterUs: number, durationUs: number): Slot => ({ startUs: second, durationUs, counterUs });
  expect(timeline.reserve(gateway, at(0xffff_fff0, 100_000), 0)).toBeDefined();
  expect(timeline.reserve(gateway, at(50_000, 10_000), 0)).toBeUndefined();
  expect(timeline.reserve(gateway, at(200_000, 10_000), 0)).toBeDefined();
});

test("C42 what is sent at once or at a GPS time keeps clear of what the counter times, by more", () => {
  const timeline = createTimeline();
  timeline.reserve(gateway, timed(second, 50_000), 0);
  expect(timeline.reserve(gateway, untimed(second + 100_000, 10_000), 0)).toBeUndefined();
  expect(timeline.reserve(gateway, untimed(second + 195_000, 10_000), 0)).toBeDefined();
});

test("the next free time is after the first gap that is too short", () => {
  const timeline = createTimeline();
  expect(timeline.nextFree(gateway, 100_000, 5 * second)).toBe(5 * second);
  timeline.reserve(gateway, timed(6 * second, 100_000), 0);
  timeline.reserve(gateway, timed(5 * second, 100_000), 0);
  expect(timeline.nextFree(gateway, 100_000, 5 * second)).toBe(5 * second + 245_000);
  expect(timeline.nextFree(gateway, 900_000, 5 * second)).toBe(6 * second + 245_000);
  expect(timeline.nextFree(gateway, 900_000, 7 * second)).toBe(7 * second);
  const startUs = timeline.nextFree(gateway, 900_000, 5 * second);
  expect(timeline.reserve(gateway, untimed(startUs, 900_000), 0)).toBeDefined();
});

test("time that is given back or past is free again", () => {
  const timeline = createTimeline();
  const release = timeline.reserve(gateway, timed(second, 50_000), 0);
  expect(timeline.reservedUs(gateway, 0)).toBe(50_000);
  release?.();
  expect(timeline.reservedUs(gateway, 0)).toBe(0);
  expect(timeline.reserve(gateway, timed(second, 50_000), 0)).toBeDefined();
  expect(timeline.reservedUs(gateway, 3 * second)).toBe(0);
});

test("a reservation does not outlive five minutes, however far ahead it was made", () => {
  const timeline = createTimeline();
  timeline.reserve(gateway, timed(3_000 * second, 50_000), 0);
  expect(timeline.reservedUs(gateway, 299 * second)).toBe(50_000);
  expect(timeline.reservedUs(gateway, 300 * second)).toBe(0);
});

test("gateways do not get in each other's way", () => {
  const timeline = createTimeline();
  timeline.reserve(gateway, timed(second, 50_000), 0);
  expect(timeline.reserve(parseGatewayId("0000000000000002"), timed(second, 50_000), 0)).toBeDefined();
});

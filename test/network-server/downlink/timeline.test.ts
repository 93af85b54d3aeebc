import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { createTimeline } from "../../../network-server/downlink/timeline.ts";

const gateway = parseGatewayId("0000000000000001");

test("C42 transmissions of one gateway neither overlap nor follow each other within 30 ms", () => {
  const timeline = createTimeline();
  expect(timeline.reserve(gateway, 1_000_000, 50_000, 0)).toBeDefined();
  expect(timeline.reserve(gateway, 1_020_000, 50_000, 0)).toBeUndefined();
  expect(timeline.reserve(gateway, 1_079_000, 50_000, 0)).toBeUndefined();
  expect(timeline.reserve(gateway, 921_000, 50_000, 0)).toBeUndefined();
  expect(timeline.reserve(gateway, 1_080_000, 50_000, 0)).toBeDefined();
  expect(timeline.reserve(gateway, 920_000, 50_000, 0)).toBeDefined();
});

test("C38 the counter's wrap does not hide a transmission", () => {
  const timeline = createTimeline();
  expect(timeline.reserve(gateway, 0xffff_fff0, 100_000, 0)).toBeDefined();
  expect(timeline.reserve(gateway, 50_000, 10_000, 0)).toBeUndefined();
  expect(timeline.reserve(gateway, 200_000, 10_000, 0)).toBeDefined();
});

test("time that is given back or past is free again", () => {
  const timeline = createTimeline();
  const release = timeline.reserve(gateway, 1_000_000, 50_000, 0);
  expect(timeline.reservedUs(gateway, 0)).toBe(50_000);
  release?.();
  expect(timeline.reserve(gateway, 1_000_000, 50_000, 0)).toBeDefined();
  expect(timeline.reservedUs(gateway, 31_000_000)).toBe(0);
});

test("gateways do not get in each other's way", () => {
  const timeline = createTimeline();
  timeline.reserve(gateway, 1_000_000, 50_000, 0);
  expect(timeline.reserve(parseGatewayId("0000000000000002"), 1_000_000, 50_000, 0)).toBeDefined();
});

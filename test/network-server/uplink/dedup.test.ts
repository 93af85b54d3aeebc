import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import type { Reception } from "../../../network-server/gateway/types.ts";
import { createCollector } from "../../../network-server/uplink/dedup.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

const setUp = () => {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  return { clock, metrics, collector: createCollector({ clock, metrics, longestWindowMs: 200 }) };
};

function reception(clock: VirtualClock, gateway: number, changes: Partial<Reception> = {}): Reception {
  const gatewayId = parseGatewayId(gateway.toString(16).padStart(16, "0"));
  return {
    gatewayId,
    phyPayload: Uint8Array.of(0x40, 1, 2, 3),
    frequencyHz: 868_100_000,
    modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
    rssiDbm: -60,
    snrDb: 7,
    counterUs: clock.monotonicUs(),
    receivedAtUs: clock.monotonicUs(),
    receivedAtMs: clock.nowMs(),
    rxInfo: { gatewayId, uplinkId: gateway },
    txInfo: { frequency: 868_100_000, modulation: { fsk: { datarate: 50_000 } } },
    ...changes,
  };
}

test("C14 copies of one frame from three gateways are one collection", async () => {
  const { clock, collector } = setUp();
  const collection = collector.add(reception(clock, 1));
  await clock.advance(30);
  expect(collector.add(reception(clock, 2))).toBeUndefined();
  await clock.advance(100);
  expect(collector.add(reception(clock, 3))).toBeUndefined();
  await clock.advance(200);
  expect((await collection?.collected)?.map(copy => copy.rxInfo.uplinkId)).toEqual([1, 2, 3]);
});

test("C73 a gateway that alters radio metadata does not split the set", async () => {
  const { clock, collector } = setUp();
  collector.add(reception(clock, 1));
  expect(collector.add(reception(clock, 2, { frequencyHz: 868_300_000, snrDb: -3 }))).toBeUndefined();
});

test("a copy that comes after its window is counted and not taken for a new frame", async () => {
  const { clock, collector, metrics } = setUp();
  collector.add(reception(clock, 1));
  await clock.advance(900);
  expect(collector.add(reception(clock, 2))).toBeUndefined();
  expect((await metrics.lateCopies.get()).values[0]?.value).toBe(1);
});

test("C13 the same frame from the same gateway seconds later is a transmission of its own", async () => {
  const { clock, collector } = setUp();
  collector.add(reception(clock, 1));
  await clock.advance(2500);
  expect(collector.add(reception(clock, 1))).toBeDefined();
});

test("C13 so it is where the gateway's counter stands still", async () => {
  const { clock, collector } = setUp();
  collector.add(reception(clock, 1, { counterUs: 5 }));
  await clock.advance(2500);
  expect(collector.add(reception(clock, 1, { counterUs: 5 }))).toBeDefined();
});

test("one gateway's copies of a frame on neighbouring channels are one reception, the stronger", async () => {
  const { clock, collector } = setUp();
  const collection = collector.add(reception(clock, 1, { snrDb: -9 }));
  collector.add(reception(clock, 1, { snrDb: 5 }));
  collection?.close();
  expect((await collection?.collected)?.map(copy => copy.snrDb)).toEqual([5]);
});

test("in a network where copies are quick the window becomes short", async () => {
  const { clock, collector } = setUp();
  for (let frame = 0; frame < 200; frame += 1) {
    const phyPayload = Uint8Array.of(0x40, frame);
    const collection = collector.add(reception(clock, 1, { phyPayload }));
    collector.add(reception(clock, 2, { phyPayload }));
    await clock.advance(200);
    await collection?.collected;
  }
  let closed = false;
  void collector.add(reception(clock, 1))?.collected.then(() => {
    closed = true;
  });
  await clock.advance(25);
  expect(closed).toBe(true);
});

import { expect, test } from "vitest";
import { gpsMsOf } from "../../../lorawan/gps-time.ts";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { type PingWindow, pingWindowAfter } from "../../../network-server/downlink/class-b.ts";
import { createLocalSender } from "../../../network-server/downlink/gateway-sender.ts";
import { createPingTransmitter, type PingOrder } from "../../../network-server/downlink/ping-slots.ts";
import { createSchedule } from "../../../network-server/downlink/schedule.ts";
import type { GatewayTransport, Transmission, TransmissionFailure } from "../../../network-server/gateway/types.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { scenarioProfile } from "../../support/scenario.ts";
import { someSession } from "../../support/sessions.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const near = parseGatewayId("0000000000000001");
const far = parseGatewayId("0000000000000002");
const modulation = { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 } as const;
const links = [
  { gatewayId: far, snrDb: -2, rssiDbm: -110, modulation, hasGpsTime: true },
  { gatewayId: near, snrDb: 9, rssiDbm: -80, modulation, hasGpsTime: true },
];
const phyPayload = Buffer.from(`60cd23ab01000000${"0a"}${"00".repeat(10)}01020304`, "hex");
/** 7.68 s from one ping slot to the next. */
const profile = { ...scenarioProfile("EU868"), supportsClassB: true, pingSlotPeriodicity: 3 };
const session = someSession({ classB: {} });

interface Bench {
  /** In the order in which gateways are asked; at the end of the list, that the frame was sent. */
  readonly script?: readonly (TransmissionFailure | "sent")[];
  readonly hasGpsTime?: GatewayTransport["hasGpsTime"];
  readonly leadMs?: number;
}

function bench({ script = [], hasGpsTime, leadMs = 50 }: Bench = {}) {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const schedule = createSchedule({ metrics });
  const asked: (Transmission & { readonly atGpsMs: number })[] = [];
  const taken: string[] = [];
  const transport: GatewayTransport = {
    reaches: () => true,
    leadMs: () => leadMs,
    ...(hasGpsTime && { hasGpsTime }),
    async transmit(transmission) {
      const reason = script[asked.length] ?? "sent";
      asked.push({ ...transmission, atGpsMs: gpsMsOf(clock.nowMs()) });
      return reason === "sent" ? { kind: "sent" } : { kind: "failed", reason };
    },
  };
  const sender = createLocalSender({ clock, metrics, schedule, transport });
  const transmitter = createPingTransmitter({ clock, sender });
  const next = (afterMs: number): PingWindow => {
    const ping = pingWindowAfter(session, profile, afterMs);
    if (!ping) throw new Error("the device has ping slots");
    return ping;
  };
  const first = next(clock.nowMs() + 1_000);
  const order = (changes: Partial<PingOrder> = {}): PingOrder => ({
    downlinkId: 1,
    phyPayload,
    gateways: links,
    first,
    next: ({ startsAtMs }) => next(startsAtMs),
    async take(ping, step) {
      taken.push(`${step} ${ping.startsAtMs}`);
      return true;
    },
    ...changes,
  });
  const send = async (changes: Partial<PingOrder> = {}) => {
    await clock.advance(first.startsAtMs - clock.nowMs() - 1_000);
    const outcome = transmitter.send(order(changes));
    await clock.advance(300_000);
    return outcome;
  };
  return { clock, schedule, asked, taken, transmitter, first, next, send };
}

test("C45 the gateway with the best link gets the frame for the ping slot's GPS time, inverted", async () => {
  const { asked, first, send } = bench();
  expect(await send()).toMatchObject({ kind: "sent", gatewayId: near, ping: first });
  expect(asked).toMatchObject([
    {
      gatewayId: near,
      timing: { kind: "at-gps-time", gpsTimeMs: first.slot.gpsTimeMs },
      frequencyHz: 869_525_000,
      invertPolarization: true,
    },
  ]);
});

test("C47 a gateway without GPS time is not asked; what its transport knows goes before what the device's uplink showed", async () => {
  const lost = bench({ hasGpsTime: gatewayId => (gatewayId === near ? false : undefined) });
  expect(await lost.send()).toMatchObject({ kind: "sent", gatewayId: far });
  expect(lost.asked).toHaveLength(1);
  const none = bench();
  const without = links.map(({ hasGpsTime: _, ...link }) => link);
  expect(await none.send({ gateways: without })).toEqual({ kind: "failed", attempts: [] });
  const found = bench({ hasGpsTime: () => true });
  expect(await found.send({ gateways: without })).toMatchObject({ kind: "sent", gatewayId: near });
});

test("C41 the next gateway is asked for the same slot, and then both for the next one", async () => {
  const { asked, taken, first, next, send } = bench({ script: ["COLLISION_BEACON", "TX_FREQ"] });
  const second = next(first.startsAtMs);
  expect(await send()).toMatchObject({ kind: "sent", gatewayId: near, ping: second });
  expect(asked.map(({ gatewayId }) => gatewayId)).toEqual([near, far, near]);
  expect(asked.map(({ timing }) => timing)).toEqual(
    [first, first, second].map(({ slot }) => ({ kind: "at-gps-time", gpsTimeMs: slot.gpsTimeMs })),
  );
  expect(taken).toEqual([`postponed ${second.startsAtMs}`, `handed-over ${second.startsAtMs}`]);
  expect(second.slot.gpsTimeMs - (asked[2]?.atGpsMs ?? 0)).toBe(1_000);
});

test("C41 three slots that no gateway takes are enough, and each refusal is told", async () => {
  const refused = Array.from({ length: 9 }, () => "COLLISION_BEACON" as const);
  const { asked, first, send } = bench({ script: refused });
  const outcome = await send();
  expect(asked).toHaveLength(6);
  expect(outcome).toMatchObject({ kind: "failed" });
  expect(outcome.kind === "failed" && outcome.attempts[0]).toEqual({
    gatewayId: near,
    gpsTimeMs: first.slot.gpsTimeMs,
    reason: "COLLISION_BEACON",
  });
});

test("C41 a gateway that says nothing may be sending: no other is asked for that slot", async () => {
  const { asked, send } = bench({ script: ["NO_TX_ACK"] });
  expect(await send()).toMatchObject({ kind: "sent", gatewayId: near });
  expect(asked.map(({ gatewayId }) => gatewayId)).toEqual([near, near]);
});

test("C20 a frame that something newer has overtaken is taken back, before and after the wait for the next slot", async () => {
  for (const step of ["postponed", "handed-over"]) {
    const { asked, send } = bench({ script: ["TX_FREQ", "TX_FREQ"] });
    const take: PingOrder["take"] = async (_, now) => now !== step;
    expect(await send({ take })).toEqual({ kind: "withdrawn" });
    expect(asked).toHaveLength(2);
  }
});

test("what waits for a slot when the server stops is taken back at once", async () => {
  const { clock, asked, transmitter, send } = bench({ script: ["TX_FREQ", "TX_FREQ"] });
  clock.after(20_000, () => {});
  const outcome = send({
    next: ping => ({
      ...ping,
      startsAtMs: ping.startsAtMs + 60_000,
      slot: { ...ping.slot, gpsTimeMs: ping.slot.gpsTimeMs + 60_000 },
    }),
  });
  await clock.settle();
  clock.after(15_000, () => transmitter.stop());
  expect(await outcome).toEqual({ kind: "withdrawn" });
  expect(asked).toHaveLength(2);
});

test("C42 a slot in which the gateway is busy goes to the other one", async () => {
  const { clock, asked, schedule, first, send } = bench();
  const startUs = clock.monotonicUs() + (first.startsAtMs - clock.nowMs()) * 1000;
  schedule.claim({ gatewayId: near, slot: { startUs: startUs - 50_000, durationUs: 100_000 }, priority: "class-a" }, 0);
  expect(await send()).toMatchObject({ kind: "sent", gatewayId: far });
  expect(asked).toHaveLength(1);
});

test("C43 class B leaves the last part of a sub-band's air time to answers", async () => {
  const { schedule, first, send } = bench();
  const { subBand } = first.window;
  if (!subBand) throw new Error("869.525 MHz is in a sub-band");
  const durationUs = Math.floor(subBand.dutyCycle * 0.7 * 3_600_000_000);
  const past = { startUs: -durationUs - 1_000_000, durationUs };
  schedule.claim({ gatewayId: near, slot: past, subBand, priority: "class-c" }, 0);
  expect(await send({ gateways: links.slice(1) })).toMatchObject({
    kind: "failed",
    attempts: [{ reason: "DUTY_CYCLE_OVERFLOW" }, {}, {}],
  });
});

test("a slow way to the gateway is allowed for, and a frame that would be late goes to the next slot", async () => {
  const slow = bench({ leadMs: 1_200 });
  expect(slow.transmitter.leadMs(links)).toBe(1_700);
  expect(bench().transmitter.leadMs(links)).toBe(1_000);
  const { next, first, send } = slow;
  // Handed over a second before its time, which is too late for it.
  expect(await send()).toMatchObject({ kind: "sent", ping: next(first.startsAtMs) });
});

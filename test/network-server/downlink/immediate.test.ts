import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { airtimeUs } from "../../../lorawan/phy/airtime.ts";
import { classCWindow } from "../../../network-server/downlink/class-c.ts";
import { createLocalSender } from "../../../network-server/downlink/gateway-sender.ts";
import { createImmediateTransmitter, type ImmediateOrder } from "../../../network-server/downlink/immediate.ts";
import { createSchedule } from "../../../network-server/downlink/schedule.ts";
import type { GatewayTransport, Transmission, TransmissionFailure } from "../../../network-server/gateway/types.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { someSession } from "../../support/sessions.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const near = parseGatewayId("0000000000000001");
const far = parseGatewayId("0000000000000002");
const modulation = { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 } as const;
const links = [
  { gatewayId: far, snrDb: -2, rssiDbm: -110, modulation },
  { gatewayId: near, snrDb: 9, rssiDbm: -80, modulation },
];
const phyPayload = Buffer.from(`60cd23ab01000000${"0a"}${"00".repeat(10)}01020304`, "hex");
const window = classCWindow(someSession());
if (!window) throw new Error("EU868 has an RX2");
const channel = window;
const airtimeMs = airtimeUs(channel.modulation, phyPayload.length, { crc: false }) / 1000;

/** A transport that answers as it is told, in order; when the list is at its end, that the frame was sent. */
function bench(script: readonly (TransmissionFailure | "sent")[] = []) {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const schedule = createSchedule({ metrics });
  const asked: (Transmission & { readonly atMs: number })[] = [];
  const transport: GatewayTransport = {
    reaches: () => true,
    async transmit(transmission) {
      const reason = script[asked.length] ?? "sent";
      asked.push({ ...transmission, atMs: clock.monotonicUs() / 1000 });
      return reason === "sent" ? { kind: "sent" } : { kind: "failed", reason };
    },
  };
  const sender = createLocalSender({ clock, metrics, schedule, transport });
  const transmitter = createImmediateTransmitter({ clock, sender });
  const send = async (changes: Partial<ImmediateOrder> = {}) => {
    const order = { downlinkId: 1, phyPayload, channel, gateways: links, stillDue: async () => true, ...changes };
    const outcome = transmitter.send(order);
    await clock.advance(20_000);
    return outcome;
  };
  return { clock, schedule, asked, send };
}

test("the gateway with the best link sends at once, inverted, and the end of the frame is known", async () => {
  const { asked, send } = bench();
  expect(await send()).toMatchObject({ kind: "sent", gatewayId: near, endsInMs: airtimeMs });
  expect(asked).toMatchObject([
    { gatewayId: near, atMs: 0, timing: { kind: "immediately" }, frequencyHz: 869_525_000, invertPolarization: true },
  ]);
});

test("C42 a busy gateway sends as soon as it is free, with the guard time between", async () => {
  const { asked, schedule, send } = bench();
  schedule.claim({ gatewayId: near, slot: { startUs: 500_000, durationUs: 200_000 }, priority: "class-a" }, 0);
  expect(await send({ gateways: links.slice(1) })).toMatchObject({ kind: "sent" });
  expect(asked[0]?.atMs).toBeGreaterThanOrEqual(730);
  expect(asked[0]?.atMs).toBeLessThan(1_000);
});

test("a gateway that is busy for long leaves the frame to the next", async () => {
  const { asked, schedule, send } = bench();
  schedule.claim({ gatewayId: near, slot: { startUs: 0, durationUs: 5_000_000 }, priority: "class-a" }, 0);
  await send();
  expect(asked).toMatchObject([{ gatewayId: far, atMs: 0 }]);
});

test("C20 a frame that something newer has overtaken while it waited is taken back, and its time is free again", async () => {
  const { asked, schedule, send } = bench();
  schedule.claim({ gatewayId: near, slot: { startUs: 0, durationUs: 1_000_000 }, priority: "class-a" }, 0);
  expect(await send({ gateways: links.slice(1), stillDue: async () => false })).toEqual({ kind: "withdrawn" });
  expect(asked).toEqual([]);
  expect(schedule.reservedUs(near, 1_000_000)).toBe(1_000_000);
});

test("C20 a frame that something newer has overtaken while a gateway refused it goes to no other gateway", async () => {
  const { asked, send } = bench(["TX_FREQ"]);
  expect(await send({ stillDue: async () => false })).toEqual({ kind: "withdrawn" });
  expect(asked.map(({ gatewayId }) => gatewayId)).toEqual([near]);
});

test("C41 every gateway that refuses is followed by the next, and each refusal is told", async () => {
  const { asked, send } = bench(["TX_FREQ", "GATEWAY_OFFLINE"]);
  expect(await send()).toEqual({
    kind: "failed",
    attempts: [
      { gatewayId: near, reason: "TX_FREQ" },
      { gatewayId: far, reason: "GATEWAY_OFFLINE" },
    ],
  });
  expect(asked.map(({ gatewayId }) => gatewayId)).toEqual([near, far]);
});

test("a gateway that says nothing may be sending: the next one waits for the end of the frame", async () => {
  const { asked, send } = bench(["NO_TX_ACK"]);
  expect(await send()).toMatchObject({ kind: "sent", gatewayId: far });
  expect(asked[1]?.atMs).toBeGreaterThanOrEqual(airtimeMs);
});

test("C43 class C leaves the last part of a sub-band's air time to answers", async () => {
  const { schedule, send } = bench();
  const { subBand } = channel;
  if (!subBand) throw new Error("869.525 MHz is in a sub-band");
  const durationUs = Math.floor(subBand.dutyCycle * 0.7 * 3_600_000_000);
  const past = { startUs: -durationUs - 1_000_000, durationUs };
  schedule.claim({ gatewayId: near, slot: past, subBand, priority: "class-c" }, 0);
  expect(await send({ gateways: links.slice(1) })).toEqual({
    kind: "failed",
    attempts: [{ gatewayId: near, reason: "DUTY_CYCLE_OVERFLOW" }],
  });
});

import { expect, test } from "vitest";
import { gpsMsOf } from "../../../../lorawan/gps-time.ts";
import type { Transmission } from "../../../../network-server/gateway/types.ts";
import { createUdpTransport } from "../../../../network-server/gateway/udp/server.ts";
import { createVirtualNetwork, type VirtualPeer } from "../../../support/virtual-datagrams.ts";
import { datagram, gatewayA, gatewayConfig, log, registryBench } from "../fixtures.ts";

const pullData = 2;
const txAck = 5;

const transmission: Transmission = {
  downlinkId: 1,
  gatewayId: gatewayA,
  phyPayload: Uint8Array.of(0x60, 1, 2, 3),
  timing: { kind: "immediately" },
  frequencyHz: 868_100_000,
  modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
  eirpDbm: 16,
  invertPolarization: true,
};

async function connectedGateway() {
  const base = await registryBench([gatewayConfig(gatewayA)]);
  const network = createVirtualNetwork();
  const transport = createUdpTransport({
    socket: network.server,
    events: { reception: () => {} },
    gateways: base.registry,
    clock: base.clock,
    log,
    metrics: base.metrics,
    randomUint16: () => 7,
  });
  const peer: VirtualPeer = network.peer("192.0.2.1", 40_000);
  peer.send(datagram(pullData, gatewayA));
  await base.clock.settle();
  return { ...base, transport, acknowledge: (body = "") => peer.send(datagram(txAck, gatewayA, body, { token: 7 })) };
}

test("a gateway that has never sent a TX_ACK is believed to send; one that has is not", async () => {
  const { transport, clock, acknowledge } = await connectedGateway();
  const first = transport.transmit(transmission);
  await clock.advance(2000);
  expect(await first).toEqual({ kind: "sent", warning: "NO_TX_ACK" });
  const second = transport.transmit(transmission);
  acknowledge();
  expect(await second).toEqual({ kind: "sent" });
  const third = transport.transmit(transmission);
  await clock.advance(2000);
  expect(await third).toEqual({ kind: "failed", reason: "NO_TX_ACK" });
});

test("a downlink must leave the earlier the longer the measured round trip is", async () => {
  const { transport, clock, acknowledge } = await connectedGateway();
  expect(transport.leadMs?.(gatewayA)).toBe(45);
  const outcome = transport.transmit(transmission);
  await clock.advance(120);
  acknowledge();
  await outcome;
  expect(transport.leadMs?.(gatewayA)).toBe(165);
});

test.each([
  ["long before the frame's time is a round trip", 600, "", 645],
  ["at the frame's time may have waited for it", 950, "", 45],
  ["is a round trip where it refuses the frame", 950, '{"txpk_ack":{"error":"TOO_LATE"}}', 995],
])("a TX_ACK %s", async (_, afterMs, body, expectedLeadMs) => {
  const { transport, clock, acknowledge } = await connectedGateway();
  const timing = { kind: "at-gps-time", gpsTimeMs: gpsMsOf(clock.nowMs()) + 1000 } as const;
  const outcome = transport.transmit({ ...transmission, timing });
  await clock.advance(afterMs);
  acknowledge(body);
  await outcome;
  expect(transport.leadMs?.(gatewayA)).toBe(expectedLeadMs);
});

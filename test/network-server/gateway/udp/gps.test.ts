import { expect, test } from "vitest";
import { createUdpTransport } from "../../../../network-server/gateway/udp/server.ts";
import { createVirtualNetwork } from "../../../support/virtual-datagrams.ts";
import { datagram, gatewayA, gatewayConfig, log, loraRxpk, registryBench, type TestStateStore } from "../fixtures.ts";

const pushData = 0;
const pullData = 2;
const txAck = 5;
const hourMs = 3_600_000;

async function gateway(store?: TestStateStore) {
  const base = await registryBench([gatewayConfig(gatewayA)], store && { store });
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
  const peer = network.peer("192.0.2.1", 40_000);
  peer.send(datagram(pullData, gatewayA));
  await base.clock.settle();
  const heard = async (...rxpk: object[]) => {
    peer.send(datagram(pushData, gatewayA, JSON.stringify({ rxpk })));
    await base.clock.settle();
  };
  const refuse = (error: string) =>
    peer.send(datagram(txAck, gatewayA, JSON.stringify({ txpk_ack: { error } }), { token: 7 }));
  return { ...base, transport, peer, heard, refuse, hasGpsTime: () => transport.hasGpsTime?.(gatewayA) };
}

const withGps = { ...loraRxpk, tmms: 1_449_000_000_000 };

test("C47 a gateway has GPS time when the last frame that it heard came with it", async () => {
  const { heard, hasGpsTime } = await gateway();
  expect(hasGpsTime()).toBeUndefined();
  await heard(loraRxpk, withGps);
  expect(hasGpsTime()).toBe(true);
  await heard(withGps, loraRxpk);
  expect(hasGpsTime()).toBe(false);
  // Forwarders without a fix write zero.
  await heard({ ...loraRxpk, tmms: 0 });
  expect(hasGpsTime()).toBe(false);
});

test("C47 what brings no frame says nothing of GPS time", async () => {
  const { heard, peer, clock, hasGpsTime } = await gateway();
  await heard(withGps);
  peer.send(datagram(pushData, gatewayA, JSON.stringify({ stat: { rxnb: 1 } })));
  await heard({ ...loraRxpk, stat: -1 });
  await clock.settle();
  expect(hasGpsTime()).toBe(true);
});

test("C47 GPS_UNLOCKED ends it, and other refusals do not", async () => {
  const { heard, refuse, transport, clock, hasGpsTime } = await gateway();
  await heard(withGps);
  const transmission = {
    downlinkId: 1,
    gatewayId: gatewayA,
    phyPayload: Uint8Array.of(0x60, 1, 2, 3),
    timing: { kind: "at-gps-time", gpsTimeMs: 1_449_000_010_000 },
    frequencyHz: 869_525_000,
    modulation: { kind: "lora", spreadingFactor: 9, bandwidthHz: 125_000 },
    eirpDbm: 27,
    invertPolarization: true,
  } as const;
  for (const [error, left] of [
    ["COLLISION_BEACON", true],
    ["GPS_UNLOCKED", false],
  ] as const) {
    const outcome = transport.transmit(transmission);
    refuse(error);
    await clock.settle();
    expect(await outcome).toEqual({ kind: "failed", reason: error });
    expect(hasGpsTime()).toBe(left);
  }
});

test("C47 it is known for a day and outlives a restart of the server", async () => {
  const first = await gateway();
  await first.heard(withGps);
  await first.registry.stop();
  const { clock, registry, hasGpsTime } = await gateway(first.store);
  expect(hasGpsTime()).toBe(true);
  expect(registry.status(gatewayA)?.gps).toEqual({ hasTime: true, atMs: clock.nowMs() });
  await clock.advance(24 * hourMs);
  expect(hasGpsTime()).toBe(true);
  await clock.advance(2 * hourMs);
  expect(hasGpsTime()).toBe(false);
});

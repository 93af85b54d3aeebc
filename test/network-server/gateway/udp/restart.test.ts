import { expect, test } from "vitest";
import type { Transmission } from "../../../../network-server/gateway/types.ts";
import { createUdpTransport } from "../../../../network-server/gateway/udp/server.ts";
import { createVirtualNetwork } from "../../../support/virtual-datagrams.ts";
import {
  datagram,
  gatewayA,
  gatewayConfig,
  log,
  loraRxpk,
  type RegistryBench,
  registryBench,
  TestStateStore,
} from "../fixtures.ts";

const pushData = 0;
const pullData = 2;

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

function serve({ registry: gateways, clock, metrics }: RegistryBench) {
  const network = createVirtualNetwork();
  const events = { reception: () => {} };
  const randomUint16 = () => 7;
  const socket = network.server;
  return { network, transport: createUdpTransport({ socket, events, gateways, clock, log, metrics, randomUint16 }) };
}

/** A server that a gateway has announced itself to, and that has written down what it knows. */
async function storeOfFirstServer(): Promise<TestStateStore> {
  const store = new TestStateStore();
  const first = await registryBench([gatewayConfig(gatewayA)], { store });
  serve(first).network.peer("192.0.2.1", 40_000).send(datagram(pullData, gatewayA));
  await first.clock.settle();
  await first.registry.stop();
  return store;
}

test("a server that starts again answers through the gateway's last return path, before the next PULL_DATA", async () => {
  const second = await registryBench([gatewayConfig(gatewayA)], { store: await storeOfFirstServer() });
  const { network, transport } = serve(second);
  const puller = network.peer("192.0.2.1", 40_000);
  network.peer("192.0.2.1", 41_000).send(datagram(pushData, gatewayA, JSON.stringify({ rxpk: [loraRxpk] })));
  await second.clock.settle();
  expect(transport.reaches(gatewayA)).toBe(true);
  void transport.transmit(transmission);
  expect(puller.received[0]?.[3]).toBe(3);
});

test("a return path of long ago is not used", async () => {
  const second = await registryBench([gatewayConfig(gatewayA)], { store: await storeOfFirstServer() });
  const { network, transport } = serve(second);
  await second.clock.advance(100_000);
  network.peer("192.0.2.1", 41_000).send(datagram(pushData, gatewayA, JSON.stringify({ rxpk: [loraRxpk] })));
  await second.clock.settle();
  expect(transport.reaches(gatewayA)).toBe(false);
});

import { expect, test } from "vitest";
import { createUdpTransport } from "../../../../network-server/gateway/udp/server.ts";
import { createVirtualNetwork } from "../../../support/virtual-datagrams.ts";
import { counted, datagram, gatewayA, gatewayConfig, log, loraRxpk, registryBench } from "../fixtures.ts";

test("uplinks that there is no room for are shed, counted and not acknowledged; gateways are kept in reach", async () => {
  const { registry, clock, metrics } = await registryBench([gatewayConfig(gatewayA)]);
  const network = createVirtualNetwork();
  let hasRoom = true;
  let receptions = 0;
  const reception = () => {
    receptions += 1;
  };
  const events = { reception, hasRoom: () => hasRoom };
  const options = { socket: network.server, events, gateways: registry, clock, log, metrics, randomUint16: () => 1 };
  const transport = createUdpTransport(options);
  const peer = network.peer("192.0.2.1", 40_000);
  const pushed = async (): Promise<readonly (number | undefined)[]> => {
    peer.received.length = 0;
    peer.send(datagram(0, gatewayA, JSON.stringify({ rxpk: [loraRxpk] })));
    peer.send(datagram(2, gatewayA, ""));
    await clock.settle();
    return peer.received.map(bytes => bytes[3]);
  };
  const [pushAck, pullAck] = [1, 4];
  expect(await pushed()).toEqual([pushAck, pullAck]);
  hasRoom = false;
  expect(await pushed()).toEqual([pullAck]);
  expect(receptions).toBe(1);
  expect(await counted(metrics.gatewayRefused, "overload")).toBe(1);
  expect(transport.reaches(gatewayA)).toBe(true);
  hasRoom = true;
  expect(await pushed()).toEqual([pushAck, pullAck]);
  expect(receptions).toBe(2);
});

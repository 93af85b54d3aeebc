import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { createGatewayRegistry } from "../../../../network-server/gateway/registry.ts";
import type { Reception } from "../../../../network-server/gateway/types.ts";
import { createUdpTransport } from "../../../../network-server/gateway/udp/server.ts";
import { openUdpSocket } from "../../../../network-server/gateway/udp/socket.ts";
import { systemClock } from "../../../../platform/clock.ts";
import { createMetrics } from "../../../../platform/metrics.ts";
import { datagram, gatewayA, gatewayConfig, log, loraRxpk, TestCatalog, TestStateStore } from "../fixtures.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(port = 0) {
  const socket = await openUdpSocket({ bind: "127.0.0.1", port, log });
  closing.push(() => socket.close());
  return socket;
}

/** A gateway on a socket of its own. */
async function gatewaySocket(serverPort: number): Promise<Socket> {
  const socket = createSocket("udp4");
  closing.push(() => new Promise(resolve => socket.close(() => resolve())));
  socket.connect(serverPort, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

async function nextDatagram(socket: Socket): Promise<Buffer> {
  const [bytes]: unknown[] = await once(socket, "message", { signal: AbortSignal.timeout(10_000) });
  if (!Buffer.isBuffer(bytes)) throw new Error("no datagram");
  return bytes;
}

describe("a UDP socket", () => {
  test("serves a gateway from PULL_DATA over an uplink to the TX_ACK", async () => {
    const socket = await open();
    const catalog = new TestCatalog();
    catalog.put(gatewayConfig(gatewayA));
    const metrics = createMetrics();
    const base = { clock: systemClock, log, metrics };
    const gateways = createGatewayRegistry({ catalog, store: new TestStateStore(), ...base });
    await gateways.start();
    closing.push(() => gateways.stop());
    const receptions: Reception[] = [];
    const events = { reception: (reception: Reception) => receptions.push(reception) };
    const transport = createUdpTransport({ socket, events, gateways, ...base, randomUint16: () => 0xbeef });
    const gateway = await gatewaySocket(socket.port);

    gateway.send(datagram(2, gatewayA));
    expect((await nextDatagram(gateway)).toString("hex")).toBe("02123404");
    gateway.send(datagram(0, gatewayA, JSON.stringify({ rxpk: [loraRxpk] })));
    expect((await nextDatagram(gateway)).toString("hex")).toBe("02123401");
    expect(receptions).toHaveLength(1);

    const reception = receptions[0];
    if (!reception) throw new Error("no reception");
    const arriving = nextDatagram(gateway);
    const outcome = transport.transmit({
      downlinkId: 1,
      gatewayId: gatewayA,
      phyPayload: Uint8Array.of(1, 2, 3),
      timing: { kind: "at-counter", counterUs: reception.counterUs + 1_000_000 },
      frequencyHz: reception.frequencyHz,
      modulation: reception.modulation,
      eirpDbm: 16,
      invertPolarization: true,
      answerTo: reception,
    });
    const downlink = await arriving;
    expect(downlink.toString("hex", 0, 4)).toBe("02beef03");
    expect(JSON.parse(downlink.toString("utf8", 4))).toMatchObject({ txpk: { tmst: 3513348611, data: "AQID" } });
    gateway.send(datagram(5, gatewayA, '{"txpk_ack":{"error":"NONE"}}', { token: 0xbeef }));
    expect(await outcome).toEqual({ kind: "sent" });
    expect(gateways.status(gatewayA)).toMatchObject({ online: true, counts: { uplinks: 1, downlinks: 1 } });
  });

  test("sends what it is to send soon after this turn of the event loop, in order, and before it closes", async () => {
    const socket = await open();
    const gateway = await gatewaySocket(socket.port);
    const source = { address: "127.0.0.1", port: gateway.address().port };
    const arrived: string[] = [];
    const all = new Promise<void>(resolve => {
      gateway.on("message", bytes => {
        arrived.push(String(bytes));
        if (arrived.length === 4) resolve();
      });
    });
    socket.sendSoon(Buffer.from("first"), source);
    socket.sendSoon(Buffer.from("second"), source);
    socket.sendSoon(Buffer.from("to nowhere"), { ...source, port: 0 });
    socket.send(Buffer.from("at once"), source);
    await new Promise(resolve => setImmediate(resolve));
    socket.sendSoon(Buffer.from("last"), source);
    await socket.close();
    socket.sendSoon(Buffer.from("too late"), source);
    await all;
    expect(arrived).toEqual(["at once", "first", "second", "last"]);
  });

  test("on a port that is taken fails and names the option", async () => {
    const first = await open();
    await expect(openUdpSocket({ bind: "127.0.0.1", port: first.port, log })).rejects.toMatchObject({
      code: "port_taken",
      details: { port: first.port },
      message: expect.stringContaining("--udp-port"),
    });
  });

  test.each(["localhost", "300.0.0.1", "", "203.0.113.77"])("cannot be bound to %j", async bind => {
    await expect(openUdpSocket({ bind, port: 0, log })).rejects.toMatchObject({ code: "malformed_value" });
  });

  test("hears IPv6", async () => {
    const socket = await openUdpSocket({ bind: "::1", port: 0, log });
    closing.push(() => socket.close());
    const heard = new Promise<string>(resolve => {
      socket.onMessage((bytes, from) => {
        socket.send(bytes, from);
        resolve(from.address);
      });
    });
    const gateway = createSocket("udp6");
    closing.push(() => new Promise(resolve => gateway.close(() => resolve())));
    const echo = once(gateway, "message", { signal: AbortSignal.timeout(10_000) });
    gateway.send(Buffer.from("hello"), socket.port, "::1");
    expect(await heard).toBe("::1");
    expect(String((await echo)[0])).toBe("hello");
  });

  test("takes sends to port 0 and sends after its end without a fault", async () => {
    const socket = await open();
    socket.send(Buffer.from("x"), { address: "127.0.0.1", port: 0 });
    await socket.close();
    await socket.close();
    expect(() => socket.send(Buffer.from("x"), { address: "127.0.0.1", port: 9 })).not.toThrow();
  });
});

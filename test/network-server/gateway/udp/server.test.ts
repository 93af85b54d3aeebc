import { describe, expect, test } from "vitest";
import { gpsMsOf } from "../../../../lorawan/gps-time.ts";
import type { Reception, Transmission, TransmissionOutcome } from "../../../../network-server/gateway/types.ts";
import { createUdpTransport } from "../../../../network-server/gateway/udp/server.ts";
import type { GatewayConfig } from "../../../../network-server/ports.ts";
import { createVirtualNetwork, type VirtualPeer } from "../../../support/virtual-datagrams.ts";
import { counted, datagram, gatewayA, gatewayB, gatewayConfig, log, loraRxpk, registryBench } from "../fixtures.ts";

const pushData = 0;
const pullData = 2;
const txAck = 5;

async function bench(configs: readonly GatewayConfig[] = [gatewayConfig(gatewayA)], startToken = 0x7000) {
  const base = await registryBench(configs);
  const network = createVirtualNetwork();
  const receptions: Reception[] = [];
  let token = startToken;
  const transport = createUdpTransport({
    socket: network.server,
    events: { reception: reception => receptions.push(reception) },
    gateways: base.registry,
    clock: base.clock,
    log,
    metrics: base.metrics,
    randomUint16: () => token++,
  });
  return { ...base, network, transport, receptions };
}
type Bench = Awaited<ReturnType<typeof bench>>;

/** A gateway that has announced itself, with nothing left unread. */
async function connected(of: Bench, { version = 2, port = 40_000, gatewayId = gatewayA } = {}): Promise<VirtualPeer> {
  const peer = of.network.peer("192.0.2.1", port);
  peer.send(datagram(pullData, gatewayId, "", { version }));
  await of.clock.settle();
  peer.received.length = 0;
  return peer;
}

const push = (rxpk: readonly unknown[], more: object = {}): Uint8Array =>
  datagram(pushData, gatewayA, JSON.stringify({ rxpk, ...more }));

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

function pullResp(peer: VirtualPeer): { token: number; version: number; json: unknown } {
  const bytes = peer.received.shift();
  if (bytes?.[3] !== 3) throw new Error("no PULL_RESP");
  const view = Buffer.from(bytes);
  return { version: view.readUInt8(0), token: view.readUInt16BE(1), json: JSON.parse(view.toString("utf8", 4)) };
}

const acknowledge = (peer: VirtualPeer, token: number, error?: string, gatewayId = gatewayA): void =>
  peer.send(datagram(txAck, gatewayId, error === undefined ? "" : JSON.stringify({ txpk_ack: { error } }), { token }));

/** Sends a downlink, lets the gateway answer with `error`, and gives the outcome. */
async function outcomeOf(of: Bench, peer: VirtualPeer, error: string): Promise<TransmissionOutcome> {
  const outcome = of.transport.transmit(transmission);
  acknowledge(peer, pullResp(peer).token, error);
  return outcome;
}

describe("uplinks over Semtech UDP", () => {
  test("are acknowledged at once to where they came from, and handed on", async () => {
    const of = await bench();
    const puller = await connected(of);
    const pusher = of.network.peer("192.0.2.1", 41_000);
    pusher.send(push([loraRxpk]));
    expect(pusher.received).toEqual([Buffer.from("02123401", "hex")]);
    expect(puller.received).toEqual([]);
    expect(of.receptions).toHaveLength(1);
    expect(of.receptions[0]).toMatchObject({ gatewayId: gatewayA, rxInfo: { uplinkId: 0x12340000 } });
    expect(await counted(of.metrics.receptions)).toBe(1);
    expect(of.registry.status(gatewayA)?.counts.uplinks).toBe(1);
  });

  test("of the very first datagram are not lost while the gateway is looked up", async () => {
    const of = await bench();
    const peer = of.network.peer("192.0.2.1", 41_000);
    peer.send(push([loraRxpk]));
    peer.send(push([{ ...loraRxpk, tmst: 7 }]));
    expect(of.receptions).toEqual([]);
    await of.clock.settle();
    expect(of.receptions.map(reception => reception.counterUs)).toEqual([3512348611, 7]);
    expect(peer.received).toHaveLength(2);
  });

  test("C10 with a bad CRC are refused and counted, and the others of their datagram are not lost", async () => {
    const of = await bench();
    const peer = await connected(of);
    peer.send(push([{ ...loraRxpk, stat: -1 }, 7, { ...loraRxpk, freq: -1 }, loraRxpk, { ...loraRxpk, size: 3 }]));
    expect(of.receptions).toHaveLength(2);
    expect(await counted(of.metrics.receptionsRefused, "bad_crc")).toBe(1);
    expect(await counted(of.metrics.receptionsRefused, "bad_rxpk")).toBe(1);
    expect(await counted(of.metrics.receptionsRefused, "bad_frequency")).toBe(1);
    expect(await counted(of.metrics.receptionsRefused)).toBe(3);
    expect(await counted(of.metrics.gatewayOddities, "size_mismatch")).toBe(1);
  });

  test.each([
    ["bad_number", { tmst: null }],
    ["bad_number", { rssi: -1e9 }],
    ["bad_base64", { data: "!!!!" }],
    ["empty_payload", { data: "" }],
    ["payload_too_long", { data: Buffer.alloc(300).toString("base64") }],
    ["unknown_modulation", { modu: "OOK" }],
    ["bad_data_rate", { datr: "SF99BW1" }],
  ])("are counted as %s with %j", async (reason, changes) => {
    const of = await bench();
    const peer = await connected(of);
    peer.send(push([{ ...loraRxpk, ...changes }]));
    expect(of.receptions).toEqual([]);
    expect(await counted(of.metrics.receptionsRefused, reason)).toBe(1);
  });

  test("heard by an antenna with impossible figures lose that antenna, counted", async () => {
    const of = await bench();
    const peer = await connected(of);
    peer.send(
      push([
        {
          ...loraRxpk,
          rsig: [
            { ant: 0, rssic: 9e9 },
            { ant: 1, rssic: -70 },
          ],
        },
      ]),
    );
    expect(of.receptions).toMatchObject([{ rssiDbm: -70, rxInfo: { antenna: 1 } }]);
    expect(await counted(of.metrics.receptionsRefused, "bad_number")).toBe(1);
  });

  test("come with the place in the statistics beside them, which are kept", async () => {
    const of = await bench();
    const peer = await connected(of);
    peer.send(push([loraRxpk], { stat: { rxnb: 2, lati: 46.24, long: 3.2523, alti: 0 } }));
    expect(of.receptions[0]?.rxInfo.location).toEqual({ latitude: 46.24, longitude: 3.2523 });
    peer.send(datagram(pushData, gatewayA, '{"stat":{"rxnb":3}}\0'));
    expect(of.registry.status(gatewayA)?.lastStatistics).toEqual({ rxnb: 3 });
    peer.send(push([loraRxpk]));
    expect(of.receptions[1]?.rxInfo.location).toEqual({ latitude: 46.24, longitude: 3.2523 });
  });
});

describe("datagrams that no gateway should send", () => {
  test.each([
    ["truncated", datagram(pullData, gatewayA).subarray(0, 11)],
    ["truncated", Buffer.alloc(0)],
    ["wrong_version", datagram(pullData, gatewayA, "", { version: 9 })],
    ["unknown_identifier", datagram(3, gatewayA)],
    ["too_large", datagram(pushData, gatewayA, `{"rxpk":[${"1,".repeat(30_000)}1]}`)],
  ])("are counted as %s and not answered", async (reason, bytes) => {
    const of = await bench();
    const peer = await connected(of);
    const sentBefore = of.network.sentByServer();
    peer.send(bytes);
    await of.clock.settle();
    expect(await counted(of.metrics.gatewayRefused, reason)).toBe(1);
    expect(of.network.sentByServer()).toBe(sentBefore);
  });

  test.each([
    ["PUSH_DATA", pushData, '{"rxpk":'],
    ["TX_ACK", txAck, '{"txpk_ack":'],
  ])("are counted as bad JSON in %s", async (_name, identifier, text) => {
    const of = await bench();
    const peer = await connected(of);
    peer.send(datagram(identifier, gatewayA, text));
    expect(await counted(of.metrics.gatewayRefused, "bad_json")).toBe(1);
  });

  test("C75 from an unknown gateway get no answer of any kind, are counted and listed", async () => {
    const of = await bench();
    const peer = of.network.peer("203.0.113.9", 1700);
    for (const identifier of [pushData, pullData, txAck]) {
      peer.send(datagram(identifier, gatewayB, '{"rxpk":[]}'));
      await of.clock.settle();
    }
    expect(of.network.sentByServer()).toBe(0);
    expect(await counted(of.metrics.gatewayRefused, "unknown_gateway")).toBe(3);
    expect(of.registry.status(gatewayB)).toMatchObject({ registered: false, counts: { refused: 3 } });
    expect(of.transport.reaches(gatewayB)).toBe(false);
  });

  test("C75 with the EUI of a pinned gateway cannot bring frames, take its downlinks or answer for it", async () => {
    const of = await bench([gatewayConfig(gatewayA, { sourceRule: { kind: "pin" } })]);
    const peer = await connected(of);
    const spoofer = of.network.peer("203.0.113.9", 1700);
    spoofer.send(push([loraRxpk]));
    spoofer.send(datagram(pullData, gatewayA));
    const outcome = of.transport.transmit(transmission);
    const { token } = pullResp(peer);
    acknowledge(spoofer, token, "TOO_LATE");
    acknowledge(peer, token);
    expect(await outcome).toEqual({ kind: "sent" });
    expect(of.receptions).toEqual([]);
    expect(spoofer.received).toEqual([]);
    expect(await counted(of.metrics.gatewayRefused, "wrong_source")).toBe(3);
  });

  test("C75 in a flood from one source leave nothing behind, and other gateways are served", async () => {
    const of = await bench([gatewayConfig(gatewayA, { rateLimit: 50 }), gatewayConfig(gatewayB)]);
    const flooder = await connected(of);
    const other = await connected(of, { gatewayId: gatewayB, port: 50_000 });
    const uplink = push([loraRxpk]);
    const forgery = Buffer.from(uplink);
    for (let index = 0; index < 50_000; index += 1) {
      flooder.send(uplink);
      forgery.writeUInt32BE(index, 4);
      flooder.send(forgery);
    }
    await of.clock.settle();
    // One token went to PULL_DATA.
    expect(of.receptions).toHaveLength(49);
    expect(of.registry.statuses().length).toBeLessThanOrEqual(1002);
    expect(await counted(of.metrics.gatewayRefused, "rate_limit")).toBeGreaterThan(99_000);
    expect(await counted(of.metrics.gatewayRefused)).toBe(50_000 + 49_951);
    other.send(datagram(pullData, gatewayB));
    expect(other.received).toHaveLength(1);
  });
});

describe("downlinks over Semtech UDP", () => {
  test("go to the source of the last PULL_DATA", async () => {
    const of = await bench();
    expect(of.transport.reaches(gatewayA)).toBe(false);
    const first = await connected(of, { port: 40_000 });
    expect(of.transport.reaches(gatewayA)).toBe(true);
    const second = of.network.peer("192.0.2.1", 40_777);
    second.send(datagram(pullData, gatewayA));
    expect(second.received).toEqual([Buffer.from("02123404", "hex")]);
    second.received.length = 0;
    of.network.peer("192.0.2.1", 41_000).send(push([]));
    const outcome = of.transport.transmit(transmission);
    expect(first.received).toEqual([]);
    const { token, json } = pullResp(second);
    expect(json).toMatchObject({ txpk: { imme: true, freq: 868.1, powe: 16 } });
    acknowledge(second, token);
    expect(await outcome).toEqual({ kind: "sent" });
  });

  test("subtract the gateway's antenna gain", async () => {
    const of = await bench([gatewayConfig(gatewayA, { antennaGainDb: 3 })]);
    const peer = await connected(of);
    void of.transport.transmit(transmission);
    expect(pullResp(peer).json).toMatchObject({ txpk: { powe: 13 } });
  });

  test.each(["TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON", "TX_FREQ", "TX_POWER", "GPS_UNLOCKED"])(
    "C41 that the gateway refuses with %s fail for that reason",
    async error => {
      const of = await bench();
      const peer = await connected(of);
      expect(await outcomeOf(of, peer, error)).toEqual({ kind: "failed", reason: error });
      expect(of.registry.status(gatewayA)?.counts).toMatchObject({ downlinks: 0, downlinkFailures: 1 });
    },
  );

  test("are matched with their own TX_ACK, whatever its order", async () => {
    const of = await bench([gatewayConfig(gatewayA), gatewayConfig(gatewayB)]);
    const peer = await connected(of);
    const other = await connected(of, { gatewayId: gatewayB, port: 50_000 });
    const first = of.transport.transmit(transmission);
    const second = of.transport.transmit(transmission);
    const tokens = [pullResp(peer).token, pullResp(peer).token];
    acknowledge(other, tokens[0] ?? 0, "TX_FREQ", gatewayB);
    acknowledge(peer, tokens[1] ?? 0, "TOO_LATE");
    acknowledge(peer, tokens[0] ?? 0, "NONE");
    acknowledge(peer, tokens[0] ?? 0, "TX_POWER");
    expect(await first).toEqual({ kind: "sent" });
    expect(await second).toEqual({ kind: "failed", reason: "TOO_LATE" });
    expect(await counted(of.metrics.gatewayOddities, "unexpected_tx_ack")).toBe(2);
  });

  test("never share a token while they wait", async () => {
    const of = await bench(undefined, 0xffff);
    const peer = await connected(of);
    void of.transport.transmit(transmission);
    void of.transport.transmit(transmission);
    // The generator gives 0xffff and then 0x10000.
    expect([pullResp(peer).token, pullResp(peer).token]).toEqual([0xffff, 0]);
  });

  test("measure the round trip", async () => {
    const of = await bench();
    const peer = await connected(of);
    const outcome = of.transport.transmit(transmission);
    await of.clock.advance(123);
    acknowledge(peer, pullResp(peer).token);
    await outcome;
    expect(of.registry.status(gatewayA)).toMatchObject({ roundTripMs: 123, counts: { downlinks: 1 } });
  });

  test("without TX_ACK fail 2 s after they should have left", async () => {
    const of = await bench();
    const peer = await connected(of);
    await outcomeOf(of, peer, "NONE");
    peer.send(push([loraRxpk]));
    const answerTo = of.receptions[0];
    if (!answerTo) throw new Error("no reception");
    const outcomes: TransmissionOutcome[] = [];
    const counterUs = (answerTo.counterUs + 1_000_000_000) % 2 ** 32;
    void of.transport.transmit(transmission).then(outcome => outcomes.push(outcome));
    await of.clock.advance(1999);
    expect(outcomes).toEqual([]);
    await of.clock.advance(1);
    expect(outcomes).toEqual([{ kind: "failed", reason: "NO_TX_ACK" }]);
    // Further ahead than anything is scheduled: the counter tells nothing.
    const far = { ...transmission, answerTo, timing: { kind: "at-counter", counterUs } } as const;
    void of.transport.transmit(far).then(outcome => outcomes.push(outcome));
    await of.clock.advance(2000);
    expect(outcomes).toHaveLength(2);
  });

  test("C37 wait for their TX_ACK across a wrap of the gateway's counter", async () => {
    const of = await bench();
    const peer = await connected(of);
    await outcomeOf(of, peer, "NONE");
    peer.send(push([{ ...loraRxpk, tmst: 2 ** 32 - 400_000 }]));
    const answerTo = of.receptions[0];
    if (!answerTo) throw new Error("no reception");
    const outcomes: TransmissionOutcome[] = [];
    const counterUs = answerTo.counterUs + 5_000_000;
    const timed = { ...transmission, answerTo, timing: { kind: "at-counter", counterUs } } as const;
    void of.transport.transmit(timed).then(outcome => outcomes.push(outcome));
    peer.received.shift();
    expect(pullResp(peer).json).toMatchObject({ txpk: { tmst: 4_600_000 } });
    await of.clock.advance(6999);
    expect(outcomes).toEqual([]);
    await of.clock.advance(1);
    expect(outcomes).toEqual([{ kind: "failed", reason: "NO_TX_ACK" }]);
  });

  test("at a GPS time wait for their TX_ACK until then", async () => {
    const of = await bench();
    await outcomeOf(of, await connected(of), "NONE");
    const outcomes: TransmissionOutcome[] = [];
    const gpsTimeMs = gpsMsOf(of.clock.nowMs()) + 20_000;
    void of.transport
      .transmit({ ...transmission, timing: { kind: "at-gps-time", gpsTimeMs } })
      .then(outcome => outcomes.push(outcome));
    await of.clock.advance(21_999);
    expect(outcomes).toEqual([]);
    await of.clock.advance(1);
    expect(outcomes).toEqual([{ kind: "failed", reason: "NO_TX_ACK" }]);
  });

  test("of version 1 count as sent when nothing is said, and carry no token", async () => {
    const of = await bench();
    const peer = await connected(of, { version: 1 });
    const outcomes: TransmissionOutcome[] = [];
    void of.transport.transmit(transmission).then(outcome => outcomes.push(outcome));
    expect(pullResp(peer)).toMatchObject({ version: 1, token: 0 });
    await of.clock.advance(2000);
    expect(outcomes).toEqual([{ kind: "sent", warning: "NO_TX_ACK" }]);
  });

  test("fail where no way to the gateway is known", async () => {
    const of = await bench();
    expect(await of.transport.transmit(transmission)).toEqual({ kind: "failed", reason: "GATEWAY_OFFLINE" });
    await connected(of);
    await of.clock.advance(90_000);
    expect(of.transport.reaches(gatewayA)).toBe(false);
    expect(await of.transport.transmit(transmission)).toEqual({ kind: "failed", reason: "GATEWAY_OFFLINE" });
  });

  test("fail once the gateway is disabled", async () => {
    const of = await bench();
    await connected(of);
    of.catalog.put(gatewayConfig(gatewayA, { disabled: true }));
    await of.clock.settle();
    expect(await of.transport.transmit(transmission)).toEqual({ kind: "failed", reason: "GATEWAY_OFFLINE" });
  });

  test("of LR-FHSS fail: gateways cannot send it", async () => {
    const of = await bench();
    await connected(of);
    const modulation = { kind: "lr-fhss", codingRate: "1/3", operatingChannelWidthHz: 137_000 } as const;
    const outcome = await of.transport.transmit({ ...transmission, modulation });
    expect(outcome).toEqual({ kind: "failed", reason: "INTERNAL_ERROR" });
  });

  test("that still wait when the server stops are given up", async () => {
    const of = await bench();
    await outcomeOf(of, await connected(of), "NONE");
    const outcome = of.transport.transmit(transmission);
    await of.transport.close();
    expect(await outcome).toEqual({ kind: "failed", reason: "NO_TX_ACK" });
  });
});

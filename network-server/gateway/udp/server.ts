import { gpsMsOf } from "../../../lorawan/gps-time.ts";
import type { GatewayId } from "../../../lorawan/ids.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { Log } from "../../../platform/log.ts";
import type { Metrics } from "../../../platform/metrics.ts";
import type { RxInfo } from "../../../platform/state/network-event.ts";
import type { Admission } from "../admission.ts";
import { hasGpsTime } from "../gps.ts";
import { onlineTimeoutMs } from "../online.ts";
import type { GatewayRegistry } from "../registry.ts";
import { formatSource, type SourceAddress } from "../source-rule.ts";
import type { GatewayEvents, GatewayStatus, GatewayTransport, Transmission, TransmissionOutcome } from "../types.ts";
import type { DatagramPort } from "./datagram-port.ts";
import {
  encodePullAck,
  encodePullResp,
  encodePushAck,
  type GatewayPacket,
  type PacketFault,
  type ProtocolVersion,
  parsePacket,
  parsePushData,
} from "./packet.ts";
import { type Answer, createPendingAcks, type PendingAcks } from "./pending-acks.ts";
import { receptionsOf } from "./rxpk.ts";
import { statisticsOf } from "./stat.ts";
import { parseTxAck } from "./tx-ack.ts";
import { txpkOf } from "./txpk.ts";

export interface UdpTransportOptions {
  readonly socket: DatagramPort;
  readonly events: GatewayEvents;
  readonly gateways: GatewayRegistry;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Tokens of PULL_RESP: hard to guess, so that nobody else can answer in a gateway's name. */
  readonly randomUint16: () => number;
  /** Name of the address that gateways send to, where there are several servers; it lasts over restarts. */
  readonly server?: string;
  /** Called with each PULL_DATA: downlinks for the gateway go through here now. */
  readonly onPath?: (gatewayId: GatewayId) => void;
}

export interface UdpTransport extends GatewayTransport {
  /** From now on uplinks are neither taken nor acknowledged; what was taken before can still be answered. */
  refuseUplinks(): void;
  /** The gateway asks another server for downlinks now. */
  forget(gatewayId: GatewayId): void;
  /** Gives waiting transmissions up and frees the port. */
  close(): Promise<void>;
}

export const createUdpTransport = (options: UdpTransportOptions): UdpTransport => new SemtechUdp(options);

/** Forwarders answer once the frame is in their queue, some only once it is sent. */
const txAckTimeoutMs = 2000;
/** Semtech's forwarder for the SX1302 takes frames until 42.5 ms before their time (jitqueue.c), and some are slower. */
const forwarderLeadMs = 45;
/** A TX_ACK this long before the frame's time is one that did not wait for it. */
const promptAckMs = 100;
/** The same for a frame without a time, which leaves within 100 ms and may be acknowledged at its end. */
const longestUntimedRoundTripMs = 400;
/** Longer waits than two beacon periods are not scheduled. */
const maxLeadMs = 300_000;

/** Where downlinks for a gateway go: the source of its last PULL_DATA, whose address translation is open. */
interface ReturnPath {
  readonly source: SourceAddress;
  readonly version: ProtocolVersion;
  readonly heardAtUs: number;
}

class SemtechUdp implements UdpTransport {
  readonly #options: UdpTransportOptions;
  readonly #paths = new Map<GatewayId, ReturnPath>();
  readonly #acks: PendingAcks;
  /** Gateways that have sent a TX_ACK to this process. */
  readonly #acknowledging = new Set<GatewayId>();
  #takesUplinks = true;

  constructor(options: UdpTransportOptions) {
    this.#options = options;
    this.#acks = createPendingAcks(options.clock);
    options.socket.onMessage((bytes, source) => this.#receive(bytes, source));
  }

  forget(gatewayId: GatewayId): void {
    this.#paths.delete(gatewayId);
  }

  reaches(gatewayId: GatewayId): boolean {
    return this.#pathTo(gatewayId) !== undefined && this.#options.gateways.config(gatewayId) !== undefined;
  }

  leadMs(gatewayId: GatewayId): number {
    // The whole round trip: the uplink was one way old when its time was taken here, and the downlink has the other to go.
    return forwarderLeadMs + (this.#options.gateways.roundTripMs(gatewayId) ?? 0);
  }

  hasGpsTime(gatewayId: GatewayId): boolean | undefined {
    return hasGpsTime(this.#options.gateways.status(gatewayId), this.#options.clock.nowMs());
  }

  async transmit(transmission: Transmission): Promise<TransmissionOutcome> {
    const outcome = await this.#send(transmission);
    const { gateways } = this.#options;
    gateways.recordDownlink(transmission.gatewayId, outcome.kind === "sent");
    if (outcome.kind === "failed" && outcome.reason === "GPS_UNLOCKED") {
      gateways.recordGpsTime(transmission.gatewayId, false);
    }
    return outcome;
  }

  refuseUplinks(): void {
    this.#takesUplinks = false;
  }

  async close(): Promise<void> {
    this.#acks.giveUp();
    await this.#options.socket.close();
  }

  #receive(bytes: Uint8Array, source: SourceAddress): void {
    const { gateways, metrics, clock } = this.#options;
    const receivedAtUs = clock.monotonicUs();
    const packet = this.#usable(bytes);
    if (typeof packet === "string") {
      metrics.gatewayRefused.inc({ reason: packet });
      return;
    }
    metrics.gatewayDatagrams.inc({ type: packet.kind });
    const received = { packet, source, receivedAtUs, receivedAtMs: clock.nowMs() };
    const admission = gateways.admit(packet.gatewayId, source, receivedAtUs);
    if (admission.kind === "pending") {
      void admission.decided.then(decided => this.#handle(decided, received));
    } else {
      this.#handle(admission, received);
    }
  }

  #usable(bytes: Uint8Array): GatewayPacket | PacketFault {
    const packet = parsePacket(bytes);
    if (typeof packet === "string" || packet.kind !== "push_data") return packet;
    // What is shed must be cheap, and not acknowledged.
    return (this.#options.events.hasRoom?.() ?? true) ? packet : "overload";
  }

  #handle(admission: Admission, received: Received): void {
    // Nothing is answered to whom is not let in: the server is no mirror for forged senders.
    if (admission.kind === "refused") return;
    const { packet, source } = received;
    switch (packet.kind) {
      case "pull_data":
        this.#options.socket.sendSoon(encodePullAck(packet.version, packet.token), source);
        this.#notePath(packet, received);
        return;
      case "push_data":
        if (!this.#takesUplinks) return;
        this.#options.socket.sendSoon(encodePushAck(packet.version, packet.token), source);
        this.#pushData(received);
        return;
      case "tx_ack":
        this.#txAck(packet);
        return;
    }
  }

  #notePath({ gatewayId, version }: GatewayPacket, { source, receivedAtUs: heardAtUs, receivedAtMs }: Received): void {
    const { gateways, server, onPath } = this.#options;
    gateways.recordReturnPath(gatewayId, { ...source, version, heardAtMs: receivedAtMs, ...(server && { server }) });
    onPath?.(gatewayId);
    // Put anew each time, so that the paths stand in the order of their age and the dead ones come first.
    this.#paths.delete(gatewayId);
    this.#paths.set(gatewayId, { source, version, heardAtUs });
    for (const [oldest, path] of this.#paths) {
      if (heardAtUs - path.heardAtUs < onlineTimeoutMs * 1000) break;
      this.#paths.delete(oldest);
    }
  }

  #pushData({ packet, receivedAtUs, receivedAtMs }: Received): void {
    const { gateways, metrics, events } = this.#options;
    const { gatewayId } = packet;
    const data = parsePushData(packet.body);
    if (data === "bad_json") {
      metrics.gatewayRefused.inc({ reason: data });
      return;
    }
    if (data.stat) {
      const { values, location } = statisticsOf(data.stat);
      gateways.recordStatistics(gatewayId, values, location);
    }
    if (data.rxpks.length === 0) return;
    const location = rxLocationOf(gateways.location(gatewayId));
    let uplinks = 0;
    let showsGpsTime = false;
    for (const [index, rxpk] of data.rxpks.entries()) {
      const outcome = receptionsOf(rxpk, {
        gatewayId,
        receivedAtUs,
        receivedAtMs,
        // Token and place in the datagram: different for the frames that one gateway sends within its tokens' round.
        uplinkId: ((packet.token << 16) | (index << 4)) >>> 0,
        ...(location ? { location } : {}),
      });
      if (outcome.kind === "refused") {
        metrics.receptionsRefused.inc({ reason: outcome.reason });
        continue;
      }
      if (outcome.refusedSignals > 0) metrics.receptionsRefused.inc({ reason: "bad_number" }, outcome.refusedSignals);
      if (outcome.sizeMismatch) metrics.gatewayOddities.inc({ kind: "size_mismatch" });
      uplinks += 1;
      showsGpsTime = outcome.receptions.some(({ gpsTimeMs }) => gpsTimeMs !== undefined);
      metrics.receptions.inc(outcome.receptions.length);
      for (const reception of outcome.receptions) events.reception(reception);
    }
    gateways.recordUplinks(gatewayId, uplinks);
    if (uplinks > 0) gateways.recordGpsTime(gatewayId, showsGpsTime);
  }

  #txAck({ gatewayId, token, body }: GatewayPacket): void {
    const { metrics } = this.#options;
    const outcome = parseTxAck(body);
    if (outcome === "bad_json") {
      metrics.gatewayRefused.inc({ reason: outcome });
      return;
    }
    if (!this.#acks.answer(gatewayId, token, outcome)) metrics.gatewayOddities.inc({ kind: "unexpected_tx_ack" });
  }

  async #send(transmission: Transmission): Promise<TransmissionOutcome> {
    const { gatewayId } = transmission;
    const { gateways, socket, log, clock } = this.#options;
    const path = this.#pathTo(gatewayId);
    const config = gateways.config(gatewayId);
    if (!path || !config) return { kind: "failed", reason: "GATEWAY_OFFLINE" };
    const txpk = txpkOf(transmission, config.antennaGainDb);
    if (!txpk) return { kind: "failed", reason: "INTERNAL_ERROR" };
    const token = this.#acks.freeToken(gatewayId, this.#options.randomUint16());
    if (token === undefined) return { kind: "failed", reason: "QUEUE_FULL" };
    log.debug({ gatewayId, downlinkId: transmission.downlinkId, to: formatSource(path.source) }, "downlink sent");
    const aheadMs = leadMs(transmission, clock);
    const hasAnswered = this.#acknowledging.has(gatewayId) || gateways.roundTripMs(gatewayId) !== undefined;
    const otherwise = silence(path.version, hasAnswered);
    const answered = this.#acks.wait(gatewayId, token, txAckTimeoutMs + aheadMs, otherwise);
    socket.send(encodePullResp(path.version, token, JSON.stringify({ txpk })), path.source);
    const answer = await answered;
    if (answer.acknowledged) this.#acknowledging.add(gatewayId);
    if (isRoundTrip(answer, aheadMs)) gateways.recordRoundTrip(gatewayId, answer.waitedMs);
    return answer.outcome;
  }

  #pathTo(gatewayId: GatewayId): ReturnPath | undefined {
    const { clock, gateways } = this.#options;
    const path = this.#paths.get(gatewayId);
    if (path) return clock.monotonicUs() - path.heardAtUs < onlineTimeoutMs * 1000 ? path : undefined;
    // A process before this one may have heard the PULL_DATA: answers need not wait for the next.
    const known = gateways.status(gatewayId)?.returnPath;
    if (!known || known.server !== this.#options.server) return undefined;
    if (clock.nowMs() - known.heardAtMs >= onlineTimeoutMs) return undefined;
    return { source: known, version: known.version, heardAtUs: clock.monotonicUs() };
  }
}

interface Received {
  readonly packet: GatewayPacket;
  readonly source: SourceAddress;
  readonly receivedAtUs: number;
  readonly receivedAtMs: number;
}

/**
 * What a missing TX_ACK means. Version 1 has none, and simple forwarders of version 2 never send one: what such a gateway
 * was given has been sent as far as anyone can know. One that has answered before should have.
 */
const silence = (version: ProtocolVersion, hasAnswered: boolean): TransmissionOutcome =>
  version === 1 || !hasAnswered ? { kind: "sent", warning: "NO_TX_ACK" } : { kind: "failed", reason: "NO_TX_ACK" };

/** Whether the time until the TX_ACK is that of the way and back: some forwarders acknowledge only what they have sent. */
function isRoundTrip({ acknowledged, outcome, waitedMs }: Answer, aheadMs: number): boolean {
  if (!acknowledged) return false;
  // What is refused is refused at once.
  return outcome.kind === "failed" || waitedMs < (aheadMs > 0 ? aheadMs - promptAckMs : longestUntimedRoundTripMs);
}

/** How long from now the frame is to leave the gateway; 0 where the transmission does not tell. */
function leadMs({ timing, answerTo }: Transmission, clock: Clock): number {
  const lead = ((): number => {
    switch (timing.kind) {
      case "immediately":
        return 0;
      case "at-gps-time":
        return timing.gpsTimeMs - gpsMsOf(clock.nowMs());
      case "at-counter":
        if (!answerTo) return 0;
        return (
          ((timing.counterUs - answerTo.counterUs) >>> 0) / 1000 - (clock.monotonicUs() - answerTo.receivedAtUs) / 1000
        );
    }
  })();
  return lead > 0 && lead <= maxLeadMs ? lead : 0;
}

/** Zero values are left out, as the application contract has it. */
function rxLocationOf(location: GatewayStatus["location"]): RxInfo["location"] {
  if (!location) return undefined;
  const { latitude, longitude, altitude } = location;
  return {
    ...(latitude === 0 ? {} : { latitude }),
    ...(longitude === 0 ? {} : { longitude }),
    ...(altitude === 0 ? {} : { altitude }),
  };
}

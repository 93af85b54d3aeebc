import { gpsMsOf } from "../lorawan/gps-time.ts";
import { airtimeUs } from "../lorawan/phy/airtime.ts";
import type { Modulation } from "../lorawan/region/region.ts";
import type { Air, AirReception, Receiver, Transmission } from "./air.ts";
import { encodeBeacon } from "./beacon.ts";
import type { DatagramPort } from "./datagram.ts";
import { gatewayPacket, identifiers, modulationOfTxpk, parseServerPacket, rxpkOf, type Txpk } from "./gwmp.ts";
import type { Position } from "./propagation.ts";

export type TxError =
  | "NONE"
  | "TOO_LATE"
  | "TOO_EARLY"
  | "COLLISION_PACKET"
  | "COLLISION_BEACON"
  | "TX_FREQ"
  | "TX_POWER"
  | "GPS_UNLOCKED";

export interface UdpGatewayOptions {
  readonly air: Air;
  /** 16 hex digits. */
  readonly gatewayId: string;
  readonly position: Position;
  readonly port: DatagramPort;
  /** How fast its microsecond counter runs ahead; 0 by default. */
  readonly driftPpm?: number;
  /** Of the microsecond counter at the start; 0 by default. Near 2^32 it wraps soon. */
  readonly startCounterUs?: number;
  /** Frames that end within this are sent in one PUSH_DATA; 0, each alone, by default. */
  readonly batchMs?: number;
  /** 10 s by default. */
  readonly keepAliveMs?: number;
  /** 30 s by default. */
  readonly statisticsMs?: number;
  /** Gives `tmms` and sends at GPS times; false by default. */
  readonly gps?: boolean;
  /** The class B beacon that it sends while it has GPS time; none by default. */
  readonly beacon?: BeaconOptions;
  /** Frequencies that it can send on; all by default. */
  readonly txRangeHz?: { readonly lowest: number; readonly highest: number };
  /** Uplink frequencies that it listens to; all by default. */
  readonly listensTo?: ReadonlySet<number>;
  readonly listener?: (event: GatewayEvent) => void;
}

export type GatewayEvent =
  | { readonly kind: "heard"; readonly phyPayload: Uint8Array; readonly counterUs: number }
  | { readonly kind: "push-ack"; readonly latencyUs: number; readonly phyPayloads: readonly Uint8Array[] }
  | { readonly kind: "downlink"; readonly txpk: Txpk; readonly error: TxError };

export interface BeaconOptions {
  /** One after the other. */
  readonly frequenciesHz: readonly number[];
  readonly modulation: Modulation;
}

export interface UdpGatewayStatistics {
  readonly heard: number;
  readonly forwarded: number;
  readonly pushData: number;
  readonly pushAcks: number;
  readonly pullAcks: number;
  readonly downlinks: number;
  readonly transmitted: number;
  readonly errors: Readonly<Partial<Record<TxError, number>>>;
}

export interface UdpGateway {
  readonly gatewayId: string;
  start(): void;
  /** Silent at once; what it was to send is not sent. Closes the port. */
  stop(): void;
  /** GPS time is found, or lost. */
  setGps(hasGpsTime: boolean): void;
  /** The counter as it is now, u32. */
  counterUs(): number;
  statistics(): UdpGatewayStatistics;
}

// Figures of Semtech's packet forwarder for the SX1302, jitqueue.c and jitqueue.h.
const startDelayUs = 1_500;
const marginUs = 1_000;
const queueDelayUs = 40_000;
const longestAdvanceUs = 512_000_000;
const highestPowerDbm = 30;
const beaconPowerDbm = 20;
const wrap = 2 ** 32;
const beaconPeriodMs = 128_000;
const beaconReservedMs = 2_120;

type Draft<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };

/** A gateway with a Semtech UDP packet forwarder. */
class Forwarder implements UdpGateway, Receiver {
  readonly gatewayId: string;
  readonly id: string;
  readonly position: Position;
  readonly hearsInverted = false;
  readonly #options: UdpGatewayOptions;
  readonly #startUs: number;
  readonly #batch: { readonly rxpk: object; readonly phyPayload: Uint8Array }[] = [];
  /** Frames on the air or yet to be, with the functions that take them off. */
  readonly #scheduled = new Map<Transmission, () => void>();
  readonly #unacknowledged = new Map<
    number,
    { readonly sentUs: number; readonly phyPayloads: readonly Uint8Array[] }
  >();
  readonly #counts = { heard: 0, forwarded: 0, pushData: 0, pushAcks: 0, pullAcks: 0, downlinks: 0, transmitted: 0 };
  readonly #errors: Draft<UdpGatewayStatistics["errors"]> = {};
  readonly #timers = new Map<string, () => void>();
  #leave = (): void => {};
  #token = 0;
  #running = false;
  #gps: boolean;
  /** What its GPS receiver adds to the air's clock to get to UTC, exact to the microsecond. */
  readonly #utcAheadUs: number;

  constructor(options: UdpGatewayOptions) {
    this.gatewayId = options.gatewayId;
    this.id = options.gatewayId;
    this.position = options.position;
    this.#options = options;
    this.#startUs = options.air.clock.monotonicUs();
    this.#gps = options.gps ?? false;
    this.#utcAheadUs = options.air.clock.nowMs() * 1000 - this.#startUs;
  }

  start(): void {
    this.#running = true;
    this.#leave = this.#options.air.add(this);
    this.#options.port.onMessage(bytes => this.#receive(bytes));
    this.#every("keep-alive", this.#options.keepAliveMs ?? 10_000, () => {
      this.#options.port.send(gatewayPacket(identifiers.pullData, this.#nextToken(), this.gatewayId));
    });
    if (this.#options.beacon) this.#awaitBeacon(this.#options.beacon);
    this.#every("statistics", this.#options.statisticsMs ?? 30_000, () => this.#push({ stat: this.#stat() }));
  }

  stop(): void {
    this.#running = false;
    this.#leave();
    for (const cancel of this.#timers.values()) cancel();
    for (const cancel of this.#scheduled.values()) cancel();
    this.#timers.clear();
    this.#scheduled.clear();
    this.#options.port.close();
  }

  setGps(hasGpsTime: boolean): void {
    this.#gps = hasGpsTime;
  }

  counterUs(): number {
    return this.#counterAt(this.#options.air.clock.monotonicUs());
  }

  statistics(): UdpGatewayStatistics {
    return { ...this.#counts, errors: { ...this.#errors } };
  }

  listens({ frequencyHz, implicitHeader = false }: Transmission): boolean {
    return !implicitHeader && (this.#options.listensTo?.has(frequencyHz) ?? true);
  }

  heard({ transmission, rssiDbm, snrDb }: AirReception): void {
    const { air, batchMs = 0, listener } = this.#options;
    const { phyPayload, frequencyHz, modulation } = transmission;
    const counterUs = this.#counterAt(transmission.endUs);
    const timeMs = air.clock.nowMs() - (air.clock.monotonicUs() - transmission.endUs) / 1000;
    this.#counts.heard += 1;
    const frame = { phyPayload, frequencyHz, modulation, rssiDbm, snrDb, counterUs, timeMs };
    this.#batch.push({ rxpk: rxpkOf(this.#gps ? { ...frame, gpsTimeMs: gpsMsOf(timeMs) } : frame), phyPayload });
    listener?.({ kind: "heard", phyPayload, counterUs });
    if (batchMs === 0) this.#flush();
    else if (!this.#timers.has("batch"))
      this.#timers.set(
        "batch",
        air.clock.after(batchMs, () => this.#flush()),
      );
  }

  #gpsMsAt(timeUs: number): number {
    return gpsMsOf((timeUs + this.#utcAheadUs) / 1000);
  }

  #awaitBeacon(beacon: BeaconOptions): void {
    const { clock } = this.#options.air;
    const waitMs = beaconPeriodMs - (this.#gpsMsAt(clock.monotonicUs()) % beaconPeriodMs);
    this.#timers.set(
      "beacon",
      clock.after(waitMs, () => {
        if (this.#gps) this.#sendBeacon(beacon, Math.round(this.#gpsMsAt(clock.monotonicUs()) / 1000));
        this.#awaitBeacon(beacon);
      }),
    );
  }

  #sendBeacon({ frequenciesHz, modulation }: BeaconOptions, gpsSeconds: number): void {
    const frequencyHz = frequenciesHz[(gpsSeconds / 128) % frequenciesHz.length];
    if (frequencyHz === undefined) return;
    const { air } = this.#options;
    const startUs = air.clock.monotonicUs();
    const phyPayload = encodeBeacon(modulation, gpsSeconds);
    const endUs = startUs + airtimeUs(modulation, phyPayload.length, { crc: false });
    const sender = { senderId: this.gatewayId, position: this.position, powerDbm: beaconPowerDbm };
    const frame = { phyPayload, frequencyHz, modulation, startUs, endUs, inverted: false, implicitHeader: true };
    air.transmit({ ...sender, ...frame });
  }

  /** The next beacon's time, in which nothing else may be on the air. */
  #meetsBeacon(startUs: number, endUs: number): boolean {
    if (!this.#options.beacon || !this.#gps) return false;
    const startGpsMs = this.#gpsMsAt(startUs);
    const endGpsMs = this.#gpsMsAt(endUs);
    const isReserved = startGpsMs % beaconPeriodMs < beaconReservedMs;
    return isReserved || Math.floor(startGpsMs / beaconPeriodMs) !== Math.floor(endGpsMs / beaconPeriodMs);
  }

  #every(name: string, periodMs: number, action: () => void): void {
    action();
    this.#timers.set(
      name,
      this.#options.air.clock.after(periodMs, () => this.#every(name, periodMs, action)),
    );
  }

  #counterAt(timeUs: number): number {
    const { driftPpm = 0, startCounterUs = 0 } = this.#options;
    const counter = Math.round(startCounterUs + (timeUs - this.#startUs) * (1 + driftPpm / 1e6));
    return ((counter % wrap) + wrap) % wrap;
  }

  #nextToken(): number {
    this.#token = (this.#token + 1) & 0xffff;
    return this.#token;
  }

  #flush(): void {
    this.#timers.delete("batch");
    const batch = this.#batch.splice(0);
    this.#counts.forwarded += batch.length;
    this.#push(
      { rxpk: batch.map(({ rxpk }) => rxpk) },
      batch.map(({ phyPayload }) => phyPayload),
    );
  }

  #push(body: object, phyPayloads: readonly Uint8Array[] = []): void {
    const token = this.#nextToken();
    this.#counts.pushData += 1;
    this.#unacknowledged.set(token, { sentUs: this.#options.air.clock.monotonicUs(), phyPayloads });
    this.#options.port.send(gatewayPacket(identifiers.pushData, token, this.gatewayId, body));
  }

  #stat(): object {
    const { heard, forwarded, pushData, pushAcks, downlinks, transmitted } = this.#counts;
    const seconds = new Date(this.#options.air.clock.nowMs()).toISOString().slice(0, 19);
    return {
      time: `${seconds.replace("T", " ")} GMT`,
      rxnb: heard,
      rxok: heard,
      rxfw: forwarded,
      ackr: pushData === 0 ? 100 : Math.round((1000 * pushAcks) / pushData) / 10,
      dwnb: downlinks,
      txnb: transmitted,
    };
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#running) return;
    const packet = parseServerPacket(bytes);
    switch (packet.kind) {
      case "push-ack": {
        const pushed = this.#unacknowledged.get(packet.token);
        if (pushed === undefined) return;
        this.#unacknowledged.delete(packet.token);
        this.#counts.pushAcks += 1;
        const latencyUs = this.#options.air.clock.monotonicUs() - pushed.sentUs;
        this.#options.listener?.({ kind: "push-ack", latencyUs, phyPayloads: pushed.phyPayloads });
        return;
      }
      case "pull-ack":
        this.#counts.pullAcks += 1;
        return;
      case "pull-resp":
        this.#accept(packet.token, packet.txpk);
        return;
      case "unreadable":
        return;
    }
  }

  #accept(token: number, txpk: Txpk): void {
    this.#counts.downlinks += 1;
    const error = this.#schedule(txpk);
    this.#errors[error] = (this.#errors[error] ?? 0) + 1;
    const body = { txpk_ack: { error } };
    this.#options.port.send(gatewayPacket(identifiers.txAck, token, this.gatewayId, body));
    this.#options.listener?.({ kind: "downlink", txpk, error });
  }

  #schedule(txpk: Txpk): TxError {
    const { air, txRangeHz } = this.#options;
    const frequencyHz = Math.round(txpk.freq * 1e6);
    const modulation = modulationOfTxpk(txpk);
    if (txRangeHz && (frequencyHz < txRangeHz.lowest || frequencyHz > txRangeHz.highest)) return "TX_FREQ";
    const powerDbm = txpk.powe ?? 14;
    if (powerDbm > highestPowerDbm) return "TX_POWER";
    const phyPayload = Uint8Array.from(Buffer.from(txpk.data, "base64"));
    // There is no name for a frame that cannot be modulated; the forwarder drops such a request as too late.
    if (modulation === undefined || phyPayload.length !== txpk.size) return "TOO_LATE";
    const startUs = this.#startOf(txpk);
    if (typeof startUs === "string") return startUs;
    const endUs = startUs + airtimeUs(modulation, phyPayload.length, { crc: !(txpk.ncrc ?? false) });
    if (this.#meetsBeacon(startUs, endUs)) return "COLLISION_BEACON";
    const apartUs = startDelayUs + queueDelayUs + marginUs;
    for (const other of this.#scheduled.keys()) {
      if (startUs < other.endUs + apartUs && other.startUs < endUs + apartUs) return "COLLISION_PACKET";
    }
    const frame = { phyPayload, frequencyHz, modulation, powerDbm, startUs, endUs };
    // FSK has no polarity, by which the air tells directions apart: a device hears it either way.
    const inverted = modulation.kind === "fsk" || (txpk.ipol ?? false);
    const transmission = { ...frame, inverted, senderId: this.gatewayId, position: this.position };
    const cancel = air.transmit(transmission, () => {
      this.#counts.transmitted += 1;
      this.#scheduled.delete(transmission);
    });
    this.#scheduled.set(transmission, cancel);
    return "NONE";
  }

  /** When the frame begins, on the clock of the air. */
  #startOf(txpk: Txpk): number | "TOO_LATE" | "TOO_EARLY" | "GPS_UNLOCKED" {
    const { clock } = this.#options.air;
    const nowUs = clock.monotonicUs();
    if (txpk.imme) return nowUs + 2 * queueDelayUs;
    const aheadUs = this.#aheadUs(txpk);
    if (aheadUs === undefined) return "GPS_UNLOCKED";
    if (aheadUs < startDelayUs + marginUs + queueDelayUs) return "TOO_LATE";
    if (aheadUs > longestAdvanceUs) return "TOO_EARLY";
    return Math.round(nowUs + aheadUs);
  }

  #aheadUs(txpk: Txpk): number | undefined {
    const { air, driftPpm = 0 } = this.#options;
    if (txpk.tmst !== undefined) {
      const difference = (txpk.tmst - this.counterUs() + wrap) % wrap;
      // The nearer way round: a counter just behind is late, not an hour ahead.
      const signed = difference < wrap / 2 ? difference : difference - wrap;
      return signed / (1 + driftPpm / 1e6);
    }
    if (!this.#gps || txpk.tmms === undefined) return undefined;
    return (txpk.tmms - this.#gpsMsAt(air.clock.monotonicUs())) * 1000;
  }
}

export const createUdpGateway = (options: UdpGatewayOptions): UdpGateway => new Forwarder(options);

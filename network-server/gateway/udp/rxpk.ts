import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { GatewayId } from "../../../lorawan/ids.ts";
import { createByteSlab } from "../../../platform/byte-slab.ts";
import type { RxInfo } from "../../../platform/state/network-event.ts";
import type { Reception } from "../types.ts";
import { type ModulationFault, receivedModulation } from "./data-rate.ts";
import { isRecord, type JsonRecord } from "./json-record.ts";

/** Why one rxpk entry is not used; names are those of the counter. */
export type RxpkFault =
  | ModulationFault
  | "bad_rxpk"
  | "bad_crc"
  | "bad_number"
  | "bad_frequency"
  | "bad_base64"
  | "empty_payload"
  | "payload_too_long";

export interface RxpkContext {
  readonly gatewayId: GatewayId;
  readonly receivedAtUs: number;
  readonly receivedAtMs: number;
  /** u32 that applications see as `uplinkId`; the antennas of this entry count on from it. */
  readonly uplinkId: number;
  readonly location?: RxInfo["location"];
}

export type RxpkOutcome =
  /** One reception an antenna. */
  | {
      readonly kind: "received";
      readonly receptions: readonly Reception[];
      /** `size` is not the payload's length; the payload counts, and the MIC decides. */
      readonly sizeMismatch: boolean;
      /** Antennas left out because their figures are impossible. */
      readonly refusedSignals: number;
    }
  | { readonly kind: "refused"; readonly reason: RxpkFault };

const u32Max = 0xffff_ffff;
const numberIn = (minimum: number, maximum: number) => Type.Number({ minimum, maximum });
const rssiDbm = numberIn(-300, 100);
const snrDb = numberIn(-150, 150);

const figuresSchema = Type.Object({
  tmst: numberIn(0, u32Max),
  // 2^43 ms is the year 2258; zero is what forwarders without GPS time write.
  tmms: Type.Optional(numberIn(0, 2 ** 43)),
  ftime: Type.Optional(numberIn(0, 999_999_999)),
  chan: Type.Optional(numberIn(0, u32Max)),
  rfch: Type.Optional(numberIn(0, u32Max)),
  brd: Type.Optional(numberIn(0, u32Max)),
  hpw: Type.Optional(numberIn(0, 255)),
  rssi: Type.Optional(rssiDbm),
  lsnr: Type.Optional(snrDb),
  size: Type.Optional(numberIn(0, u32Max)),
});
const signalSchema = Type.Object({
  ant: Type.Optional(numberIn(0, 255)),
  chan: Type.Optional(numberIn(0, u32Max)),
  rssic: rssiDbm,
  lsnr: Type.Optional(snrDb),
});
const figures = Compile(figuresSchema);
const signals = Compile(signalSchema);

type Figures = Static<typeof figuresSchema>;

/** How one antenna heard the frame. */
interface Signal {
  readonly antenna: number;
  readonly channel: number;
  readonly rssiDbm: number;
  readonly snrDb: number;
}

const maxPayloadBytes = 255;
const maxPayloadText = 4 * Math.ceil(maxPayloadBytes / 3);
/** Either alphabet: the protocol's own example mixes them. */
const base64Pattern = /^[A-Za-z0-9+/_-]*={0,2}$/;
const maxAntennas = 16;
/** Frames wait for their copies, their commit and their place in the history longer than anything else that a datagram brings. */
const frames = createByteSlab();

/** One rxpk entry to receptions. Total: any JSON value gives receptions or the name of its fault. */
export function receptionsOf(rxpk: unknown, context: RxpkContext): RxpkOutcome {
  if (!isRecord(rxpk)) return refused("bad_rxpk");
  // C10. 0 is a frame without CRC, and some forwarders only pass good frames on and say nothing.
  if (rxpk.stat !== undefined && rxpk.stat !== 1 && rxpk.stat !== 0) return refused("bad_crc");
  const phyPayload = payloadOf(rxpk.data);
  if (typeof phyPayload === "string") return refused(phyPayload);
  const main: unknown = rxpk;
  if (!figures.Check(main)) return refused("bad_number");
  const received = receivedModulation(rxpk.modu, rxpk.datr, rxpk.codr, Math.round(main.hpw ?? 0));
  if (typeof received === "string") return refused(received);
  const frequencyHz = frequencyOf(rxpk.freq);
  if (frequencyHz === undefined) return refused("bad_frequency");
  const heard = signalsOf(rxpk, main);
  if (heard.signals.length === 0) return refused("bad_number");
  const shared = sharedOf(rxpk, main, context);
  const receptions = heard.signals.map((signal, index) => ({
    gatewayId: context.gatewayId,
    phyPayload,
    frequencyHz,
    modulation: received.modulation,
    rssiDbm: signal.rssiDbm,
    snrDb: signal.snrDb,
    counterUs: Math.floor(main.tmst),
    receivedAtUs: context.receivedAtUs,
    receivedAtMs: context.receivedAtMs,
    ...(main.tmms ? { gpsTimeMs: main.tmms } : {}),
    rxInfo: rxInfoOf(shared, signal, context.uplinkId + index),
    txInfo: { frequency: frequencyHz, modulation: received.txModulation },
  }));
  return {
    kind: "received",
    receptions,
    sizeMismatch: main.size !== undefined && main.size !== phyPayload.length,
    refusedSignals: heard.refused,
  };
}

const refused = (reason: RxpkFault): RxpkOutcome => ({ kind: "refused", reason });

function payloadOf(data: unknown): Uint8Array | "bad_base64" | "empty_payload" | "payload_too_long" {
  if (data === undefined || data === null || data === "") return "empty_payload";
  if (typeof data !== "string") return "bad_base64";
  if (data.length > maxPayloadText) return "payload_too_long";
  // Buffer skips what it does not know, so that damage would pass for a shorter frame.
  if (!base64Pattern.test(data)) return "bad_base64";
  const unpadded = data.endsWith("=") ? data.indexOf("=") : data.length;
  if (unpadded % 4 === 1) return "bad_base64";
  const bytes = frames.fromBase64(data);
  return bytes.length === 0 ? "empty_payload" : bytes;
}

/**
 * `freq` in MHz to Hz. Channels are multiples of 100 Hz (TS001-1.0.4 5.6); a small forwarder that computes in single
 * precision prints 868.1 as 868.099976, and the channel is what it means.
 */
function frequencyOf(freq: unknown): number | undefined {
  if (typeof freq !== "number" || !(freq >= 100 && freq <= 2600)) return undefined;
  const frequencyHz = Math.round(freq * 1e6);
  const channelHz = Math.round(freq * 1e4) * 100;
  return Math.round(Math.fround(channelHz / 1e6) * 1e6) === frequencyHz ? channelHz : frequencyHz;
}

function signalsOf(rxpk: JsonRecord, main: Figures): { signals: readonly Signal[]; refused: number } {
  const rsig = rxpk.rsig;
  if (!Array.isArray(rsig) || rsig.length === 0) {
    if (main.rssi === undefined) return { signals: [], refused: 1 };
    return { signals: [signalOf(0, main.chan, main.rssi, main.lsnr)], refused: 0 };
  }
  const entries: readonly unknown[] = rsig.slice(0, maxAntennas);
  const good = entries
    .filter(entry => signals.Check(entry))
    .map(entry => signalOf(entry.ant ?? 0, entry.chan ?? main.chan, entry.rssic, entry.lsnr));
  return { signals: good, refused: rsig.length - good.length };
}

const signalOf = (antenna: number, channel = 0, rssiDbm: number, snrDb = 0): Signal => ({
  antenna: Math.round(antenna),
  channel: Math.round(channel),
  rssiDbm: Math.round(rssiDbm),
  snrDb,
});

type Draft<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };

/** What the antennas of one entry have in common. Zero values are left out, as the application contract has it. */
function sharedOf(rxpk: JsonRecord, main: Figures, context: RxpkContext): RxInfo {
  const rxInfo: Draft<RxInfo> = {
    gatewayId: context.gatewayId,
    uplinkId: context.uplinkId,
    nsTime: new Date(context.receivedAtMs).toISOString(),
    context: contextOf(Math.floor(main.tmst)),
  };
  const gwTime = timeOf(rxpk.time);
  if (gwTime !== undefined) rxInfo.gwTime = gwTime;
  if (main.tmms) {
    const milliseconds = Math.floor(main.tmms);
    rxInfo.timeSinceGpsEpoch = durationOf(Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1e6);
    if (main.ftime !== undefined) {
      rxInfo.fineTimeSinceGpsEpoch = durationOf(Math.floor(milliseconds / 1000), Math.floor(main.ftime));
    }
  }
  if (main.rfch) rxInfo.rfChain = Math.round(main.rfch);
  if (main.brd) rxInfo.board = Math.round(main.brd);
  if (context.location) rxInfo.location = context.location;
  // NO_CRC is the zero value.
  if (rxpk.stat === 1) rxInfo.crcStatus = "CRC_OK";
  const metadata = metadataOf(rxpk.meta);
  if (metadata) rxInfo.metadata = metadata;
  return rxInfo;
}

function rxInfoOf(shared: RxInfo, signal: Signal, uplinkId: number): RxInfo {
  const rxInfo: Draft<RxInfo> = { ...shared, uplinkId: uplinkId >>> 0 };
  if (signal.rssiDbm !== 0) rxInfo.rssi = signal.rssiDbm;
  if (signal.snrDb !== 0) rxInfo.snr = signal.snrDb;
  if (signal.channel !== 0) rxInfo.channel = signal.channel;
  if (signal.antenna !== 0) rxInfo.antenna = signal.antenna;
  return rxInfo;
}

/** The counter, big endian, in base64: what a downlink that answers this frame is timed from. */
function contextOf(counterUs: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(counterUs);
  return bytes.toString("base64");
}

const utcTimePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

/** Microseconds are kept; other forms that name an instant are rewritten, and what names none is left out. */
function timeOf(time: unknown): string | undefined {
  if (typeof time !== "string" || time.length > 40) return undefined;
  const milliseconds = Date.parse(time);
  if (Number.isNaN(milliseconds)) return undefined;
  return utcTimePattern.test(time) ? time : new Date(milliseconds).toISOString();
}

/** Like `1.5s`, exact. */
function durationOf(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return `${seconds}s`;
  return `${seconds}.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}s`;
}

/** Short texts that some forwarders add to each frame. */
function metadataOf(meta: unknown): Readonly<Record<string, string>> | undefined {
  if (!isRecord(meta)) return undefined;
  const texts: [string, string][] = [];
  for (const [name, value] of Object.entries(meta).slice(0, 16)) {
    if (typeof value === "string" && name.length <= 64 && value.length <= 256) texts.push([name, value]);
  }
  return texts.length === 0 ? undefined : Object.fromEntries(texts);
}

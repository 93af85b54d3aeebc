import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { loraCodingRate } from "../lorawan/region/coding-rate.ts";
import type { Modulation } from "../lorawan/region/region.ts";

/** Semtech UDP, version 2, as a packet forwarder speaks it. */
export const identifiers = {
  pushData: 0,
  pushAck: 1,
  pullData: 2,
  pullResp: 3,
  pullAck: 4,
  txAck: 5,
} as const;

const protocolVersion = 2;

const txpkSchema = Type.Object({
  imme: Type.Optional(Type.Boolean()),
  tmst: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
  tmms: Type.Optional(Type.Number()),
  freq: Type.Number(),
  rfch: Type.Integer(),
  powe: Type.Optional(Type.Number()),
  modu: Type.String(),
  datr: Type.Union([Type.String(), Type.Number()]),
  codr: Type.Optional(Type.String()),
  ipol: Type.Optional(Type.Boolean()),
  size: Type.Integer(),
  data: Type.String(),
  ncrc: Type.Optional(Type.Boolean()),
});
const pullRespSchema = Type.Object({ txpk: txpkSchema });

export type Txpk = Static<typeof txpkSchema>;

export type ServerPacket =
  | { readonly kind: "push-ack" | "pull-ack"; readonly token: number }
  | { readonly kind: "pull-resp"; readonly token: number; readonly txpk: Txpk }
  | { readonly kind: "unreadable" };

const unreadable: ServerPacket = { kind: "unreadable" };

/** Total: whatever a server sends. */
export function parseServerPacket(bytes: Uint8Array): ServerPacket {
  if (bytes.length < 4 || bytes[0] !== protocolVersion) return unreadable;
  const token = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
  switch (bytes[3]) {
    case identifiers.pushAck:
      return { kind: "push-ack", token };
    case identifiers.pullAck:
      return { kind: "pull-ack", token };
    case identifiers.pullResp: {
      const body = parseJson(bytes.subarray(4));
      return Value.Check(pullRespSchema, body) ? { kind: "pull-resp", token, txpk: body.txpk } : unreadable;
    }
    default:
      return unreadable;
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** `gatewayId` is 16 hex digits. */
export function gatewayPacket(identifier: number, token: number, gatewayId: string, body?: object): Uint8Array {
  const head = Buffer.from([protocolVersion, token >> 8, token & 0xff, identifier]);
  const json = body === undefined ? "" : JSON.stringify(body);
  return Buffer.concat([head, Buffer.from(gatewayId, "hex"), Buffer.from(json)]);
}

export interface HeardFrame {
  readonly phyPayload: Uint8Array;
  readonly frequencyHz: number;
  readonly modulation: Modulation;
  readonly rssiDbm: number;
  readonly snrDb: number;
  readonly counterUs: number;
  /** Wall clock, milliseconds. */
  readonly timeMs: number;
  /** Since the GPS epoch; gateways with GPS only. */
  readonly gpsTimeMs?: number;
}

/** One entry of `rxpk`. */
export function rxpkOf(frame: HeardFrame): object {
  return {
    time: new Date(frame.timeMs).toISOString(),
    ...(frame.gpsTimeMs === undefined ? {} : { tmms: Math.floor(frame.gpsTimeMs) }),
    tmst: frame.counterUs,
    freq: frame.frequencyHz / 1e6,
    chan: 0,
    rfch: 0,
    stat: 1,
    ...modulationFields(frame.modulation, frame.snrDb),
    rssi: Math.round(frame.rssiDbm),
    size: frame.phyPayload.length,
    data: Buffer.from(frame.phyPayload).toString("base64"),
  };
}

function modulationFields(modulation: Modulation, snrDb: number): object {
  switch (modulation.kind) {
    case "lora": {
      const datr = `SF${modulation.spreadingFactor}BW${Math.floor(modulation.bandwidthHz / 1000)}`;
      return { modu: "LORA", datr, codr: loraCodingRate(modulation), lsnr: Math.round(snrDb * 10) / 10 };
    }
    case "fsk":
      return { modu: "FSK", datr: modulation.bitRate };
    case "lr-fhss": {
      const datr = `M0CW${Math.floor(modulation.operatingChannelWidthHz / 1000)}`;
      return { modu: "LR-FHSS", datr, codr: modulation.codingRate, hpw: 0 };
    }
  }
}

/** Undefined for what no LoRa concentrator sends. */
export function modulationOfTxpk({ modu, datr }: Txpk): Modulation | undefined {
  if (modu === "FSK" && typeof datr === "number") return { kind: "fsk", bitRate: datr };
  const match = modu === "LORA" && typeof datr === "string" ? /^SF(\d+)BW(\d+)$/.exec(datr) : null;
  if (match === null) return undefined;
  return { kind: "lora", spreadingFactor: Number(match[1]), bandwidthHz: Number(match[2]) * 1000 };
}

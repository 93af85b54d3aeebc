import { type GatewayId, gatewayIdFromBytes } from "../../../lorawan/ids.ts";
import { isRecord, type JsonRecord } from "./json-record.ts";

/** Gateway message protocol; version 1 lacks TX_ACK. */
export type ProtocolVersion = 1 | 2;

/** What a gateway sends. `body` is the JSON text's bytes, not looked at yet. */
export interface GatewayPacket {
  readonly kind: "push_data" | "pull_data" | "tx_ack";
  readonly version: ProtocolVersion;
  /** 16 bits, echoed in the acknowledgement. */
  readonly token: number;
  readonly gatewayId: GatewayId;
  readonly body: Uint8Array;
}

/** Why a datagram cannot be used; names are those of the counters. */
export type PacketFault =
  | "truncated"
  | "too_large"
  | "wrong_version"
  | "unknown_identifier"
  | "bad_json"
  /** There is nothing wrong with it, but with the server, which has too much under way. */
  | "overload";

const headerBytes = 12;
/**
 * A forwarder collects for about 10 ms and sends a few hundred bytes a frame; what is larger than this is no forwarder's
 * work, and parsing it would only cost time.
 */
export const maxDatagramBytes = 32_768;
/** The largest concentrator buffer holds 255 frames; entries after that many are not looked at. */
export const maxRxpks = 256;

const identifiers = { pushData: 0, pushAck: 1, pullData: 2, pullResp: 3, pullAck: 4, txAck: 5 } as const;

/** Total: any bytes give a packet or the name of their fault. */
export function parsePacket(bytes: Uint8Array): GatewayPacket | PacketFault {
  if (bytes.length > maxDatagramBytes) return "too_large";
  if (bytes.length < headerBytes) return "truncated";
  const version = bytes[0];
  if (version !== 1 && version !== 2) return "wrong_version";
  const kind = kindOf(bytes[3]);
  if (kind === undefined) return "unknown_identifier";
  return {
    kind,
    version,
    token: (bytes[1]! << 8) | bytes[2]!,
    gatewayId: gatewayIdFromBytes(bytes.subarray(4, headerBytes)),
    body: bytes.subarray(headerBytes),
  };
}

function kindOf(identifier: number | undefined): GatewayPacket["kind"] | undefined {
  switch (identifier) {
    case identifiers.pushData:
      return "push_data";
    case identifiers.pullData:
      return "pull_data";
    case identifiers.txAck:
      return "tx_ack";
    default:
      return undefined;
  }
}

export interface PushData {
  /** Each is judged by itself later, so that one bad entry does not lose the others. */
  readonly rxpks: readonly unknown[];
  /** The forwarder's own figures; undefined when the datagram has none. */
  readonly stat?: JsonRecord;
}

/** Body of PUSH_DATA. */
export function parsePushData(body: Uint8Array): PushData | "bad_json" {
  const root = parseJsonObject(body);
  if (root === undefined) return "bad_json";
  const { rxpk, stat } = root;
  if (rxpk !== undefined && rxpk !== null && !Array.isArray(rxpk)) return "bad_json";
  const rxpks: readonly unknown[] = Array.isArray(rxpk) ? rxpk.slice(0, maxRxpks) : [];
  return isRecord(stat) ? { rxpks, stat } : { rxpks };
}

/** The object in a body, tolerating the NUL bytes and blanks that forwarders written in C leave after it. */
export function parseJsonObject(body: Uint8Array): JsonRecord | undefined {
  try {
    const parsed: unknown = JSON.parse(textOf(body));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** A body as text without trailing NUL bytes and blanks. */
export function textOf(body: Uint8Array): string {
  let end = body.length;
  while (end > 0 && body[end - 1]! <= 0x20) end -= 1;
  return Buffer.from(body.buffer, body.byteOffset, end).toString("utf8");
}

export const encodePushAck = (version: ProtocolVersion, token: number): Uint8Array =>
  header(version, token, identifiers.pushAck);

export const encodePullAck = (version: ProtocolVersion, token: number): Uint8Array =>
  header(version, token, identifiers.pullAck);

/** `json` is the text of `{"txpk":{...}}`. The token's bytes are unused, and zero, in version 1. */
export const encodePullResp = (version: ProtocolVersion, token: number, json: string): Uint8Array =>
  Buffer.concat([header(version, version === 1 ? 0 : token, identifiers.pullResp), Buffer.from(json, "utf8")]);

function header(version: ProtocolVersion, token: number, identifier: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes[0] = version;
  bytes[1] = token >>> 8;
  bytes[2] = token & 0xff;
  bytes[3] = identifier;
  return bytes;
}

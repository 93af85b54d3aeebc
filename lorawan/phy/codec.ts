import { FrameError } from "../errors.ts";
import {
  type DevEui,
  type JoinEui,
  type NetId,
  readDevAddr,
  readDevEui,
  readJoinEui,
  readNetId,
  toFrameOrder,
} from "../ids.ts";
import type { DataFrame, Frame, JoinAcceptContent, RejoinRequest1, RejoinRequest02 } from "./frame.ts";

export const micBytes = 4;
/** A LoRa radio's length field is one byte. */
export const maxPhyPayloadBytes = 255;
const maxFOptsBytes = 15;
/** MHDR, DevAddr, FCtrl and FCnt. */
const dataHeaderBytes = 8;

/** MHDR's MType, TS001-1.0.4 4.2.1 and TS001-1.1 4.2.1. */
const messageType = {
  joinRequest: 0,
  joinAccept: 1,
  unconfirmedDataUp: 2,
  unconfirmedDataDown: 3,
  confirmedDataUp: 4,
  confirmedDataDown: 5,
  rejoinRequest: 6,
  proprietary: 7,
} as const;

const mhdrOf = (type: number): number => type << 5;

export const joinAcceptMhdr = mhdrOf(messageType.joinAccept);

/**
 * Reads a PHYPayload as a radio gave it. Never throws: bytes that are no frame give a FrameError value. Byte arrays in
 * the frame are views of `phyPayload`, not copies. Bits reserved for future use are ignored (TS001-1.0.4 1.1).
 */
export function decodeFrame(phyPayload: Uint8Array): Frame | FrameError {
  // A Buffer's methods differ from those of the Uint8Array that the type promises.
  const bytes = new Uint8Array(phyPayload.buffer, phyPayload.byteOffset, phyPayload.byteLength);
  const mhdr = bytes[0];
  if (mhdr === undefined) return new FrameError("frame_too_short", "a frame has at least an MHDR", { bytes: 0 });
  if (bytes.length > maxPhyPayloadBytes) {
    return new FrameError("frame_too_long", "a frame has at most 255 bytes", { bytes: bytes.length });
  }
  const major = mhdr & 0x03;
  if (major !== 0) return new FrameError("unsupported_major", "MHDR Major is 0 in LoRaWAN R1", { major });
  const type = mhdr >> 5;
  switch (type) {
    case messageType.joinRequest:
      return decodeJoinRequest(bytes);
    case messageType.joinAccept:
      return bytes.length === 17 || bytes.length === 33
        ? { kind: "join-accept", encrypted: bytes.subarray(1) }
        : wrongLength("a Join-Accept has 17 or 33 bytes", bytes);
    case messageType.rejoinRequest:
      return decodeRejoinRequest(bytes);
    case messageType.proprietary:
      return { kind: "proprietary", payload: bytes.subarray(1) };
    default:
      return decodeData(bytes, type);
  }
}

const wrongLength = (message: string, bytes: Uint8Array): FrameError =>
  new FrameError("wrong_length", message, { bytes: bytes.length });

const micOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.length - micBytes);

/** TS001-1.0.4 6.2.5. */
function decodeJoinRequest(bytes: Uint8Array): Frame | FrameError {
  if (bytes.length !== 23) return wrongLength("a Join-Request has 23 bytes", bytes);
  return {
    kind: "join-request",
    joinEui: readJoinEui(bytes, 1),
    devEui: readDevEui(bytes, 9),
    devNonce: read16(bytes, 17),
    mic: micOf(bytes),
  };
}

/** TS001-1.1 6.2.4. */
function decodeRejoinRequest(bytes: Uint8Array): Frame | FrameError {
  const rejoinType = bytes[1];
  if (rejoinType === undefined) return wrongLength("a Rejoin-Request has 19 or 24 bytes", bytes);
  if (rejoinType === 1) {
    if (bytes.length !== 24) return wrongLength("a Rejoin-Request of type 1 has 24 bytes", bytes);
    return {
      kind: "rejoin-request",
      rejoinType,
      joinEui: readJoinEui(bytes, 2),
      devEui: readDevEui(bytes, 10),
      rjCount1: read16(bytes, 18),
      mic: micOf(bytes),
    };
  }
  if (rejoinType !== 0 && rejoinType !== 2) {
    return new FrameError("unknown_rejoin_type", "a Rejoin-Request has type 0, 1 or 2", { rejoinType });
  }
  if (bytes.length !== 19) return wrongLength("a Rejoin-Request of type 0 or 2 has 19 bytes", bytes);
  return {
    kind: "rejoin-request",
    rejoinType,
    netId: readNetId(bytes, 2),
    devEui: readDevEui(bytes, 5),
    rjCount0: read16(bytes, 13),
    mic: micOf(bytes),
  };
}

/** TS001-1.0.4 4.3. */
function decodeData(bytes: Uint8Array, type: number): Frame | FrameError {
  if (bytes.length < dataHeaderBytes + micBytes) {
    return new FrameError("frame_too_short", "a data frame has at least 12 bytes", { bytes: bytes.length });
  }
  const up = type === messageType.unconfirmedDataUp || type === messageType.confirmedDataUp;
  const fCtrl = bytes[5]!;
  const fOptsEnd = dataHeaderBytes + (fCtrl & 0x0f);
  const payloadEnd = bytes.length - micBytes;
  if (fOptsEnd > payloadEnd) {
    return new FrameError("f_opts_overrun", "FOptsLen reaches beyond the frame", { fOptsLen: fCtrl & 0x0f });
  }
  const fPort = fOptsEnd < payloadEnd ? bytes[fOptsEnd]! : undefined;
  if (fPort === 0 && fOptsEnd > dataHeaderBytes) return fOptsWithPort0();
  return {
    kind: "data",
    direction: up ? "up" : "down",
    confirmed: type === messageType.confirmedDataUp || type === messageType.confirmedDataDown,
    devAddr: readDevAddr(bytes, 1),
    adr: (fCtrl & 0x80) !== 0,
    adrAckReq: up && (fCtrl & 0x40) !== 0,
    ack: (fCtrl & 0x20) !== 0,
    fPending: !up && (fCtrl & 0x10) !== 0,
    classB: up && (fCtrl & 0x10) !== 0,
    fCnt16: read16(bytes, 6),
    fOpts: bytes.subarray(dataHeaderBytes, fOptsEnd),
    ...(fPort === undefined ? {} : { fPort }),
    frmPayload: bytes.subarray(fPort === undefined ? payloadEnd : fOptsEnd + 1, payloadEnd),
    mic: micOf(bytes),
  };
}

/** TS001-1.0.4 4.3.1.6: MAC commands are in FOpts or in FRMPayload, never in both. */
const fOptsWithPort0 = (): FrameError =>
  new FrameError("f_opts_with_port_0", "a frame has commands in FOpts or on FPort 0, not both");

/** The data frame without its MIC. Throws FrameError for fields that no frame can carry. */
export function encodeDataFrame(frame: Omit<DataFrame, "mic" | "kind">): Uint8Array {
  checkDataFrame(frame);
  const portBytes = frame.fPort === undefined ? 0 : 1;
  const bytes = new Uint8Array(dataHeaderBytes + frame.fOpts.length + portBytes + frame.frmPayload.length);
  bytes[0] = mhdrOf(dataMessageType(frame));
  bytes.set(toFrameOrder(frame.devAddr), 1);
  bytes[5] =
    (frame.adr ? 0x80 : 0) |
    (frame.adrAckReq ? 0x40 : 0) |
    (frame.ack ? 0x20 : 0) |
    (frame.fPending || frame.classB ? 0x10 : 0) |
    frame.fOpts.length;
  write16(bytes, 6, frame.fCnt16);
  bytes.set(frame.fOpts, dataHeaderBytes);
  if (frame.fPort !== undefined) bytes[dataHeaderBytes + frame.fOpts.length] = frame.fPort;
  bytes.set(frame.frmPayload, dataHeaderBytes + frame.fOpts.length + portBytes);
  return bytes;
}

function dataMessageType(frame: Pick<DataFrame, "direction" | "confirmed">): number {
  if (frame.direction === "up") {
    return frame.confirmed ? messageType.confirmedDataUp : messageType.unconfirmedDataUp;
  }
  return frame.confirmed ? messageType.confirmedDataDown : messageType.unconfirmedDataDown;
}

function checkDataFrame(frame: Omit<DataFrame, "mic" | "kind">): void {
  const { direction, fOpts, fPort, frmPayload } = frame;
  checkInteger("fCnt16", frame.fCnt16, 0xffff);
  if (fPort !== undefined) checkInteger("fPort", fPort, 0xff);
  if (fPort === undefined && frmPayload.length > 0) throw impossible("frmPayload", "FRMPayload needs an FPort");
  if (fOpts.length > maxFOptsBytes) throw impossible("fOpts", "FOpts has at most 15 bytes");
  if (fPort === 0 && fOpts.length > 0) throw fOptsWithPort0();
  if (direction === "up" && frame.fPending) throw impossible("fPending", "FPending is a downlink's");
  if (direction === "down" && frame.classB) throw impossible("classB", "ClassB is an uplink's");
  if (direction === "down" && frame.adrAckReq) throw impossible("adrAckReq", "ADRACKReq is an uplink's");
  const length = dataHeaderBytes + fOpts.length + (fPort === undefined ? 0 : 1) + frmPayload.length + micBytes;
  if (length > maxPhyPayloadBytes) {
    throw new FrameError("frame_too_long", "a frame has at most 255 bytes", { bytes: length });
  }
}

export interface JoinRequestFields {
  readonly joinEui: JoinEui;
  readonly devEui: DevEui;
  readonly devNonce: number;
}

/** The Join-Request without its MIC, 19 bytes. Throws FrameError for a DevNonce that is not 16 bits. */
export function encodeJoinRequest(request: JoinRequestFields): Uint8Array {
  checkInteger("devNonce", request.devNonce, 0xffff);
  const bytes = new Uint8Array(19);
  bytes[0] = mhdrOf(messageType.joinRequest);
  bytes.set(toFrameOrder(request.joinEui), 1);
  bytes.set(toFrameOrder(request.devEui), 9);
  write16(bytes, 17, request.devNonce);
  return bytes;
}

export type RejoinRequestFields = Omit<RejoinRequest02, "mic" | "kind"> | Omit<RejoinRequest1, "mic" | "kind">;

/** The Rejoin-Request without its MIC, 15 or 20 bytes. Throws FrameError for a counter that is not 16 bits. */
export function encodeRejoinRequest(request: RejoinRequestFields): Uint8Array {
  const type1 = request.rejoinType === 1;
  const network: NetId | JoinEui = type1 ? request.joinEui : request.netId;
  const count = type1 ? request.rjCount1 : request.rjCount0;
  checkInteger(type1 ? "rjCount1" : "rjCount0", count, 0xffff);
  const networkBytes = toFrameOrder(network);
  const bytes = new Uint8Array(2 + networkBytes.length + 8 + 2);
  bytes[0] = mhdrOf(messageType.rejoinRequest);
  bytes[1] = request.rejoinType;
  bytes.set(networkBytes, 2);
  bytes.set(toFrameOrder(request.devEui), 2 + networkBytes.length);
  write16(bytes, bytes.length - 2, count);
  return bytes;
}

/**
 * MHDR and fields of a Join-Accept in the clear and without its MIC, 13 or 29 bytes (TS001-1.0.4 6.2.6).
 * Throws FrameError for fields that no frame can carry.
 */
export function encodeJoinAcceptContent(content: JoinAcceptContent): Uint8Array {
  const { joinNonce, rx1DrOffset, rx2DataRate, rxDelaySeconds, cfList } = content;
  checkInteger("joinNonce", joinNonce, 0xffffff);
  checkInteger("rx1DrOffset", rx1DrOffset, 7);
  checkInteger("rx2DataRate", rx2DataRate, 15);
  checkInteger("rxDelaySeconds", rxDelaySeconds, 15);
  if (rxDelaySeconds === 0) throw impossible("rxDelaySeconds", "RxDelay is 1 to 15 seconds");
  if (cfList !== undefined && cfList.length !== 16) throw impossible("cfList", "a CFList has 16 bytes");
  const bytes = new Uint8Array(cfList === undefined ? 13 : 29);
  bytes[0] = joinAcceptMhdr;
  write16(bytes, 1, joinNonce);
  bytes[3] = joinNonce >>> 16;
  bytes.set(toFrameOrder(content.netId), 4);
  bytes.set(toFrameOrder(content.devAddr), 7);
  bytes[11] = (content.optNeg ? 0x80 : 0) | (rx1DrOffset << 4) | rx2DataRate;
  bytes[12] = rxDelaySeconds;
  if (cfList !== undefined) bytes.set(cfList, 13);
  return bytes;
}

/** The inverse of `encodeJoinAcceptContent`, for 13 or 29 bytes whatever they hold. */
export function decodeJoinAcceptContent(bytes: Uint8Array): JoinAcceptContent {
  const dlSettings = bytes[11]!;
  return {
    joinNonce: read16(bytes, 1) | (bytes[3]! << 16),
    netId: readNetId(bytes, 4),
    devAddr: readDevAddr(bytes, 7),
    optNeg: (dlSettings & 0x80) !== 0,
    rx1DrOffset: (dlSettings >> 4) & 0x07,
    rx2DataRate: dlSettings & 0x0f,
    // TS001-1.0.4 5.7: 0 and 1 both mean one second.
    rxDelaySeconds: Math.max(1, bytes[12]! & 0x0f),
    ...(bytes.length === 29 ? { cfList: bytes.slice(13) } : {}),
  };
}

export function impossible(field: string, message: string): FrameError {
  return new FrameError("impossible_field", message, { field });
}

/** Throws FrameError unless `value` is an integer from 0 to `max`. */
export function checkInteger(field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw impossible(field, `${field} is an integer from 0 to ${max}`);
  }
}

/** Little-endian, as all numbers of a frame (TS001-1.0.4 1.1). The caller has checked the length. */
const read16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
}

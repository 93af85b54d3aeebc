import { FrameError } from "../errors.ts";
import { type DevAddr, type JoinEui, toFrameOrder } from "../ids.ts";
import type { AesKey, NetworkKeys } from "../keys.ts";
import { blockBytes, cmac, decryptBlocks, encryptBlocks, xorInto } from "./aes.ts";
import {
  checkInteger,
  decodeFrame,
  decodeJoinAcceptContent,
  encodeDataFrame,
  encodeJoinAcceptContent,
  encodeJoinRequest,
  encodeRejoinRequest,
  impossible,
  type JoinRequestFields,
  joinAcceptMhdr,
  micBytes,
  type RejoinRequestFields,
  write16,
} from "./codec.ts";
import type { DataFrame, JoinAcceptContent } from "./frame.ts";

type Direction = DataFrame["direction"];

export interface UplinkMicContext {
  readonly version11: boolean;
  /** All 32 bits of FCntUp. */
  readonly fCnt: number;
  readonly fNwkSIntKey: AesKey;
  /** LoRaWAN 1.1 only. */
  readonly sNwkSIntKey: AesKey;
  /** FCntDown of the confirmed downlink that this frame acknowledges; 0 when the frame has no ACK. */
  readonly confFCnt: number;
  /** Data rate and channel number of this transmission. */
  readonly txDr: number;
  readonly txCh: number;
}

/** TS001-1.0.4 4.4, TS001-1.1 4.4.2. Takes the same time whichever byte of the MIC is wrong. */
export function verifyUplinkMic(phyPayload: Uint8Array, frame: DataFrame, context: UplinkMicContext): boolean {
  const message = phyPayload.subarray(0, phyPayload.length - micBytes);
  return equal(uplinkMic(message, frame.devAddr, frame.ack, context), frame.mic);
}

/**
 * The half of an uplink's 1.1 MIC that a forwarding network server, which has only FNwkSIntKey, can check
 * (TS001-1.1 4.4.2: the last two bytes).
 */
export function verifyUplinkMicForwarding(
  phyPayload: Uint8Array,
  frame: DataFrame,
  context: { readonly fCnt: number; readonly fNwkSIntKey: AesKey },
): boolean {
  const message = phyPayload.subarray(0, phyPayload.length - micBytes);
  const b0 = micBlock("up", frame.devAddr, context.fCnt, message.length);
  return equal(cmac(context.fNwkSIntKey, b0, message).subarray(0, 2), frame.mic.subarray(2));
}

export interface DownlinkMicContext {
  readonly version11: boolean;
  /** All 32 bits of the counter that this frame uses. */
  readonly fCnt: number;
  readonly sNwkSIntKey: AesKey;
  /** LoRaWAN 1.1: FCntUp of the confirmed uplink that this frame acknowledges. */
  readonly confFCnt: number;
}

/** The device's check of a downlink (TS001-1.0.4 4.4, TS001-1.1 4.4.1). For tests and tools. */
export function verifyDownlinkMic(phyPayload: Uint8Array, frame: DataFrame, context: DownlinkMicContext): boolean {
  const message = phyPayload.subarray(0, phyPayload.length - micBytes);
  const block = micBlock("down", frame.devAddr, context.fCnt, message.length);
  if (context.version11 && frame.ack) write16(block, 1, context.confFCnt);
  return equal(cmac(context.sNwkSIntKey, block, message).subarray(0, micBytes), frame.mic);
}

function uplinkMic(message: Uint8Array, devAddr: DevAddr, ack: boolean, context: UplinkMicContext): Uint8Array {
  const block = micBlock("up", devAddr, context.fCnt, message.length);
  const forwarding = cmac(context.fNwkSIntKey, block, message);
  if (!context.version11) return forwarding.subarray(0, micBytes);
  // Block B1 is B0 with ConfFCnt, TxDr and TxCh in the four bytes that are 0 there.
  write16(block, 1, ack ? context.confFCnt : 0);
  block[3] = context.txDr;
  block[4] = context.txCh;
  const serving = cmac(context.sNwkSIntKey, block, message);
  return Uint8Array.of(serving[0]!, serving[1]!, forwarding[0]!, forwarding[1]!);
}

/** Block B0 of TS001-1.0.4 4.4. */
function micBlock(direction: Direction, devAddr: DevAddr, fCnt: number, messageLength: number): Uint8Array {
  const block = counterBlock(0x49, direction, devAddr, fCnt);
  block[15] = messageLength;
  return block;
}

/** What the blocks of MIC and encryption have in common: a tag, Dir, DevAddr and the 32-bit counter. */
function counterBlock(tag: number, direction: Direction, devAddr: DevAddr, fCnt: number): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block[0] = tag;
  block[5] = direction === "up" ? 0 : 1;
  const address = Number.parseInt(devAddr, 16);
  write16(block, 6, address);
  write16(block, 8, address >>> 16);
  write16(block, 10, fCnt);
  write16(block, 12, fCnt >>> 16);
  return block;
}

/**
 * FRMPayload, encrypted or decrypted: the operation is its own inverse (TS001-1.0.4 4.3.3). `fCnt` has all 32 bits.
 * The key is AppSKey for FPort above 0, NwkSEncKey (1.0: NwkSKey) for FPort 0.
 */
export function cryptPayload(
  key: AesKey,
  direction: Direction,
  devAddr: DevAddr,
  fCnt: number,
  payload: Uint8Array,
): Uint8Array {
  const blockCount = Math.ceil(payload.length / blockBytes);
  const result = new Uint8Array(payload);
  if (blockCount === 0) return result;
  const block = counterBlock(0x01, direction, devAddr, fCnt);
  const blocks = new Uint8Array(blockCount * blockBytes);
  for (let index = 0; index < blockCount; index++) {
    block[15] = index + 1;
    blocks.set(block, index * blockBytes);
  }
  xorInto(result, encryptBlocks(key, blocks));
  return result;
}

/** Which counter a frame uses in LoRaWAN 1.1. `application`: AFCntDown, a downlink with FPort above 0. */
export type FOptsCounter = "network" | "application";

/** The counter of a frame in this direction and with this FPort (TS001-1.1 4.3.1.5). */
export const fOptsCounterOf = (direction: Direction, fPort: number | undefined): FOptsCounter =>
  direction === "down" && fPort !== undefined && fPort > 0 ? "application" : "network";

/**
 * FOpts of LoRaWAN 1.1, encrypted or decrypted with NwkSEncKey. The block is that of the erratum "FOpts Encryption,
 * Usage of FCntDwn" on TS001-1.1 4.3.1.6: byte 4 tells FCntUp and NFCntDown (1) from AFCntDown (2), byte 15 is 1.
 */
export function cryptFOpts(
  nwkSEncKey: AesKey,
  direction: Direction,
  devAddr: DevAddr,
  fCnt: number,
  counter: FOptsCounter,
  fOpts: Uint8Array,
): Uint8Array {
  const result = new Uint8Array(fOpts);
  if (result.length === 0) return result;
  const block = counterBlock(0x01, direction, devAddr, fCnt);
  block[4] = counter === "application" ? 2 : 1;
  block[15] = 1;
  xorInto(result, encryptBlocks(nwkSEncKey, block));
  return result;
}

interface SealFields {
  readonly version11: boolean;
  readonly confirmed: boolean;
  readonly devAddr: DevAddr;
  readonly adr: boolean;
  readonly ack: boolean;
  /** All 32 bits of the counter that this frame uses. */
  readonly fCnt: number;
  /** In the clear. */
  readonly fOpts: Uint8Array;
  readonly fPort?: number | undefined;
  /** In the clear, unless `payloadEncrypted`. */
  readonly frmPayload: Uint8Array;
  /** FRMPayload was encrypted by whoever holds the AppSKey. Says nothing about FPort 0, which is encrypted here. */
  readonly payloadEncrypted?: boolean | undefined;
  /** Counter of the confirmed frame that `ack` answers; used in LoRaWAN 1.1 only. */
  readonly confFCnt: number;
}

export interface DownlinkFields extends SealFields {
  readonly fPending: boolean;
}

export interface DownlinkKeys extends Pick<NetworkKeys, "sNwkSIntKey" | "nwkSEncKey"> {
  /** Needed for FPort above 0 unless the payload is empty or encrypted already. */
  readonly appSKey?: AesKey | undefined;
}

/**
 * The downlink as it goes to a gateway: encrypted, with MIC. In LoRaWAN 1.0 both network keys are the NwkSKey.
 * Throws FrameError for fields that no frame can carry, and for a payload in the clear without its key.
 */
export function sealDownlink(fields: DownlinkFields, keys: DownlinkKeys): Uint8Array {
  const message = encodeSealed({ ...fields, direction: "down", adrAckReq: false, classB: false }, keys);
  const block = micBlock("down", fields.devAddr, fields.fCnt, message.length);
  // TS001-1.1 4.4.1: ConfFCnt is FCntUp of the acknowledged frame modulo 2^16.
  if (fields.version11 && fields.ack) write16(block, 1, fields.confFCnt);
  return withMic(message, cmac(keys.sNwkSIntKey, block, message));
}

export interface UplinkFields extends SealFields {
  readonly adrAckReq: boolean;
  readonly classB: boolean;
  /** LoRaWAN 1.1 only. */
  readonly txDr: number;
  readonly txCh: number;
}

/** The uplink as a device sends it. For tests and tools. Throws FrameError like `sealDownlink`. */
export function sealUplink(
  fields: UplinkFields,
  keys: NetworkKeys & { readonly appSKey?: AesKey | undefined },
): Uint8Array {
  const message = encodeSealed({ ...fields, direction: "up", fPending: false }, keys);
  return withMic(message, uplinkMic(message, fields.devAddr, fields.ack, { ...fields, ...keys }));
}

type EncodedFields = SealFields & Pick<DataFrame, "direction" | "adrAckReq" | "classB" | "fPending">;

function encodeSealed(fields: EncodedFields, keys: Omit<DownlinkKeys, "sNwkSIntKey">): Uint8Array {
  const { direction, devAddr, fCnt, fPort, fOpts } = fields;
  checkInteger("fCnt", fCnt, 0xffffffff);
  return encodeDataFrame({
    direction,
    confirmed: fields.confirmed,
    devAddr,
    adr: fields.adr,
    adrAckReq: fields.adrAckReq,
    ack: fields.ack,
    fPending: fields.fPending,
    classB: fields.classB,
    fCnt16: fCnt & 0xffff,
    fOpts: fields.version11
      ? cryptFOpts(keys.nwkSEncKey, direction, devAddr, fCnt, fOptsCounterOf(direction, fPort), fOpts)
      : fOpts,
    ...(fPort === undefined ? {} : { fPort }),
    frmPayload: encryptedPayload(fields, keys),
  });
}

function encryptedPayload(fields: EncodedFields, keys: Omit<DownlinkKeys, "sNwkSIntKey">): Uint8Array {
  const { direction, devAddr, fCnt, fPort, frmPayload } = fields;
  if (frmPayload.length === 0 || (fields.payloadEncrypted === true && fPort !== 0)) return frmPayload;
  const key = fPort === 0 ? keys.nwkSEncKey : keys.appSKey;
  if (key === undefined) throw impossible("frmPayload", "a payload in the clear needs the AppSKey");
  return cryptPayload(key, direction, devAddr, fCnt, frmPayload);
}

/** TS001-1.0.4 6.2.5. The key is AppKey, or NwkKey of a LoRaWAN 1.1 device. */
export const verifyJoinRequestMic = (key: AesKey, phyPayload: Uint8Array): boolean => verifyPlainMic(key, phyPayload);

/** TS001-1.1 6.2.4. The key is SNwkSIntKey for types 0 and 2, JSIntKey for type 1. */
export const verifyRejoinMic = (key: AesKey, phyPayload: Uint8Array): boolean => verifyPlainMic(key, phyPayload);

/** A Join-Request with its MIC, 23 bytes. For tests and tools. Throws FrameError like `encodeJoinRequest`. */
export const sealJoinRequest = (key: AesKey, request: JoinRequestFields): Uint8Array =>
  withPlainMic(key, encodeJoinRequest(request));

/** A Rejoin-Request with its MIC. For tests and tools. Throws FrameError like `encodeRejoinRequest`. */
export const sealRejoinRequest = (key: AesKey, request: RejoinRequestFields): Uint8Array =>
  withPlainMic(key, encodeRejoinRequest(request));

const noPrefix = new Uint8Array(0);

function verifyPlainMic(key: AesKey, phyPayload: Uint8Array): boolean {
  if (phyPayload.length <= micBytes) return false;
  const end = phyPayload.length - micBytes;
  const mic = cmac(key, noPrefix, phyPayload.subarray(0, end));
  return equal(mic.subarray(0, micBytes), phyPayload.subarray(end));
}

const withPlainMic = (key: AesKey, message: Uint8Array): Uint8Array => withMic(message, cmac(key, noPrefix, message));

function withMic(message: Uint8Array, mic: Uint8Array): Uint8Array {
  const phyPayload = new Uint8Array(message.length + micBytes);
  phyPayload.set(message);
  phyPayload.set(mic.subarray(0, micBytes), message.length);
  return phyPayload;
}

/** Looks at every byte, whichever differ; for a few bytes a call of node:crypto costs more than that. */
function equal(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < one.length; index++) difference |= one[index]! ^ (other[index] ?? 0);
  return difference === 0;
}

/** How a Join-Accept's MIC is made: without (OptNeg 0, LoRaWAN 1.0) or with (OptNeg 1) a reference to its request. */
export type JoinAcceptMic =
  | { readonly kind: "1.0" /** AppKey; NwkKey of a 1.1 device. */; readonly key: AesKey }
  | {
      readonly kind: "1.1";
      /** JSIntKey. */
      readonly key: AesKey;
      /** 0xff after a Join-Request, else the rejoin type. */
      readonly joinReqType: 0xff | 0 | 1 | 2;
      readonly joinEui: JoinEui;
      /** DevNonce, or RJcount0 or RJcount1 of the Rejoin-Request. */
      readonly devNonce: number;
    };

export interface JoinAcceptSecurity {
  /** AppKey (1.0) or NwkKey (1.1) after a Join-Request, JSEncKey after a Rejoin-Request. */
  readonly encryptionKey: AesKey;
  readonly mic: JoinAcceptMic;
}

/**
 * The Join-Accept as it goes to a gateway, 17 or 33 bytes (TS001-1.0.4 6.2.6, TS001-1.1 6.2.3). Throws FrameError for
 * fields that no frame can carry, and when OptNeg and the MIC's kind contradict each other.
 */
export function sealJoinAccept(content: JoinAcceptContent, security: JoinAcceptSecurity): Uint8Array {
  if (content.optNeg !== (security.mic.kind === "1.1")) throw impossible("optNeg", "OptNeg decides the kind of MIC");
  const message = encodeJoinAcceptContent(content);
  const mic = joinAcceptMic(message, security.mic);
  const phyPayload = withMic(message, mic);
  // The device has only AES encryption, so that the server "encrypts" with decryption (C8).
  phyPayload.set(decryptBlocks(security.encryptionKey, phyPayload.subarray(1)), 1);
  return phyPayload;
}

export interface OpenedJoinAccept {
  readonly content: JoinAcceptContent;
  /** False also when OptNeg in the content contradicts the kind of MIC that was asked for. */
  readonly micValid: boolean;
}

/** The device's reading of a Join-Accept. FrameError for bytes that are none; never throws. */
export function openJoinAccept(phyPayload: Uint8Array, security: JoinAcceptSecurity): OpenedJoinAccept | FrameError {
  const frame = decodeFrame(phyPayload);
  if (frame instanceof FrameError) return frame;
  if (frame.kind !== "join-accept") return new FrameError("wrong_message_type", "this frame is no Join-Accept");
  const decrypted = encryptBlocks(security.encryptionKey, frame.encrypted);
  const end = 1 + decrypted.length - micBytes;
  const message = new Uint8Array(end);
  message[0] = joinAcceptMhdr;
  message.set(decrypted.subarray(0, end - 1), 1);
  const content = decodeJoinAcceptContent(message);
  const mic = joinAcceptMic(message, security.mic).subarray(0, micBytes);
  return {
    content,
    micValid: content.optNeg === (security.mic.kind === "1.1") && equal(mic, decrypted.subarray(end - 1)),
  };
}

function joinAcceptMic(message: Uint8Array, mic: JoinAcceptMic): Uint8Array {
  if (mic.kind === "1.0") return cmac(mic.key, noPrefix, message);
  checkInteger("devNonce", mic.devNonce, 0xffff);
  const prefix = new Uint8Array(11);
  prefix[0] = mic.joinReqType;
  prefix.set(toFrameOrder(mic.joinEui), 1);
  write16(prefix, 9, mic.devNonce);
  return cmac(mic.key, prefix, message);
}

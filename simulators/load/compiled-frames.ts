import { createCipheriv } from "node:crypto";
import type { LoadDevice } from "./population.ts";

/**
 * LoRaWAN 1.0 frames of devices, made quickly: a run sends hundreds of thousands, and `lora-packet` takes 100 us for one.
 * The tests hold them against `lora-packet`.
 */
export interface UplinkContent {
  readonly fCnt: number;
  readonly confirmed: boolean;
  readonly fPort: number;
  readonly payload: Uint8Array;
}

const micBytes = 4;
const dataHeaderBytes = 9;
const blockBytes = 16;
const zeros = Buffer.alloc(blockBytes);

export const uplinkBytes = (payloadBytes: number): number => dataHeaderBytes + payloadBytes + micBytes;
export const joinRequestBytes = 23;

/** TS001-1.0.4 4. */
export function compileUplink(device: LoadDevice, { fCnt, confirmed, fPort, payload }: UplinkContent): Buffer {
  const frame = Buffer.alloc(uplinkBytes(payload.length));
  frame.writeUInt8(confirmed ? 0x80 : 0x40, 0);
  frame.writeUInt32LE(Number.parseInt(device.devAddr, 16), 1);
  frame.writeUInt16LE(fCnt & 0xffff, 6);
  frame.writeUInt8(fPort, 8);
  const address = frame.subarray(1, 5);
  frame.set(keyStreamed(device.appSKey, address, fCnt, payload), dataHeaderBytes);
  const end = frame.length - micBytes;
  const message = Buffer.concat([counterBlock(0x49, address, fCnt, end), frame.subarray(0, end)]);
  cmac(device.nwkSKey, message).copy(frame, end, 0, micBytes);
  return frame;
}

/** TS001-1.0.4 6.2.4. */
export function compileJoinRequest(device: LoadDevice, devNonce: number): Buffer {
  const frame = Buffer.alloc(joinRequestBytes);
  frame.set(Buffer.from(device.joinEui, "hex").reverse(), 1);
  frame.set(Buffer.from(device.devEui, "hex").reverse(), 9);
  frame.writeUInt16LE(devNonce, 17);
  const end = joinRequestBytes - micBytes;
  cmac(device.appKey, frame.subarray(0, end)).copy(frame, end, 0, micBytes);
  return frame;
}

/** The blocks A_i and B_0 of TS001-1.0.4 4.3.3 and 4.4 for an uplink. */
function counterBlock(first: number, address: Uint8Array, fCnt: number, last: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.writeUInt8(first, 0);
  block.set(address, 6);
  block.writeUInt32LE(fCnt, 10);
  block.writeUInt8(last, 15);
  return block;
}

function keyStreamed(key: Uint8Array, address: Uint8Array, fCnt: number, payload: Uint8Array): Buffer {
  const blocks = Math.ceil(payload.length / blockBytes);
  const counters = Array.from({ length: blocks }, (_, index) => counterBlock(0x01, address, fCnt, index + 1));
  const stream = encrypt("aes-128-ecb", key, null, Buffer.concat(counters));
  return Buffer.from(payload.map((byte, index) => byte ^ (stream[index] ?? 0)));
}

/** RFC 4493; 16 bytes. */
function cmac(key: Uint8Array, message: Uint8Array): Buffer {
  const whole = message.length > 0 && message.length % blockBytes === 0;
  const padded = Buffer.alloc(whole ? message.length : (Math.floor(message.length / blockBytes) + 1) * blockBytes);
  padded.set(message);
  if (!whole) padded.writeUInt8(0x80, message.length);
  const once = doubled(encrypt("aes-128-ecb", key, null, zeros));
  const subkey = whole ? once : doubled(once);
  const last = padded.subarray(-blockBytes);
  last.set(last.map((byte, index) => byte ^ (subkey[index] ?? 0)));
  return encrypt("aes-128-cbc", key, zeros, padded).subarray(-blockBytes);
}

/** Times x in the field of RFC 4493. */
function doubled(block: Uint8Array): Buffer {
  const shifted = block.map((byte, index) => ((byte << 1) | ((block[index + 1] ?? 0) >> 7)) & 0xff);
  if (((block[0] ?? 0) & 0x80) !== 0) shifted[blockBytes - 1] = (shifted[blockBytes - 1] ?? 0) ^ 0x87;
  return Buffer.from(shifted);
}

function encrypt(
  mode: "aes-128-ecb" | "aes-128-cbc",
  key: Uint8Array,
  iv: Uint8Array | null,
  data: Uint8Array,
): Buffer {
  return createCipheriv(mode, key, iv).setAutoPadding(false).update(data);
}

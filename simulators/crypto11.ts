import { createCipheriv } from "node:crypto";

/**
 * LoRaWAN 1.1 cryptography as a device has it, written from the specification on AES alone, so that no fault of the
 * server's own code can hide on both sides.
 */

const block = 16;

export function aesEncrypt(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return Uint8Array.from(Buffer.concat([cipher.update(bytes), cipher.final()]));
}

/** RFC 4493 2.3: one bit to the left, and 0x87 where a bit falls off. */
function doubled(bytes: Uint8Array): Uint8Array {
  const number = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  const shifted = ((number << 1n) & ((1n << 128n) - 1n)) ^ (number >> 127n === 1n ? 0x87n : 0n);
  return Uint8Array.from(Buffer.from(shifted.toString(16).padStart(32, "0"), "hex"));
}

const xor = (one: Uint8Array, other: Uint8Array): Uint8Array => one.map((byte, index) => byte ^ (other[index] ?? 0));

/** RFC 4493. */
export function cmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const message = Uint8Array.from(Buffer.concat(parts));
  const subkey = doubled(aesEncrypt(key, new Uint8Array(block)));
  const count = Math.max(1, Math.ceil(message.length / block));
  const last = message.subarray((count - 1) * block);
  const padded = new Uint8Array(block);
  padded.set(last);
  if (last.length < block) padded[last.length] = 0x80;
  let state: Uint8Array = new Uint8Array(block);
  for (let index = 0; index < count - 1; index += 1) {
    state = aesEncrypt(key, xor(state, message.subarray(index * block, (index + 1) * block)));
  }
  return aesEncrypt(key, xor(state, xor(padded, last.length === block ? subkey : doubled(subkey))));
}

/** `value` in `bytes` bytes, least significant first. */
export const little = (value: number, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** index) % 256);

/** Hex as printed, in the order of a frame. */
export const reversed = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex")).reverse();

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** TS001-1.1 6.2.3 and 6.1.1.4: aes128_encrypt(key, type | parts | pad). */
export function derive(key: Uint8Array, type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const input = new Uint8Array(block);
  input.set(concat(Uint8Array.of(type), ...parts));
  return aesEncrypt(key, input);
}

interface BlockFields {
  readonly tag: number;
  /** Bytes 1 to 4. */
  readonly prefix: Uint8Array;
  readonly direction: 0 | 1;
  /** Hex, as printed. */
  readonly devAddr: string;
  readonly fCnt: number;
  readonly last: number;
}

/** The form that B0, B1 and the A blocks share (TS001-1.1 4.3.3, 4.4). */
export const securityBlock = ({ tag, prefix, direction, devAddr, fCnt, last }: BlockFields): Uint8Array =>
  concat(
    Uint8Array.of(tag),
    prefix,
    Uint8Array.of(direction),
    reversed(devAddr),
    little(fCnt, 4),
    Uint8Array.of(0, last),
  );

/** TS001-1.1 4.3.3: a stream of A blocks over FRMPayload. */
export function cryptPayload(
  key: Uint8Array,
  direction: 0 | 1,
  devAddr: string,
  fCnt: number,
  payload: Uint8Array,
): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(payload.length / block) }, (_, index) =>
    securityBlock({ tag: 1, prefix: new Uint8Array(4), direction, devAddr, fCnt, last: index + 1 }),
  );
  return blocks.length === 0 ? payload : xor(payload, aesEncrypt(key, concat(...blocks)));
}

/** TS001-1.1 4.3.1.6 with its erratum: byte 4 is 1 for FCntUp and NFCntDown, 2 for AFCntDown, and byte 15 is 1. */
export function cryptFOpts(
  key: Uint8Array,
  direction: 0 | 1,
  devAddr: string,
  fCnt: number,
  counter: 1 | 2,
  fOpts: Uint8Array,
): Uint8Array {
  const prefix = Uint8Array.of(0, 0, 0, counter);
  return xor(fOpts, aesEncrypt(key, securityBlock({ tag: 1, prefix, direction, devAddr, fCnt, last: 1 })));
}

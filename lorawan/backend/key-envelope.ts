import { createCipheriv, createDecipheriv } from "node:crypto";
import { MalformedValue } from "../errors.ts";

/** RFC 3394 2.2.3.1. */
const defaultInitialValue = new Uint8Array(8).fill(0xa6);

/**
 * RFC 3394 key wrap, as the KeyEnvelope of TS002-1.1.0 carries session keys: 8 bytes longer than `key`.
 * Throws MalformedValue for a KEK that is not 16, 24 or 32 bytes, and for a key that is not at least two whole blocks
 * of 8 bytes.
 */
export function wrapKey(kek: Uint8Array, key: Uint8Array): Uint8Array {
  if (key.length < 16 || key.length % 8 !== 0) {
    throw new MalformedValue("a key to wrap is 16 bytes or more, in steps of 8", { bytes: key.length });
  }
  const cipher = createCipheriv(algorithmOf(kek), kek, defaultInitialValue);
  return Uint8Array.from(Buffer.concat([cipher.update(key), cipher.final()]));
}

/**
 * The wrapped key, or undefined when `wrapped` was not made with this KEK or has been altered.
 * Throws MalformedValue for a KEK that is not 16, 24 or 32 bytes.
 */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  const algorithm = algorithmOf(kek);
  if (wrapped.length < 24 || wrapped.length % 8 !== 0) return undefined;
  const decipher = createDecipheriv(algorithm, kek, defaultInitialValue);
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(wrapped), decipher.final()]));
  } catch {
    // node:crypto tells a failed integrity check by throwing, and by nothing else.
    return undefined;
  }
}

function algorithmOf(kek: Uint8Array): string {
  if (kek.length !== 16 && kek.length !== 24 && kek.length !== 32) {
    throw new MalformedValue("a key encryption key is 16, 24 or 32 bytes", { bytes: kek.length });
  }
  return `id-aes${kek.length * 8}-wrap`;
}

import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv } from "node:crypto";
import { MalformedValue } from "../errors.ts";

export const blockBytes = 16;

/** A CBC cipher whose chaining value is known, so that the next message can begin as if the value were zero. */
interface MacCipher {
  readonly cipher: Cipheriv;
  readonly chain: Uint8Array;
  /** K1 and K2 of RFC 4493 2.3. */
  readonly completeSubkey: Uint8Array;
  readonly paddedSubkey: Uint8Array;
}

interface KeyCiphers {
  encryption?: Cipheriv;
  decryption?: Decipheriv;
  mac?: MacCipher;
}

/**
 * AES-128 with the cipher objects of recently used keys kept, because making one costs more than using it.
 * Keys are 16 bytes; any other length throws MalformedValue.
 */
export class AesCache {
  readonly #generationSize: number;
  #recent = new Map<string, KeyCiphers>();
  #older = new Map<string, KeyCiphers>();
  /** Where a CMAC's input is put together; holds a whole frame and its B0 block. */
  readonly #input = new Uint8Array(272);

  /** Keeps the ciphers of at most `maxKeys` keys, and of the last `maxKeys / 2` used without fail. */
  constructor(maxKeys: number) {
    this.#generationSize = Math.max(1, Math.floor(maxKeys / 2));
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** Encrypts each block by itself; `blocks` is a multiple of 16 bytes. */
  encryptBlocks(key: Uint8Array, blocks: Uint8Array): Uint8Array {
    const ciphers = this.#of(key);
    ciphers.encryption ??= createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    return plainBytes(ciphers.encryption.update(wholeBlocks(blocks)));
  }

  /** Decrypts each block by itself; `blocks` is a multiple of 16 bytes. */
  decryptBlocks(key: Uint8Array, blocks: Uint8Array): Uint8Array {
    const ciphers = this.#of(key);
    ciphers.decryption ??= createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    return plainBytes(ciphers.decryption.update(wholeBlocks(blocks)));
  }

  /** AES-CMAC (RFC 4493) of `prefix` followed by `message`: 16 bytes. */
  cmac(key: Uint8Array, prefix: Uint8Array, message: Uint8Array): Uint8Array {
    const ciphers = this.#of(key);
    ciphers.mac ??= createMacCipher(key);
    const { cipher, chain, completeSubkey, paddedSubkey } = ciphers.mac;
    const length = prefix.length + message.length;
    const inputLength = Math.max(1, Math.ceil(length / blockBytes)) * blockBytes;
    const input = inputLength <= this.#input.length ? this.#input : new Uint8Array(inputLength);
    input.set(prefix);
    input.set(message, prefix.length);
    if (length < inputLength) {
      input[length] = 0x80;
      input.fill(0, length + 1, inputLength);
    }
    xorBlock(input, inputLength - blockBytes, length < inputLength ? paddedSubkey : completeSubkey);
    // The cipher will add the last block of the message before; adding it here too takes it out again.
    xorBlock(input, 0, chain);
    const output = cipher.update(inputLength === input.length ? input : input.subarray(0, inputLength));
    for (let index = 0; index < blockBytes; index++) chain[index] = output[inputLength - blockBytes + index]!;
    return chain.slice();
  }

  /**
   * Two generations instead of a list in order of use: a hit in the recent one costs a single look-up. The older one
   * is dropped whole when the recent one is full.
   */
  #of(key: Uint8Array): KeyCiphers {
    if (key.length !== blockBytes) throw new MalformedValue("an AES-128 key is 16 bytes", { bytes: key.length });
    const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
    const recent = this.#recent.get(name);
    if (recent !== undefined) return recent;
    const ciphers = this.#older.get(name) ?? {};
    this.#older.delete(name);
    if (this.#recent.size >= this.#generationSize) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, ciphers);
    return ciphers;
  }
}

/**
 * The process's ciphers. Shared because a cipher's result depends on nothing but key and input: the cache is a
 * memory of work done, not state. A full one takes about 120 MB, outside the JavaScript heap.
 */
export const aes = new AesCache(32_768);

function createMacCipher(key: Uint8Array): MacCipher {
  const zero = new Uint8Array(blockBytes);
  const cipher = createCipheriv("aes-128-cbc", key, zero).setAutoPadding(false);
  const chain = new Uint8Array(cipher.update(zero));
  const completeSubkey = doubled(chain);
  return { cipher, chain, completeSubkey, paddedSubkey: doubled(completeSubkey) };
}

/** Multiplication by x in GF(2^128), RFC 4493 2.3. */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(blockBytes);
  let carry = 0;
  for (let index = blockBytes - 1; index >= 0; index--) {
    const byte = block[index]!;
    result[index] = ((byte << 1) | carry) & 0xff;
    carry = byte >> 7;
  }
  result[blockBytes - 1]! ^= carry * 0x87;
  return result;
}

/** Over the length of the shorter. */
export function xorInto(target: Uint8Array, source: Uint8Array): void {
  const length = Math.min(target.length, source.length);
  for (let index = 0; index < length; index++) target[index]! ^= source[index]!;
}

function xorBlock(target: Uint8Array, start: number, block: Uint8Array): void {
  for (let index = 0; index < blockBytes; index++) target[start + index]! ^= block[index]!;
}

/** A cipher object would keep the odd bytes for its next use, and mix two messages. */
function wholeBlocks(blocks: Uint8Array): Uint8Array {
  if (blocks.length % blockBytes !== 0) {
    throw new MalformedValue("AES works on whole blocks of 16 bytes", { bytes: blocks.length });
  }
  return blocks;
}

const plainBytes = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

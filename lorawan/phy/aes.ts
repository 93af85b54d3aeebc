import { unsafe } from "@noble/ciphers/aes.js";
import { MalformedValue } from "../errors.ts";

// In JavaScript, because calls of node:crypto for the few blocks of a frame cost ten times as much as the blocks do
// (docs/decisions/0017-aes-in-javascript.md).

export const blockBytes = 16;
const blockWords = 4;

/** What is worked out once for a key of 16 bytes. A server has one for each session, so that it is few objects. */
interface KeySchedule {
  readonly encryption: Uint32Array;
  decryption: Uint32Array | undefined;
  /** Words of `room` from `subkeysAt` on are K1 and K2 of RFC 4493 2.3, four each: for a last block that is complete, and for a padded one. */
  readonly room: Uint32Array;
  readonly subkeysAt: number;
}

/** The columns of a block, each with its first byte as the least significant. */
interface Columns {
  readonly s0: number;
  readonly s1: number;
  readonly s2: number;
  readonly s3: number;
}

type BlockCipher = (schedule: Uint32Array, s0: number, s1: number, s2: number, s3: number) => Columns;

/** Encrypts each block by itself; `blocks` is a multiple of 16 bytes. Throws MalformedValue. */
export const encryptBlocks = (key: Uint8Array, blocks: Uint8Array): Uint8Array =>
  eachBlock(unsafe.encrypt, scheduleOf(key).encryption, blocks);

/** Decrypts each block by itself; `blocks` is a multiple of 16 bytes. Throws MalformedValue. */
export function decryptBlocks(key: Uint8Array, blocks: Uint8Array): Uint8Array {
  const schedule = scheduleOf(key);
  schedule.decryption ??= kept(expanded(key, unsafe.expandKeyDecLE));
  return eachBlock(unsafe.decrypt, schedule.decryption, blocks);
}

/** Where a CMAC's input is put together; holds a whole frame and its B0 block. */
const usualInput = new Uint8Array(272);

/** AES-CMAC (RFC 4493) of `prefix` followed by `message`: 16 bytes. Throws MalformedValue for a key of another length. */
export function cmac(key: Uint8Array, prefix: Uint8Array, message: Uint8Array): Uint8Array {
  const { encryption, room, subkeysAt } = scheduleOf(key);
  const length = prefix.length + message.length;
  const inputLength = Math.max(1, Math.ceil(length / blockBytes)) * blockBytes;
  const input = inputLength <= usualInput.length ? usualInput : new Uint8Array(inputLength);
  input.set(prefix);
  input.set(message, prefix.length);
  if (length < inputLength) {
    input[length] = 0x80;
    input.fill(0, length + 1, inputLength);
  }
  const lastAt = inputLength - blockBytes;
  let chain: Columns = { s0: 0, s1: 0, s2: 0, s3: 0 };
  for (let at = 0; at < lastAt; at += blockBytes) {
    const { s0, s1, s2, s3 } = columnsAt(input, at);
    chain = unsafe.encrypt(encryption, chain.s0 ^ s0, chain.s1 ^ s1, chain.s2 ^ s2, chain.s3 ^ s3);
  }
  const { s0, s1, s2, s3 } = columnsAt(input, lastAt);
  const subkey = length < inputLength ? subkeysAt + blockWords : subkeysAt;
  chain = unsafe.encrypt(
    encryption,
    chain.s0 ^ s0 ^ room[subkey]!,
    chain.s1 ^ s1 ^ room[subkey + 1]!,
    chain.s2 ^ s2 ^ room[subkey + 2]!,
    chain.s3 ^ s3 ^ room[subkey + 3]!,
  );
  const result = new Uint8Array(blockBytes);
  putColumns(result, 0, chain);
  return result;
}

const schedules = new WeakMap<Uint8Array, KeySchedule>();

/** The same for as long as somebody has the key, and nobody changes its bytes. */
function scheduleOf(key: Uint8Array): KeySchedule {
  const known = schedules.get(key);
  if (known && isOf(known, key)) return known;
  if (key.length !== blockBytes) throw new MalformedValue("an AES-128 key is 16 bytes", { bytes: key.length });
  const roundKeys = expanded(key, unsafe.expandKeyLE);
  const subkeys = subkeysOf(roundKeys);
  const encryption = kept(roundKeys, subkeys.length);
  const subkeysAt = taken - subkeys.length;
  room.set(subkeys, subkeysAt);
  const schedule: KeySchedule = { encryption, decryption: undefined, room, subkeysAt };
  schedules.set(key, schedule);
  return schedule;
}

const keyCopy = new Uint8Array(blockBytes);

/** Of a copy, because whoever asks for the buffer behind a small array moves it out of the heap. */
function expanded(key: Uint8Array, expand: (key: Uint8Array) => Uint32Array): Uint32Array {
  keyCopy.set(key);
  const roundKeys = expand(keyCopy);
  keyCopy.fill(0);
  return roundKeys;
}

const roomWords = 16_384;
let room = new Uint32Array(0);
let taken = 0;

/**
 * The words in room that many share, with as many free ones behind them: memory of its own for each few hundred bytes costs the
 * garbage collector more than the bytes.
 */
function kept(words: Uint32Array, moreWords = 0): Uint32Array {
  if (taken + words.length + moreWords > room.length) {
    room = new Uint32Array(roomWords);
    taken = 0;
  }
  const own = room.subarray(taken, taken + words.length);
  own.set(words);
  taken += words.length + moreWords;
  return own;
}

/** The first round key is the key itself. */
function isOf({ encryption }: KeySchedule, key: Uint8Array): boolean {
  const { s0, s1, s2, s3 } = columnsAt(key, 0);
  const differences = (s0 ^ encryption[0]!) | (s1 ^ encryption[1]!) | (s2 ^ encryption[2]!) | (s3 ^ encryption[3]!);
  return differences === 0;
}

function subkeysOf(roundKeys: Uint32Array): Uint32Array {
  const complete = doubled(eachBlock(unsafe.encrypt, roundKeys, new Uint8Array(blockBytes)));
  const subkeys = [complete, doubled(complete)].map(subkey => columnsAt(subkey, 0));
  return Uint32Array.from(subkeys.flatMap(({ s0, s1, s2, s3 }) => [s0, s1, s2, s3]));
}

function eachBlock(cipher: BlockCipher, schedule: Uint32Array, blocks: Uint8Array): Uint8Array {
  if (blocks.length % blockBytes !== 0) {
    throw new MalformedValue("AES works on whole blocks of 16 bytes", { bytes: blocks.length });
  }
  const result = new Uint8Array(blocks.length);
  for (let at = 0; at < blocks.length; at += blockBytes) {
    const { s0, s1, s2, s3 } = columnsAt(blocks, at);
    putColumns(result, at, cipher(schedule, s0, s1, s2, s3));
  }
  return result;
}

const columnsAt = (bytes: Uint8Array, at: number): Columns => ({
  s0: wordAt(bytes, at),
  s1: wordAt(bytes, at + 4),
  s2: wordAt(bytes, at + 8),
  s3: wordAt(bytes, at + 12),
});

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

function putColumns(bytes: Uint8Array, at: number, { s0, s1, s2, s3 }: Columns): void {
  putWord(bytes, at, s0);
  putWord(bytes, at + 4, s1);
  putWord(bytes, at + 8, s2);
  putWord(bytes, at + 12, s3);
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

import { closeSync, constants, fdatasync, fstatSync, openSync, write } from "node:fs";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { StateStoreError } from "./errors.ts";

/**
 * One of the journal's files, and all that is in it in memory. It holds records, one behind the other:
 *
 *     length of the body (32 bits), CRC-32 of what follows (32 bits), sequence (64 bits), body
 *
 * A record is one transaction, and its body is what that changed:
 *
 *     table (8 bits), length of the key (16 bits), key, length of the value or `removed` (32 bits), value
 *
 * Numbers are most significant byte first. Sequences rise by one from record to record and from file to file, so that what an
 * earlier use of the file left behind its end is known for what it is.
 */
export interface JournalSegment {
  /** Bytes of records that are durable. */
  readonly size: number;
  /** Nothing was written since `begin`. */
  readonly isUnchanged: boolean;
  /** Forgets what was written since the last record. */
  begin(): void;
  /** Gives where the value is, for `valueAt`. */
  put(table: number, key: Buffer, value: Uint8Array): number;
  remove(table: number, key: Buffer): void;
  /** Makes one durable record of what was written since `begin`. Rejects when it may not have become one; the next takes its place. */
  commit(sequence: number): Promise<void>;
  /** A view that lasts until the segment is used again. */
  valueAt(place: number): Buffer;
  /** Begins anew: what is in the file is needed no more. */
  restart(): void;
  close(): void;
}

export interface JournalChange {
  readonly table: number;
  readonly key: Buffer;
  /** None: removed. */
  readonly value: Buffer | undefined;
}

export interface JournalRecord {
  readonly sequence: number;
  readonly changes: readonly JournalChange[];
}

const headerBytes = 16;
const removed = 0xffff_ffff;
const firstFileBytes = 256 * 1024;
const zeros = Buffer.alloc(2 ** 20);

/** Elsewhere a write that returns need not be on the disk, and is flushed by a call of its own. */
const writesThrough = process.platform === "linux";

/**
 * Opens or makes the file, for its owner only. It has `memoryBytes` in memory, and more only while a transaction needs them: memory
 * that grew step by step would leave what the garbage collector takes for a reason to collect everything.
 */
export function openSegment(path: string, memoryBytes: number): JournalSegment {
  const flags = constants.O_RDWR | constants.O_CREAT | (writesThrough ? constants.O_DSYNC : 0);
  const file = openSync(path, flags, 0o600);
  let fileBytes = fstatSync(file).size;
  let bytes = Buffer.alloc(memoryBytes);
  let size = 0;
  let at = headerBytes;

  const makeRoom = (more: number): void => {
    if (at + more <= bytes.length) return;
    const larger = Buffer.alloc(Math.max(2 * bytes.length, at + more));
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
  };
  const entry = (table: number, key: Buffer, valueBytes: number): void => {
    makeRoom(7 + key.length + valueBytes);
    bytes[at] = table;
    bytes.writeUInt16BE(key.length, at + 1);
    bytes.set(key, at + 3);
    at += 3 + key.length;
  };
  /** A file that has its size already has nothing but its bytes to write. */
  const extend = async (): Promise<void> => {
    if (fileBytes >= at) return;
    const wanted = Math.max(at, Math.min(bytes.length, Math.max(firstFileBytes, 2 * fileBytes)));
    while (fileBytes < wanted) {
      const more = zeros.subarray(0, wanted - fileBytes);
      await writeAll(file, more, fileBytes);
      fileBytes += more.length;
    }
  };

  return {
    get size() {
      return size;
    },
    get isUnchanged() {
      return at === size + headerBytes;
    },
    begin() {
      at = size + headerBytes;
    },
    put(table, key, value) {
      entry(table, key, value.length);
      const place = at;
      bytes.writeUInt32BE(value.length, at);
      bytes.set(value, at + 4);
      at += 4 + value.length;
      return place;
    },
    remove(table, key) {
      entry(table, key, 0);
      bytes.writeUInt32BE(removed, at);
      at += 4;
    },
    async commit(sequence) {
      bytes.writeUInt32BE(at - size - headerBytes, size);
      bytes.writeBigUInt64BE(BigInt(sequence), size + 8);
      bytes.writeUInt32BE(crc32(bytes.subarray(size + 8, at)), size + 4);
      await extend();
      await writeAll(file, bytes.subarray(size, at), size);
      size = at;
    },
    valueAt: place => bytes.subarray(place + 4, place + 4 + bytes.readUInt32BE(place)),
    restart() {
      size = 0;
      at = headerBytes;
      if (bytes.length > memoryBytes) bytes = Buffer.alloc(memoryBytes);
    },
    close: () => closeSync(file),
  };
}

const writeBytes = promisify(write);
const flush = promisify(fdatasync);

/** Durable once it resolves. */
async function writeAll(file: number, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await writeBytes(file, bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
  if (!writesThrough) await flush(file);
}

/** The whole records at the beginning of a journal's file, of those that one use of it wrote. */
export function* readRecords(file: Buffer): Iterable<JournalRecord> {
  let last: number | undefined;
  for (let start = 0; start + headerBytes <= file.length; ) {
    const end = start + headerBytes + file.readUInt32BE(start);
    if (end > file.length || end === start + headerBytes) return;
    if (crc32(file.subarray(start + 8, end)) !== file.readUInt32BE(start + 4)) return;
    const sequence = Number(file.readBigUInt64BE(start + 8));
    if (last !== undefined && sequence !== last + 1) return;
    last = sequence;
    yield { sequence, changes: [...readChanges(file.subarray(start + headerBytes, end))] };
    start = end;
  }
}

function* readChanges(body: Buffer): Iterable<JournalChange> {
  for (let at = 0; at < body.length; ) {
    const table = body.readUInt8(at);
    const keyEnd = at + 3 + body.readUInt16BE(at + 1);
    const length = body.readUInt32BE(keyEnd);
    const end = keyEnd + 4 + (length === removed ? 0 : length);
    if (end > body.length)
      throw new StateStoreError("state_corrupt", "A record of the journal is longer than it says.");
    yield {
      table,
      key: body.subarray(at + 3, keyEnd),
      value: length === removed ? undefined : body.subarray(keyEnd + 4, end),
    };
    at = end;
  }
}

import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import { MalformedValue } from "../../lorawan/errors.ts";
import type { DevAddr, DevEui, GatewayId } from "../../lorawan/ids.ts";
import { StateStoreError } from "./errors.ts";

export type Table = Database<Buffer, Buffer>;

/** Every table is ordered by the bytes of its keys; numbers in keys are most significant byte first. */
export interface Tables {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** devEui -> device record */
  readonly devices: Table;
  /** devAddr devEui -> nothing */
  readonly addresses: Table;
  /** time devEui -> nothing */
  readonly wakeUps: Table;
  /** devEui sequence -> id and value */
  readonly queue: Table;
  /** devEui id -> key in `queue` */
  readonly queueIds: Table;
  /** partition sequence -> devEui and value */
  readonly events: Table;
  /** partition -> the last sequence that was trimmed, so that an emptied partition does not count from the start again */
  readonly trimmed: Table;
  /** partition consumer -> sequence */
  readonly cursors: Table;
  /** gatewayId -> value */
  readonly gateways: Table;
  /** How far the journal has been brought into these tables. */
  readonly journaled: Table;
}

/** Raise it with each change of the layout that an older Upchirp would misread. */
const formatVersion = 2;
const formatKey = Buffer.from("format");

/**
 * Addresses, not memory, of which a process has thousands of times more. A file that outgrows its map gets a larger one beside it,
 * and the former stays until the end, with every page that was read through it once more in the process's resident memory.
 */
const mapBytes = 64 * 2 ** 30;

/** Opens or makes an environment whose writes are durable once their promise resolves. */
export function openEnvironment(folder: string): RootDatabase<Buffer, Buffer> {
  const options = {
    path: folder,
    noSubdir: false,
    encoding: "binary",
    keyEncoding: "binary",
    maxDbs: 16,
    // Windows takes what is mapped from the disk.
    ...(process.platform !== "win32" && { mapSize: mapBytes }),
    // The default resolves a write before it is flushed. Off, a commit is pages, fdatasync, then the meta page through a
    // descriptor opened with O_DSYNC, and only then does its promise resolve.
    overlappingSync: false,
    // Its batches hang on a promise that nobody can catch, so that a full disk would end the process; the group commit
    // gathers calls itself.
    eventTurnBatching: false,
    permissionsMode: 0o600,
  } as const;
  return open<Buffer, Buffer>(options);
}

/** Opens or makes the store's environment. Throws StateStoreError `state_format_newer` or `state_corrupt`. */
export async function openTables(folder: string): Promise<Tables> {
  const root = openEnvironment(folder);
  const table = (name: string): Table =>
    root.openDB<Buffer, Buffer>(name, { encoding: "binary", keyEncoding: "binary" });
  try {
    checkFormat(table("meta"), folder);
    return {
      root,
      devices: table("devices"),
      addresses: table("addresses"),
      wakeUps: table("wake-ups"),
      queue: table("queue"),
      queueIds: table("queue-ids"),
      events: table("events"),
      trimmed: table("trimmed"),
      cursors: table("cursors"),
      gateways: table("gateways"),
      journaled: table("journaled"),
    };
  } catch (error) {
    await root.close();
    throw error;
  }
}

function checkFormat(meta: Table, folder: string): void {
  const found = meta.get(formatKey)?.toString("latin1");
  const claim = (): void => {
    meta.putSync(formatKey, Buffer.from(String(formatVersion)));
  };
  if (found === undefined) {
    claim();
    return;
  }
  const version = Number(found);
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new StateStoreError("state_corrupt", `The state folder ${folder} has no readable format version.`, {
      folder,
    });
  }
  if (version > formatVersion) {
    throw new StateStoreError(
      "state_format_newer",
      `The state folder ${folder} has format ${version}; this Upchirp knows up to ${formatVersion}. Use a newer Upchirp.`,
      { folder, found: version, known: formatVersion },
    );
  }
  // An older Upchirp would not look into the journal.
  if (version < formatVersion) claim();
}

export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/** A new file survives a power loss only once the folder that names it is flushed too. */
export function flushFolder(folder: string): void {
  if (process.platform === "win32") return;
  for (const path of [folder, dirname(resolve(folder))]) {
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

const euiBytes = 8;
const sequenceBytes = 6;
/** Sorts after every key that begins like the one before it. */
const afterAll = Buffer.alloc(16, 0xff);

export const euiKey = (eui: DevEui | GatewayId): Buffer => Buffer.from(eui, "hex");
export const euiText = (bytes: Uint8Array, start = 0): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, euiBytes).toString("hex");

export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** Every key that begins with `prefix`, and is at most 16 bytes longer or has text after it. */
export const under = (prefix: Buffer): KeyRange => ({ start: prefix, end: Buffer.concat([prefix, afterAll]) });

export const addressKey = (devAddr: DevAddr, devEui: DevEui): Buffer => Buffer.from(devAddr + devEui, "hex");
export const addressPrefix = (devAddr: DevAddr): Buffer => Buffer.from(devAddr, "hex");
export const devEuiOfAddressKey = (key: Buffer): Buffer => key.subarray(4);

/** Non-negative doubles sort by their bits. */
function timeBytes(timeMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(Math.max(0, timeMs));
  return bytes;
}

export function wakeUpKey(wakeAtMs: number, devEui: DevEui): Buffer {
  const key = Buffer.allocUnsafe(8 + euiBytes);
  key.writeDoubleBE(Math.max(0, wakeAtMs));
  key.write(devEui, 8, "hex");
  return key;
}
/** Keys of wake-ups up to and including `nowMs`. */
export const dueRange = (nowMs: number): KeyRange => ({
  start: Buffer.alloc(8),
  end: Buffer.concat([timeBytes(nowMs), afterAll]),
});
export const devEuiTextOfWakeUpKey = (key: Buffer): string => euiText(key, 8);

export function queueKey(devEui: DevEui, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(euiBytes + sequenceBytes);
  key.write(devEui, "hex");
  key.writeUIntBE(sequence, euiBytes, sequenceBytes);
  return key;
}
export const sequenceOfQueueKey = (key: Buffer): number => key.readUIntBE(euiBytes, sequenceBytes);

export const partitionPrefix = (partition: number): Buffer => Buffer.from([partition]);

export function eventKey(partition: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(1 + sequenceBytes);
  key[0] = partition;
  key.writeUIntBE(sequence, 1, sequenceBytes);
  return key;
}
export const sequenceOfEventKey = (key: Buffer): number => key.readUIntBE(1, sequenceBytes);

export const sequenceValue = (sequence: number): Buffer => {
  const value = Buffer.allocUnsafe(sequenceBytes);
  value.writeUIntBE(sequence, 0, sequenceBytes);
  return value;
};
export const sequenceOfValue = (value: Buffer | undefined): number =>
  value === undefined ? 0 : value.readUIntBE(0, sequenceBytes);

const maxConsumerBytes = 500;

export function cursorKey(consumer: string, partition: number): Buffer {
  const name = Buffer.from(consumer);
  // One key that is too long would fail a whole transaction, with other people's changes in it.
  if (name.length > maxConsumerBytes) throw new MalformedValue("a consumer's name is at most 500 bytes");
  return Buffer.concat([partitionPrefix(partition), name]);
}

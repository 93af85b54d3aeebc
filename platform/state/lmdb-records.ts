import { hash } from "node:crypto";
import { MalformedValue } from "../../lorawan/errors.ts";
import { type DevAddr, type DevEui, parseDevAddr, parseDevEui } from "../../lorawan/ids.ts";
import { StateStoreError } from "./errors.ts";
import { euiKey, euiText } from "./lmdb-tables.ts";
import { type DeviceDocument, type EventPosition, partitionCount, type QueueEntry } from "./store.ts";

/** What a store's own part of a device record says. */
export interface DeviceHeader {
  readonly version: number;
  readonly wakeAtMs: number | undefined;
  /** The digits of all addresses in a row. */
  readonly addresses: string;
}

const recordHeaderBytes = 18;
const devAddrBytes = 4;

const devAddrDigits = 2 * devAddrBytes;

/**
 * A device record: version, wake-up time or NaN (doubles), address count (16 bits), addresses, then the owner's bytes.
 * Throws MalformedValue for what no record can hold.
 */
export function encodeDevice({ version, wakeAtMs, addresses }: DeviceHeader, value: Uint8Array): Buffer {
  const count = addresses.length / devAddrDigits;
  if (count > 0xffff) throw new MalformedValue("a device has at most 65535 addresses");
  const record = Buffer.allocUnsafe(recordHeaderBytes + count * devAddrBytes + value.length);
  record.writeDoubleBE(version, 0);
  record.writeDoubleBE(wakeAtMs ?? Number.NaN, 8);
  record.writeUInt16BE(count, 16);
  record.write(addresses, recordHeaderBytes, "hex");
  record.set(value, record.length - value.length);
  return record;
}

export function decodeHeader(record: Buffer): DeviceHeader {
  const valueStart = valueStartOf(record);
  const wakeAtMs = record.readDoubleBE(8);
  return {
    version: record.readDoubleBE(0),
    wakeAtMs: Number.isNaN(wakeAtMs) ? undefined : wakeAtMs,
    addresses: record.toString("hex", recordHeaderBytes, valueStart),
  };
}

/** `record` may be memory that the next read overwrites: everything is copied out of it. */
export function decodeDocument(record: Buffer): Pick<DeviceDocument, "version" | "value"> {
  const valueStart = valueStartOf(record);
  return { version: record.readDoubleBE(0), value: copyOf(record, valueStart, record.length) };
}

function valueStartOf(record: Buffer): number {
  const count = record.length < recordHeaderBytes ? 0 : record.readUInt16BE(16);
  const valueStart = recordHeaderBytes + count * devAddrBytes;
  if (record.length < valueStart) throw corrupt("device");
  return valueStart;
}

/** Each once. */
export const joinAddresses = (devAddrs: readonly DevAddr[]): string =>
  devAddrs.length < 2 ? devAddrs.join("") : [...new Set(devAddrs)].join("");

export const splitAddresses = (addresses: string): readonly DevAddr[] =>
  Array.from({ length: addresses.length / devAddrDigits }, (_, index) =>
    parseDevAddr(addresses.slice(index * devAddrDigits, (index + 1) * devAddrDigits)),
  );

/** A queue entry: byte length of the id (32 bits), id, value. */
export function encodeQueueEntry(id: string, value: Uint8Array): Buffer {
  const idBytes = Buffer.byteLength(id);
  const record = Buffer.allocUnsafe(4 + idBytes + value.length);
  record.writeUInt32BE(idBytes, 0);
  record.write(id, 4);
  record.set(value, 4 + idBytes);
  return record;
}

export function decodeQueueEntry(record: Buffer): QueueEntry {
  const valueStart = record.length < 4 ? 4 : 4 + record.readUInt32BE(0);
  if (record.length < valueStart) throw corrupt("queue entry");
  return { id: record.toString("utf8", 4, valueStart), value: copyOf(record, valueStart, record.length) };
}

/** Ids of any length are keys of a bounded one. */
const maxPlainIdBytes = 64;
const plainId = Buffer.from([0]);
const hashedId = Buffer.from([1]);

export function queueIdKey(devEui: DevEui, id: string): Buffer {
  const plain = Buffer.from(id);
  return plain.length <= maxPlainIdBytes
    ? Buffer.concat([euiKey(devEui), plainId, plain])
    : Buffer.concat([euiKey(devEui), hashedId, hash("sha256", plain, "buffer")]);
}

/** An event: DevEUI (8 bytes), value. */
export function encodeEvent(devEui: DevEui, value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(8 + value.length);
  record.write(devEui, "hex");
  record.set(value, 8);
  return record;
}

export function decodeEvent(record: Buffer): { readonly devEui: DevEui; readonly value: Uint8Array } {
  if (record.length < 8) throw corrupt("event");
  // Out of the pool: events are read at a high rate and not kept.
  const value = Buffer.allocUnsafe(record.length - 8);
  value.set(record.subarray(8, record.length));
  return { devEui: parseDevEui(euiText(record)), value };
}

/** Fixed width, so that positions sort as text too; 15 digits hold every 48-bit sequence. */
export const positionOf = (sequence: number): EventPosition =>
  sequence === 0 ? "" : String(sequence).padStart(15, "0");

/** Throws MalformedValue for a text that this store never gave out. */
export function sequenceOf(position: EventPosition): number {
  if (position === "") return 0;
  const sequence = Number(position);
  if (!/^\d{15}$/.test(position) || sequence >= 2 ** 48) {
    throw new MalformedValue("an event position is 15 digits or empty");
  }
  return sequence;
}

export function checkPartition(partition: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
    throw new MalformedValue(`a partition is a number from 0 to ${partitionCount - 1}`);
  }
}

/** `toString` and `length` of a buffer that the library reuses follow its own length, `subarray` does not. */
export function copyOf(bytes: Buffer, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

const corrupt = (what: string): StateStoreError =>
  new StateStoreError("state_corrupt", `A stored ${what} is shorter than its own header says.`);

import type { DevAddr, DevEui } from "../../lorawan/ids.ts";
import type { StateTables } from "./journal.ts";
import {
  type DeviceHeader,
  decodeHeader,
  encodeDevice,
  encodeEvent,
  encodeQueueEntry,
  joinAddresses,
  queueIdKey,
  splitAddresses,
} from "./lmdb-records.ts";
import {
  addressKey,
  euiKey,
  eventKey,
  partitionPrefix,
  queueKey,
  sequenceOfQueueKey,
  sequenceOfValue,
  sequenceValue,
  under,
  wakeUpKey,
} from "./lmdb-tables.ts";
import { type CommitOutcome, type DeviceCommit, partitionOf, type QueueChange, type QueueEntry } from "./store.ts";

/** What runs inside a write transaction. Keys and records are encoded before, so that no caller can change them meanwhile. */
export interface Operations {
  commit(change: DeviceCommit): () => Committed;
  enqueue(devEui: DevEui, entry: QueueEntry, maxEntries: number): () => boolean;
  removeQueued(devEui: DevEui, id: string): () => boolean;
  reorderQueue(devEui: DevEui, ids: readonly string[]): () => void;
  flushQueue(devEui: DevEui): () => number;
  setCursor(key: Buffer, sequence: number): () => void;
  /** Removes up to a bounded number of events; true while there are more to remove. */
  trim(partition: number, sequence: number): () => boolean;
  /** Forgets what was read inside transactions, since one of them came to nothing. */
  forget(): void;
}

export interface Committed {
  readonly outcome: CommitOutcome;
  /** Sequence of the event before the first that was appended. */
  readonly after: number;
}

const conflict: Committed = { outcome: { kind: "conflict" }, after: 0 };
const nothing = Buffer.alloc(0);
/** Events that one transaction drops, so that a long log does not hold up everyone else's commits. */
const trimAtOnce = 1000;

/** @param awaited the devices that something waits for, and perhaps some more. */
export function createOperations(tables: StateTables, awaited: ReadonlySet<DevEui>): Operations {
  /** Last sequence given out, by partition. */
  const heads = new Map<number, number>();

  const head = (partition: number): number => {
    const known = heads.get(partition);
    if (known !== undefined) return known;
    const trimmed = sequenceOfValue(tables.trimmed.get(partitionPrefix(partition)));
    const found = lastOfRow(trimmed, sequence => tables.events.peek(eventKey(partition, sequence)) !== undefined);
    heads.set(partition, found);
    return found;
  };

  /** Returns the sequence of the event before them. */
  const append = (partition: number, events: readonly Buffer[]): number => {
    const after = head(partition);
    let sequence = after;
    for (const event of events) {
      sequence += 1;
      tables.events.put(eventKey(partition, sequence), event);
    }
    heads.set(partition, sequence);
    return after;
  };

  return {
    commit(change) {
      const { devEui, expectedVersion } = change;
      const key = euiKey(devEui);
      const next = nextOf(change);
      const partition = partitionOf(devEui);
      const events = (change.events ?? []).map(value => encodeEvent(devEui, value));
      const queue = (change.queue ?? []).map(entry => queueWrite(tables, devEui, entry));
      return () => {
        const stored = tables.devices.peek(key);
        const old = stored === undefined ? undefined : decodeHeader(stored);
        if ((old?.version ?? 0) !== expectedVersion) return conflict;
        if (change.expectsNoQueue && awaited.has(devEui)) return conflict;
        if (next !== undefined) tables.devices.put(key, next.record);
        else if (old !== undefined) tables.devices.remove(key);
        reindex(tables, devEui, old, next?.header);
        const after = events.length > 0 ? append(partition, events) : 0;
        for (const write of queue) write();
        return { outcome: { kind: "committed", version: next === undefined ? 0 : expectedVersion + 1 }, after };
      };
    },
    enqueue: (devEui, entry, maxEntries) => enqueue(tables, devEui, entry, maxEntries),
    removeQueued: (devEui, id) => removeQueued(tables, devEui, id),
    reorderQueue: (devEui, ids) => reorderQueue(tables, devEui, ids),
    flushQueue: devEui => () => {
      const keys = [...tables.queue.keys(under(euiKey(devEui)))];
      for (const key of keys) tables.queue.remove(key);
      for (const key of [...tables.queueIds.keys(under(euiKey(devEui)))]) tables.queueIds.remove(key);
      return keys.length;
    },
    setCursor: (key, sequence) => () => {
      if (sequence > sequenceOfValue(tables.cursors.get(key))) tables.cursors.put(key, sequenceValue(sequence));
    },
    trim: (partition, sequence) => () => {
      const mark = partitionPrefix(partition);
      const first = sequenceOfValue(tables.trimmed.get(mark)) + 1;
      const wanted = Math.min(sequence, head(partition));
      const last = Math.min(wanted, first + trimAtOnce - 1);
      if (last < first) return false;
      // Sequences have no gaps, so that no range has to be opened.
      for (let gone = first; gone <= last; gone += 1) tables.events.remove(eventKey(partition, gone));
      tables.trimmed.put(mark, sequenceValue(last));
      return last < wanted;
    },
    forget: () => heads.clear(),
  };
}

/** The last of those that are there in a row after `start`, or `start`. */
function lastOfRow(start: number, isThere: (sequence: number) => boolean): number {
  let step = 1;
  while (isThere(start + step)) step *= 2;
  let last = start + Math.floor(step / 2);
  for (let missing = start + step; missing - last > 1; ) {
    const middle = Math.floor((last + missing) / 2);
    if (isThere(middle)) last = middle;
    else missing = middle;
  }
  return last;
}

interface NextDevice {
  readonly header: DeviceHeader;
  readonly record: Buffer;
}

/** The record that the commit leaves if it succeeds. */
function nextOf({ expectedVersion, value, devAddrs, wakeAtMs }: DeviceCommit): NextDevice | undefined {
  if (value === null) return undefined;
  const header = { version: expectedVersion + 1, wakeAtMs, addresses: joinAddresses(devAddrs) };
  return { header, record: encodeDevice(header, value) };
}

function reindex(
  tables: StateTables,
  devEui: DevEui,
  old: DeviceHeader | undefined,
  next: DeviceHeader | undefined,
): void {
  const before = old?.addresses ?? "";
  const after = next?.addresses ?? "";
  if (before !== after) readdress(tables, devEui, splitAddresses(before), splitAddresses(after));
  if (old?.wakeAtMs === next?.wakeAtMs) return;
  if (old?.wakeAtMs !== undefined) tables.wakeUps.remove(wakeUpKey(old.wakeAtMs, devEui));
  if (next?.wakeAtMs !== undefined) tables.wakeUps.put(wakeUpKey(next.wakeAtMs, devEui), nothing);
}

function readdress(tables: StateTables, devEui: DevEui, before: readonly DevAddr[], after: readonly DevAddr[]): void {
  for (const devAddr of before) {
    if (!after.includes(devAddr)) tables.addresses.remove(addressKey(devAddr, devEui));
  }
  for (const devAddr of after) {
    if (!before.includes(devAddr)) tables.addresses.put(addressKey(devAddr, devEui), nothing);
  }
}

function queueWrite(tables: StateTables, devEui: DevEui, change: QueueChange): () => void {
  if (change.kind === "remove") return removeQueued(tables, devEui, change.id);
  const idKey = queueIdKey(devEui, change.id);
  const record = encodeQueueEntry(change.id, change.value);
  return () => {
    const key = tables.queueIds.get(idKey);
    if (key !== undefined) tables.queue.put(key, record);
  };
}

function removeQueued(tables: StateTables, devEui: DevEui, id: string): () => boolean {
  const idKey = queueIdKey(devEui, id);
  return () => {
    const key = tables.queueIds.get(idKey);
    if (key === undefined) return false;
    tables.queue.remove(key);
    tables.queueIds.remove(idKey);
    return true;
  };
}

function reorderQueue(tables: StateTables, devEui: DevEui, ids: readonly string[]): () => void {
  return () => {
    const named = [...new Set(ids)].flatMap(id => {
      const idKey = queueIdKey(devEui, id);
      const key = tables.queueIds.get(idKey);
      const record = key && tables.queue.get(key);
      return key && record ? [{ idKey, key, record }] : [];
    });
    const places = named.map(({ key }) => key).sort(Buffer.compare);
    for (const [index, { idKey, record }] of named.entries()) {
      const place = places[index];
      if (place === undefined) continue;
      tables.queue.put(place, record);
      tables.queueIds.put(idKey, place);
    }
  };
}

function enqueue(tables: StateTables, devEui: DevEui, entry: QueueEntry, maxEntries: number): () => boolean {
  const idKey = queueIdKey(devEui, entry.id);
  const record = encodeQueueEntry(entry.id, entry.value);
  return () => {
    if (tables.queueIds.get(idKey) !== undefined) return false;
    const waiting = [...tables.queue.keys(under(euiKey(devEui)))];
    if (waiting.length >= maxEntries) return false;
    const last = waiting.at(-1);
    const key = queueKey(devEui, last === undefined ? 1 : sequenceOfQueueKey(last) + 1);
    tables.queue.put(key, record);
    tables.queueIds.put(idKey, key);
    return true;
  };
}

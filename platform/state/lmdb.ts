import { UpchirpError } from "../../lorawan/errors.ts";
import { type DevEui, parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { type CommitWatch, createCommitWatch, type StoreMetrics } from "./commit-watch.ts";
import { type DiskLook, watchDiskRoom } from "./disk-room.ts";
import { StateStoreError } from "./errors.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";
import { type Journal, openJournal, type StateTables } from "./journal.ts";
import { createListeners, type Listeners } from "./listeners.ts";
import { asStoreError } from "./lmdb-faults.ts";
import { createOperations, type Operations } from "./lmdb-operations.ts";
import {
  checkPartition,
  copyOf,
  decodeDocument,
  decodeEvent,
  decodeQueueEntry,
  positionOf,
  sequenceOf,
} from "./lmdb-records.ts";
import {
  addressPrefix,
  cursorKey,
  devEuiOfAddressKey,
  devEuiTextOfWakeUpKey,
  dueRange,
  euiKey,
  euiText,
  eventKey,
  flushFolder,
  makeFolder,
  openTables,
  partitionPrefix,
  sequenceOfValue,
  type Tables,
  under,
} from "./lmdb-tables.ts";
import {
  type AppendedEvents,
  type DeviceCommit,
  type DeviceDocument,
  type LoggedEvent,
  partitionOf,
  type StateStore,
} from "./store.ts";

export interface LmdbStoreOptions {
  /** Made if it is not there; belongs to the store alone. */
  readonly folder: string;
  readonly log?: Log;
  readonly metrics?: StoreMetrics;
  readonly look?: DiskLook;
  /** What the journal holds before LMDB is given it; two times that is in memory. */
  readonly segmentBytes?: number;
}

/** A transaction is a way to the disk and back in another thread, which many share. */
const leastTransactionIntervalMs = 3;
/** It costs as much as a dozen operations in it, and writes a page of the disk at least. */
const gathering = { enough: 6, intervalMs: 6 };

/**
 * The embedded state store: LMDB in a folder that one process owns at a time. Throws StateStoreError `state_in_use`,
 * `state_format_newer`, `state_corrupt` or `state_unavailable`.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<StateStore> {
  const { folder, log, metrics } = options;
  const fault = (error: unknown): unknown => {
    if (error instanceof UpchirpError) return error;
    metrics?.storeFaults.inc();
    log?.error({ err: error, folder }, "the state store failed");
    return asStoreError(error);
  };
  const { lock, lmdb, journal } = await openFolder(options, fault);
  const { tables } = journal;
  const assertRoom = watchDiskRoom({ ...options, owedBytes: () => journal.owedBytes });
  /** Every device that something waits for, and some more: each uplink asks, and nothing waits for most devices. */
  const awaited = new Set(devicesWithQueue(tables));
  const operations = createOperations(tables, awaited);
  const commits = createGroupCommit({
    transact: journal.transact,
    onFault(error) {
      operations.forget();
      return fault(error);
    },
    leastIntervalMs: leastTransactionIntervalMs,
    gathering,
  });
  /** For what makes the store grow; what takes things away goes on when the disk is full. */
  const adding: Writer = {
    async write(operation, after) {
      assertRoom();
      return commits.write(operation, after);
    },
  };
  const watch = createCommitWatch({ clock: systemClock, metrics, log });
  const events = createListeners<Appended>(log);
  const enqueued = createListeners<DevEui>(log);
  let closing: Promise<void> | undefined;
  const read = async <Result>(action: () => Result): Promise<Result> => {
    if (closing !== undefined) throw new StateStoreError("state_closed", "The state store is closed.");
    try {
      return action();
    } catch (error) {
      throw fault(error);
    }
  };
  const close = async (): Promise<void> => {
    await commits.close();
    await journal.close();
    await lmdb.root.close();
    lock.release();
  };

  return {
    ...devicePart(tables, operations, { adding, watch, metrics }, read, events),
    ...queuePart(tables, operations, { commits, adding }, read, awaited, enqueued),
    ...eventPart(tables, operations, commits, read),
    ...gatewayPart(tables, { commits, adding }, read),
    onEvents: listener => events.add(({ partition, ...appended }) => listener(partition, appended)),
    onEnqueued: enqueued.add,
    lossCount: () => 0,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

type Appended = AppendedEvents & { readonly partition: number };
type Writer = Pick<GroupCommit, "write">;
interface Writers {
  readonly commits: Writer;
  readonly adding: Writer;
}
type Read = <Result>(action: () => Result) => Promise<Result>;

interface Committing {
  readonly adding: Writer;
  readonly watch: CommitWatch;
  readonly metrics: StoreMetrics | undefined;
}

function devicePart(
  tables: StateTables,
  operations: Operations,
  { adding, watch, metrics }: Committing,
  read: Read,
  events: Listeners<Appended>,
): Pick<StateStore, "device" | "devicesByDevAddr" | "commit" | "dueDevices"> {
  const document = (devEui: DevEui, key: Buffer): DeviceDocument | undefined => {
    const record = tables.devices.peek(key);
    if (record === undefined) return undefined;
    return { devEui, ...decodeDocument(record) };
  };
  return {
    device: devEui => read(() => document(devEui, euiKey(devEui))),
    devicesByDevAddr: devAddr =>
      read(() =>
        [...tables.addresses.keys(under(addressPrefix(devAddr)))].flatMap(key => {
          const devEui = devEuiOfAddressKey(key);
          return document(parseDevEui(euiText(devEui)), devEui) ?? [];
        }),
      ),
    async commit(change) {
      const beganAtUs = watch.begin();
      const { outcome } = await adding.write(operations.commit(change), ({ outcome: { kind }, after }) => {
        watch.end(beganAtUs);
        if (kind === "conflict") metrics?.storeConflicts.inc();
        else if (change.events?.length) events.call(appendedBy(change, change.events, after));
      });
      return outcome;
    },
    dueDevices: (nowMs, limit) =>
      read(() => {
        if (limit <= 0 || nowMs < 0) return [];
        const keys = tables.wakeUps.keys({ ...dueRange(nowMs), limit });
        return [...keys].map(key => parseDevEui(devEuiTextOfWakeUpKey(key)));
      }),
  };
}

const appendedBy = ({ devEui, sources }: DeviceCommit, values: readonly Uint8Array[], after: number): Appended => ({
  partition: partitionOf(devEui),
  after: positionOf(after),
  events: values.map((value, index) => {
    const source = sources?.[index];
    return { position: positionOf(after + 1 + index), devEui, value, ...(source && { source }) };
  }),
});

function queuePart(
  tables: StateTables,
  operations: Operations,
  { commits, adding }: Writers,
  read: Read,
  awaited: Set<DevEui>,
  enqueued: Listeners<DevEui>,
): Pick<StateStore, "queue" | "mayHaveQueue" | "enqueue" | "removeQueued" | "reorderQueue" | "flushQueue"> {
  return {
    mayHaveQueue: devEui => awaited.has(devEui),
    queue: devEui =>
      read(() => {
        if (!awaited.has(devEui)) return [];
        const entries = [...tables.queue.entries(under(euiKey(devEui)))].map(({ value }) => decodeQueueEntry(value));
        if (entries.length === 0) awaited.delete(devEui);
        return entries;
      }),
    async enqueue(devEui, entry, maxEntries) {
      return adding.write(operations.enqueue(devEui, entry, maxEntries), added => {
        if (!added) return;
        // Not before it is there to be read, or a reader who finds nothing would take the device away again.
        awaited.add(devEui);
        enqueued.call(devEui);
      });
    },
    async removeQueued(devEui, id) {
      return commits.write(operations.removeQueued(devEui, id));
    },
    async reorderQueue(devEui, ids) {
      return commits.write(operations.reorderQueue(devEui, ids));
    },
    async flushQueue(devEui) {
      return commits.write(operations.flushQueue(devEui));
    },
  };
}

function eventPart(
  tables: StateTables,
  operations: Operations,
  commits: Writer,
  read: Read,
): Pick<StateStore, "readEvents" | "cursor" | "setCursor" | "trimEvents"> {
  return {
    readEvents: (partition, position, limit) =>
      read(() => {
        checkPartition(partition);
        if (limit <= 0) return [];
        return eventsAfter(tables, partition, sequenceOf(position), limit);
      }),
    cursor: (consumer, partition) =>
      read(() => {
        checkPartition(partition);
        return positionOf(sequenceOfValue(tables.cursors.get(cursorKey(consumer, partition))));
      }),
    async setCursor(consumer, partition, position) {
      checkPartition(partition);
      await commits.write(operations.setCursor(cursorKey(consumer, partition), sequenceOf(position)));
    },
    async trimEvents(partition, position) {
      checkPartition(partition);
      const trim = operations.trim(partition, sequenceOf(position));
      while (await commits.write(trim));
    },
  };
}

/**
 * Each event is found by its key, which costs a fraction of opening a range for the one or two that are new: sequences of a
 * partition have no gaps behind the mark up to which it was trimmed.
 */
function eventsAfter(tables: StateTables, partition: number, after: number, limit: number): readonly LoggedEvent[] {
  const from = (first: number): LoggedEvent[] => {
    const found: LoggedEvent[] = [];
    for (let sequence = first; found.length < limit && sequence < 2 ** 48; sequence += 1) {
      const record = tables.events.peek(eventKey(partition, sequence));
      if (record === undefined) break;
      const { devEui, value } = decodeEvent(record);
      found.push({ position: positionOf(sequence), devEui, value });
    }
    return found;
  };
  const found = from(after + 1);
  if (found.length > 0) return found;
  const trimmed = sequenceOfValue(tables.trimmed.get(partitionPrefix(partition)));
  return trimmed > after ? from(trimmed + 1) : found;
}

function gatewayPart(
  tables: StateTables,
  { commits, adding }: Writers,
  read: Read,
): Pick<StateStore, "gatewayStates" | "gatewayState" | "putGatewayState" | "removeGatewayState"> {
  return {
    gatewayStates: () =>
      read(() =>
        [...tables.gateways.entries({ start: Buffer.from([0]) })].map(({ key, value }) => ({
          gatewayId: parseGatewayId(euiText(key)),
          value: copyOf(value, 0, value.length),
        })),
      ),
    gatewayState: gatewayId =>
      read(() => {
        const value = tables.gateways.get(euiKey(gatewayId));
        return value && { gatewayId, value: copyOf(value, 0, value.length) };
      }),
    async putGatewayState(state) {
      const key = euiKey(state.gatewayId);
      const value = Buffer.from(state.value);
      await adding.write(() => tables.gateways.put(key, value));
    },
    async removeGatewayState(gatewayId) {
      const key = euiKey(gatewayId);
      await commits.write(() => tables.gateways.remove(key));
    },
  };
}

/** Skips from device to device. */
function* devicesWithQueue(tables: StateTables): Iterable<DevEui> {
  for (let start: Buffer = Buffer.from([0]); ; ) {
    const [key] = tables.queue.keys({ start, limit: 1 });
    if (key === undefined) return;
    const devEui = parseDevEui(euiText(key));
    yield devEui;
    start = under(euiKey(devEui)).end;
  }
}

interface OpenFolder {
  readonly lock: FolderLock;
  readonly lmdb: Tables;
  readonly journal: Journal;
}

async function openFolder(
  { folder, log, segmentBytes }: LmdbStoreOptions,
  fault: (error: unknown) => unknown,
): Promise<OpenFolder> {
  let lock: FolderLock | undefined;
  let lmdb: Tables | undefined;
  try {
    makeFolder(folder);
    lock = lockFolder(folder);
    lmdb = await openTables(folder);
    const journal = await openJournal({ folder, lmdb, log, segmentBytes });
    flushFolder(folder);
    return { lock, lmdb, journal };
  } catch (error) {
    await lmdb?.root.close();
    lock?.release();
    throw fault(error);
  }
}

import { MalformedValue } from "../../lorawan/errors.ts";
import type { DevAddr, DevEui, GatewayId } from "../../lorawan/ids.ts";
import { StateStoreError } from "../../platform/state/errors.ts";
import { createListeners } from "../../platform/state/listeners.ts";
import {
  type CommitOutcome,
  type DeviceCommit,
  type DeviceDocument,
  type LoggedEvent,
  partitionCount,
  partitionOf,
  type QueueEntry,
  type StateStore,
} from "../../platform/state/store.ts";

interface StoredDevice extends DeviceDocument {
  readonly devAddrs: ReadonlySet<DevAddr>;
  readonly wakeAtMs: number | undefined;
}

interface Memory {
  readonly devices: Map<DevEui, StoredDevice>;
  /** Entries of a Map keep the order in which they were first set, so replacing keeps an entry's place. */
  readonly queues: Map<DevEui, Map<string, Uint8Array>>;
  readonly logs: Map<number, { last: number; events: LoggedEvent[] }>;
  readonly cursors: Map<string, number>;
  readonly gateways: Map<GatewayId, Uint8Array>;
}

/** A StateStore that answers within microtasks, for scenarios on a virtual clock. Keeps nothing when it is closed. */
export function createMemoryStore(): StateStore {
  const memory: Memory = {
    devices: new Map(),
    queues: new Map(),
    logs: new Map(),
    cursors: new Map(),
    gateways: new Map(),
  };
  const events = createListeners<number>();
  const enqueued = createListeners<DevEui>();
  let closed = false;
  const answer = async <Result>(action: () => Result): Promise<Result> => {
    if (closed) throw new StateStoreError("state_closed", "The state store is closed.");
    return action();
  };

  return {
    ...devicePart(memory, answer, events.call),
    ...queuePart(memory, answer, enqueued.call),
    ...eventPart(memory, answer),
    ...gatewayPart(memory, answer),
    onEvents: events.add,
    onEnqueued: enqueued.add,
    lossCount: () => 0,
    async close() {
      closed = true;
    },
  };
}

type Answer = <Result>(action: () => Result) => Promise<Result>;

function devicePart(
  memory: Memory,
  answer: Answer,
  eventsAppended: (partition: number) => void,
): Pick<StateStore, "device" | "devicesByDevAddr" | "commit" | "dueDevices"> {
  const { devices } = memory;
  return {
    device: devEui => answer(() => documentOf(devices.get(devEui))),
    devicesByDevAddr: devAddr =>
      answer(() =>
        [...devices.values()]
          .filter(device => device.devAddrs.has(devAddr))
          .flatMap(device => documentOf(device) ?? []),
      ),
    commit: change =>
      answer(() => {
        const outcome = commit(memory, change);
        if (outcome.kind === "committed" && (change.events?.length ?? 0) > 0)
          eventsAppended(partitionOf(change.devEui));
        return outcome;
      }),
    dueDevices: (nowMs, limit) =>
      answer(() =>
        [...devices.values()]
          .flatMap(({ devEui, wakeAtMs }) =>
            wakeAtMs !== undefined && wakeAtMs <= nowMs ? [{ devEui, wakeAtMs }] : [],
          )
          .sort((a, b) => a.wakeAtMs - b.wakeAtMs)
          .slice(0, Math.max(0, limit))
          .map(({ devEui }) => devEui),
      ),
  };
}

function documentOf(device: StoredDevice | undefined): DeviceDocument | undefined {
  return device && { devEui: device.devEui, version: device.version, value: Uint8Array.from(device.value) };
}

function commit({ devices, queues, logs }: Memory, change: DeviceCommit): CommitOutcome {
  const { devEui, expectedVersion, value, wakeAtMs } = change;
  if ((devices.get(devEui)?.version ?? 0) !== expectedVersion) return { kind: "conflict" };
  if (change.expectsNoQueue && (queues.get(devEui)?.size ?? 0) > 0) return { kind: "conflict" };
  const version = value === null ? 0 : expectedVersion + 1;
  if (value === null) devices.delete(devEui);
  else {
    const devAddrs = new Set(change.devAddrs);
    devices.set(devEui, { devEui, version, value: Uint8Array.from(value), devAddrs, wakeAtMs });
  }
  const log = logOf(logs, partitionOf(devEui));
  for (const event of change.events ?? []) {
    log.last += 1;
    log.events.push({ position: positionOf(log.last), devEui, value: Uint8Array.from(event) });
  }
  const queue = queues.get(devEui);
  for (const entry of change.queue ?? []) {
    if (!queue?.has(entry.id)) continue;
    if (entry.kind === "remove") queue.delete(entry.id);
    else queue.set(entry.id, Uint8Array.from(entry.value));
  }
  return { kind: "committed", version };
}

function queuePart(
  { queues }: Memory,
  answer: Answer,
  enqueued: (devEui: DevEui) => void,
): Pick<StateStore, "queue" | "mayHaveQueue" | "enqueue" | "removeQueued" | "reorderQueue" | "flushQueue"> {
  const entriesOf = (devEui: DevEui): Map<string, Uint8Array> => {
    const found = queues.get(devEui) ?? new Map<string, Uint8Array>();
    queues.set(devEui, found);
    return found;
  };
  return {
    queue: devEui =>
      answer(() => [...entriesOf(devEui)].map(([id, value]): QueueEntry => ({ id, value: Uint8Array.from(value) }))),
    mayHaveQueue: devEui => (queues.get(devEui)?.size ?? 0) > 0,
    enqueue: (devEui, entry, maxEntries) =>
      answer(() => {
        const entries = entriesOf(devEui);
        if (entries.has(entry.id) || entries.size >= maxEntries) return false;
        entries.set(entry.id, Uint8Array.from(entry.value));
        enqueued(devEui);
        return true;
      }),
    removeQueued: (devEui, id) => answer(() => entriesOf(devEui).delete(id)),
    reorderQueue: (devEui, ids) =>
      answer(() => {
        const entries = entriesOf(devEui);
        const named = ids.filter(id => entries.has(id));
        const others = new Set(named);
        const order = [...entries.keys()].map(id => (others.has(id) ? (named.shift() ?? id) : id));
        queues.set(devEui, new Map(order.flatMap(id => [...entries].filter(([known]) => known === id))));
      }),
    flushQueue: devEui =>
      answer(() => {
        const { size } = entriesOf(devEui);
        queues.delete(devEui);
        return size;
      }),
  };
}

function eventPart(
  { logs, cursors }: Memory,
  answer: Answer,
): Pick<StateStore, "readEvents" | "cursor" | "setCursor" | "trimEvents"> {
  const cursorKey = (consumer: string, partition: number): string => `${partition} ${consumer}`;
  return {
    readEvents: (partition, position, limit) =>
      answer(() => {
        checkPartition(partition);
        const after = sequenceOf(position);
        return logOf(logs, partition)
          .events.filter(event => sequenceOf(event.position) > after)
          .slice(0, Math.max(0, limit))
          .map(event => ({ ...event, value: Uint8Array.from(event.value) }));
      }),
    cursor: (consumer, partition) =>
      answer(() => {
        checkPartition(partition);
        return positionOf(cursors.get(cursorKey(consumer, partition)) ?? 0);
      }),
    setCursor: (consumer, partition, position) =>
      answer(() => {
        checkPartition(partition);
        const key = cursorKey(consumer, partition);
        cursors.set(key, Math.max(cursors.get(key) ?? 0, sequenceOf(position)));
      }),
    trimEvents: (partition, position) =>
      answer(() => {
        checkPartition(partition);
        const log = logOf(logs, partition);
        const upTo = sequenceOf(position);
        log.events = log.events.filter(event => sequenceOf(event.position) > upTo);
      }),
  };
}

function gatewayPart(
  { gateways }: Memory,
  answer: Answer,
): Pick<StateStore, "gatewayStates" | "gatewayState" | "putGatewayState" | "removeGatewayState"> {
  return {
    gatewayStates: () =>
      answer(() => [...gateways].map(([gatewayId, value]) => ({ gatewayId, value: Uint8Array.from(value) }))),
    gatewayState: gatewayId =>
      answer(() => {
        const value = gateways.get(gatewayId);
        return value && { gatewayId, value: Uint8Array.from(value) };
      }),
    putGatewayState: ({ gatewayId, value }) =>
      answer(() => {
        gateways.set(gatewayId, Uint8Array.from(value));
      }),
    removeGatewayState: gatewayId =>
      answer(() => {
        gateways.delete(gatewayId);
      }),
  };
}

function logOf(logs: Memory["logs"], partition: number): { last: number; events: LoggedEvent[] } {
  const found = logs.get(partition) ?? { last: 0, events: [] };
  logs.set(partition, found);
  return found;
}

const positionOf = (sequence: number): string => (sequence === 0 ? "" : String(sequence).padStart(15, "0"));

function sequenceOf(position: string): number {
  if (position !== "" && !/^\d{15}$/.test(position))
    throw new MalformedValue("an event position is 15 digits or empty");
  return Number(position);
}

function checkPartition(partition: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
    throw new MalformedValue(`a partition is a number from 0 to ${partitionCount - 1}`);
  }
}

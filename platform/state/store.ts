import type { DevAddr, DevEui, GatewayId } from "../../lorawan/ids.ts";
import type { NetworkEvent } from "./network-event.ts";

/**
 * What radio traffic changes, kept durably: device documents with their DevAddr index, device queues, the event log and
 * gateway states. Values are opaque bytes; their owners serialise them. A device's document, queue and events share one
 * of 256 partitions, and a commit to it is atomic. A promise resolves only when the change would survive a kill -9.
 * Every method rejects with StateStoreError when the store cannot answer; nothing is half done then.
 */
export interface StateStore {
  device(devEui: DevEui): Promise<DeviceDocument | undefined>;
  /** Every device that is reachable under this address; order is not defined. */
  devicesByDevAddr(devAddr: DevAddr): Promise<readonly DeviceDocument[]>;
  /** Compare-and-set on the document's version; document, index, wake-up, events and queue change together or not at all. */
  commit(change: DeviceCommit): Promise<CommitOutcome>;
  /** Devices whose wake-up time has come, earliest first. They stay listed until a commit moves or clears the time. */
  dueDevices(nowMs: number, limit: number): Promise<readonly DevEui[]>;

  /** First in, first out. */
  queue(devEui: DevEui): Promise<readonly QueueEntry[]>;
  /**
   * False: nothing is known to wait for the device, and nobody need read its queue for a commit that says so
   * (`expectsNoQueue`).
   */
  mayHaveQueue(devEui: DevEui): boolean;
  /** Refuses (false) when an entry with this id waits already or `maxEntries` are waiting. */
  enqueue(devEui: DevEui, entry: QueueEntry, maxEntries: number): Promise<boolean>;
  /** True if the entry was there. */
  removeQueued(devEui: DevEui, id: string): Promise<boolean>;
  /** The entries with these ids in this order, in the places that they have together; others stay where they are. */
  reorderQueue(devEui: DevEui, ids: readonly string[]): Promise<void>;
  /** How many were removed. */
  flushQueue(devEui: DevEui): Promise<number>;
  /** Called, after it is durable, for each enqueue done through this store instance or, scaled out, another. */
  onEnqueued(listener: (devEui: DevEui) => void): Unsubscribe;

  /** Events of a partition after `position` in the order of their commits; `""` is the start. */
  readEvents(partition: number, position: EventPosition, limit: number): Promise<readonly LoggedEvent[]>;
  /**
   * Called when a partition has new events. May be called without need, never omitted. With what was appended where the store
   * knows it, so that nobody has to read it; calls for one partition come in the order of the log.
   */
  onEvents(listener: (partition: number, appended?: AppendedEvents) => void): Unsubscribe;
  /** Where a named consumer has got to; `""` before its first. */
  cursor(consumer: string, partition: number): Promise<EventPosition>;
  /** Never moves backwards. */
  setCursor(consumer: string, partition: number, position: EventPosition): Promise<void>;
  /** Drops events up to and including `position`. */
  trimEvents(partition: number, position: EventPosition): Promise<void>;

  gatewayStates(): Promise<readonly GatewayState[]>;
  gatewayState(gatewayId: GatewayId): Promise<GatewayState | undefined>;
  putGatewayState(state: GatewayState): Promise<void>;
  removeGatewayState(gatewayId: GatewayId): Promise<void>;

  /**
   * How often the store has come back from an end that may have cost it the last changes that it had promised. It never
   * falls, and is 0 for ever where promises survive every end.
   */
  lossCount(): number;

  /** Waits for what is under way, then lets go of files and connections. */
  close(): Promise<void>;
}

export const partitionCount = 256;

/** FNV-1a over the DevEUI's digits: stable for ever, since stored data depends on it. */
export function partitionOf(devEui: DevEui): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < devEui.length; index += 1) {
    hash = Math.imul(hash ^ devEui.charCodeAt(index), 0x01000193);
  }
  return ((hash >>> 24) ^ (hash >>> 16) ^ (hash >>> 8) ^ hash) & 0xff;
}

export interface DeviceDocument {
  readonly devEui: DevEui;
  /**
   * Starts at 1 and rises by one with each commit; a removed and re-created document starts at 1 again. What was read
   * before a loss (see `lossCount`) has no version that a commit could name.
   */
  readonly version: number;
  readonly value: Uint8Array;
}

export interface DeviceCommit {
  readonly devEui: DevEui;
  /** Version that the change was computed from; 0 when there was no document. */
  readonly expectedVersion: number;
  /** The whole new document, or null to remove it with its index entries and wake-up (events and queue stay). */
  readonly value: Uint8Array | null;
  /** Every address under which the document is found from now on; others it had are dropped. */
  readonly devAddrs: readonly DevAddr[];
  /** When `dueDevices` lists the device; none when absent. */
  readonly wakeAtMs?: number;
  /** Appended to the partition's log in this order. They are passed on to listeners: nobody changes their bytes any more. */
  readonly events?: readonly Uint8Array[];
  /** What those bytes were written from, one for each: for listeners in this process, so that nobody has to parse them. */
  readonly sources?: readonly NetworkEvent[];
  /** Entries that no longer wait are skipped silently: someone removed them meanwhile. */
  readonly queue?: readonly QueueChange[];
  /** The change relies on `mayHaveQueue` having been false: it conflicts where something waits after all. */
  readonly expectsNoQueue?: boolean;
}

export type CommitOutcome =
  | { readonly kind: "committed"; readonly version: number }
  /** Someone else committed first: read again and decide again. */
  | { readonly kind: "conflict" };

export interface QueueEntry {
  /** Unique within the device. */
  readonly id: string;
  readonly value: Uint8Array;
}

export type QueueChange =
  | { readonly kind: "replace"; readonly id: string; readonly value: Uint8Array }
  | { readonly kind: "remove"; readonly id: string };

/** Opaque, ordered within its partition by comparison as text; `""` comes before all. */
export type EventPosition = string;

export interface LoggedEvent {
  readonly position: EventPosition;
  readonly devEui: DevEui;
  readonly value: Uint8Array;
  /** What `value` was written from; only where it was told, never where it was read. */
  readonly source?: NetworkEvent;
}

/** What one commit appended to a partition. */
export interface AppendedEvents {
  /** The position of the event before the first of them, or `""`: what has been trimmed may be named. */
  readonly after: EventPosition;
  readonly events: readonly LoggedEvent[];
}

export interface GatewayState {
  readonly gatewayId: GatewayId;
  readonly value: Uint8Array;
}

export type Unsubscribe = () => void;

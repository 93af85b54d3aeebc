import type { DevEui } from "../../../lorawan/ids.ts";
import type { NetworkEvent } from "../../../platform/state/network-event.ts";
import {
  type AppendedEvents,
  type EventPosition,
  type LoggedEvent,
  partitionCount,
  partitionOf,
  type StateStore,
} from "../../../platform/state/store.ts";

/**
 * The event log of a state store in memory. It outlives the consumers that read it, as a store outlives a crash. Two of three
 * appends are told with what was appended, as by a store that knows it, and one without.
 */
export function createEventLog() {
  const partitions = Array.from({ length: partitionCount }, (): LoggedEvent[] => []);
  const cursors = new Map<string, EventPosition>();
  const listeners = new Set<(partition: number, appended?: AppendedEvents) => void>();
  const lastOf = new Map<number, EventPosition>();
  let next = 1;
  let readable = true;

  const store: Pick<StateStore, "readEvents" | "onEvents" | "cursor" | "setCursor" | "trimEvents"> = {
    async readEvents(partition, position, limit) {
      if (!readable) throw new Error("the store cannot answer");
      return (partitions[partition] ?? []).filter(event => event.position > position).slice(0, limit);
    },
    onEvents(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    cursor: async (consumer, partition) => cursors.get(`${consumer}/${partition}`) ?? "",
    async setCursor(consumer, partition, position) {
      const key = `${consumer}/${partition}`;
      if (position > (cursors.get(key) ?? "")) cursors.set(key, position);
    },
    async trimEvents(partition, position) {
      partitions[partition] = (partitions[partition] ?? []).filter(event => event.position > position);
    },
  };

  return {
    store,
    append(devEui: DevEui, value: Uint8Array, source?: NetworkEvent): void {
      const partition = partitionOf(devEui);
      const event = { position: String(next).padStart(12, "0"), devEui, value };
      const appended = { after: lastOf.get(partition) ?? "", events: [{ ...event, ...(source && { source }) }] };
      partitions[partition]?.push(event);
      lastOf.set(partition, event.position);
      next += 1;
      for (const listener of listeners) listener(partition, next % 3 === 0 ? undefined : appended);
    },
    /** In how many partitions this consumer's position was saved. */
    cursorsOf: (consumer: string) => [...cursors.keys()].filter(key => key.startsWith(`${consumer}/`)).length,
    waiting: () => partitions.reduce((sum, events) => sum + events.length, 0),
    setReadable(now: boolean): void {
      readable = now;
    },
  };
}

import type { DevEui } from "../../../lorawan/ids.ts";
import type { QueueEntry, StateStore } from "../../../platform/state/store.ts";

/** The device queues of a state store in memory. */
export function createQueueStore(): Pick<
  StateStore,
  "queue" | "enqueue" | "removeQueued" | "reorderQueue" | "flushQueue"
> {
  const queues = new Map<DevEui, QueueEntry[]>();
  const of = (devEui: DevEui): QueueEntry[] => queues.get(devEui) ?? [];
  return {
    queue: async devEui => of(devEui),
    async enqueue(devEui, entry, maxEntries) {
      const queue = of(devEui);
      if (queue.length >= maxEntries || queue.some(({ id }) => id === entry.id)) return false;
      queues.set(devEui, [...queue, entry]);
      return true;
    },
    async removeQueued(devEui, id) {
      const rest = of(devEui).filter(entry => entry.id !== id);
      const found = rest.length < of(devEui).length;
      queues.set(devEui, rest);
      return found;
    },
    async reorderQueue(devEui, ids) {
      const named = ids.flatMap(wanted => of(devEui).filter(({ id }) => id === wanted));
      queues.set(
        devEui,
        of(devEui).map(entry => (ids.includes(entry.id) ? (named.shift() ?? entry) : entry)),
      );
    },
    async flushQueue(devEui) {
      const count = of(devEui).length;
      queues.delete(devEui);
      return count;
    },
  };
}

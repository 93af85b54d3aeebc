import { newDelivery } from "../../app-server/twin/delivery.ts";
import { isTold, type Twin, type TwinStore } from "../../app-server/twin-ports.ts";
import type { DevEui } from "../../lorawan/ids.ts";
import { partitionOf } from "../../platform/state/store.ts";

/** Twins in memory. They outlive those who use them, as a database outlives a crash. */
export function createMemoryTwins(isKnown: (devEui: DevEui) => boolean = () => true): TwinStore {
  const twins = new Map<DevEui, Twin>();
  const listeners = new Set<() => void>();
  const write = (twin: Twin): boolean => {
    if (twins.get(twin.devEui)?.revision !== twin.revision) return false;
    twins.set(twin.devEui, structuredClone({ ...twin, revision: twin.revision + 1 }));
    return true;
  };
  const held = (devEui: DevEui): Twin => {
    const twin = twins.get(devEui) ?? {
      devEui,
      desired: {},
      reported: {},
      desiredTimes: {},
      reportedTimes: {},
      desiredVersion: 0,
      reportedVersion: 0,
      delivery: newDelivery,
      seen: [],
      told: "",
      revision: 1,
    };
    twins.set(devEui, twin);
    return twin;
  };
  const inPartitions = (partitions: readonly number[], isMeant: (twin: Twin) => boolean) =>
    [...twins.values()].filter(twin => partitions.includes(partitionOf(twin.devEui)) && isMeant(twin));
  return {
    get: async devEui => twins.get(devEui),
    async change(devEuis, change) {
      const changed = [...new Set(devEuis)]
        .filter(isKnown)
        .map(held)
        .map(change)
        .filter(twin => twin !== undefined);
      changed.forEach(write);
      if (changed.length > 0) for (const listener of listeners) listener();
      return changed;
    },
    replace: async twin => write(twin),
    remove: async devEui => twins.delete(devEui),
    due: async (partitions, nowMs, limit) =>
      inPartitions(partitions, ({ dueAtMs = Number.POSITIVE_INFINITY }) => dueAtMs <= nowMs)
        .toSorted((one, other) => (one.dueAtMs ?? 0) - (other.dueAtMs ?? 0))
        .slice(0, limit),
    untold: async (partitions, limit) =>
      inPartitions(partitions, twin => !isTold(twin) && twin.revision > 1).slice(0, limit),
    async onChange(listener) {
      listeners.add(listener);
      return async () => void listeners.delete(listener);
    },
  };
}

import type { Clock } from "../clock.ts";
import type { Counters } from "./counters.ts";

/** Keys of one name that are remembered at once; the one that has been quiet the longest is forgotten first. */
const usualKeys = 10_000;

interface Window {
  readonly endsAtUs: number;
  readonly count: number;
}

/** Counters of one process. */
export function createLocalCounters(clock: Clock, maxKeys = usualKeys): Counters {
  const names = new Map<string, Map<string, Window>>();
  return {
    async count(name, key, windowMs) {
      const windows = names.get(name) ?? new Map<string, Window>();
      names.set(name, windows);
      const nowUs = clock.monotonicUs();
      const before = windows.get(key);
      const running = before !== undefined && nowUs < before.endsAtUs;
      const { endsAtUs, count } = running ? before : { endsAtUs: nowUs + windowMs * 1000, count: 0 };
      // A Map lists its keys in the order of insertion, so the first is the quietest.
      windows.delete(key);
      windows.set(key, { endsAtUs, count: count + 1 });
      const [quietest] = windows.keys();
      if (quietest !== undefined && windows.size > maxKeys) windows.delete(quietest);
      return { count: count + 1, endsInMs: (endsAtUs - nowUs) / 1000 };
    },
    async forget(name, key) {
      names.get(name)?.delete(key);
    },
    async close() {},
  };
}

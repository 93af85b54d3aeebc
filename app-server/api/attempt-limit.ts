import type { Clock } from "../../platform/clock.ts";

export interface AttemptLimitOptions {
  readonly maxAttempts: number;
  readonly windowMs: number;
  /** Keys remembered at once; the one that has been quiet the longest is forgotten first. */
  readonly maxKeys: number;
}

export interface AttemptLimit {
  /** Counts an attempt; false when there have been too many of this key in the window. */
  attempt(key: string): boolean;
  /** The attempt was a good one: those of this key count no more. */
  forgive(key: string): void;
}

/** Attempts a key may make in a window that starts with its first. */
export function createAttemptLimit(clock: Clock, options: AttemptLimitOptions): AttemptLimit {
  const counts = new Map<string, { readonly startedAtUs: number; readonly attempts: number }>();
  return {
    attempt(key) {
      const nowUs = clock.monotonicUs();
      const before = counts.get(key);
      const running = before !== undefined && nowUs - before.startedAtUs < options.windowMs * 1000;
      const { startedAtUs, attempts } = running ? before : { startedAtUs: nowUs, attempts: 0 };
      counts.delete(key);
      counts.set(key, { startedAtUs, attempts: attempts + 1 });
      const [quietest] = counts.keys();
      if (quietest !== undefined && counts.size > options.maxKeys) counts.delete(quietest);
      return attempts < options.maxAttempts;
    },
    forgive: key => {
      counts.delete(key);
    },
  };
}

import type { Counters } from "../../platform/counters/counters.ts";

export interface AttemptLimitOptions {
  /** What is attempted: limits of one name are one limit. */
  readonly name: string;
  readonly maxAttempts: number;
  readonly windowMs: number;
}

export interface AttemptLimit {
  /** Counts an attempt; false when there have been too many of this key in the window. */
  attempt(key: string): Promise<boolean>;
  /** The attempt was a good one: those of this key count no more. */
  forgive(key: string): Promise<void>;
}

/** Attempts a key may make in a window that starts with its first, at all application servers together. */
export const createAttemptLimit = (
  counters: Counters,
  { name, maxAttempts, windowMs }: AttemptLimitOptions,
): AttemptLimit => ({
  attempt: async key => (await counters.count(name, key, windowMs)).count <= maxAttempts,
  forgive: key => counters.forget(name, key),
});

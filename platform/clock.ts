/** Time as the program sees it; tests pass a virtual one. */
export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC. Steps when the operator sets the clock. */
  nowMs(): number;
  /** Never goes back; microseconds from an arbitrary start. Deadlines and windows use it. */
  monotonicUs(): number;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => Math.round(performance.now() * 1000),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs` of the given clock. */
export const sleep = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise(resolve => {
    clock.after(delayMs, resolve);
  });

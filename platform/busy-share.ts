/** Gives a function that tells which share of the time since its last call the event loop was at work, 0 to 1. */
export function eventLoopWatch(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** The time above this share is kept for radio traffic. */
const busyFrom = 0.6;
const longestRestMs = 5_000;

/**
 * How long work that nobody waits for rests after a piece of it: as is usual, and the longer the busier the process is. The square
 * lets it keep pace with moderate traffic, and all but stops it on a process that has no time left.
 */
export function restMs(usualMs: number, busyShare: number): number {
  const excess = Math.max(0, busyShare - busyFrom) / (1 - busyFrom);
  return Math.max(usualMs, excess ** 2 * longestRestMs);
}

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
const busyFrom = 0.4;
const longestRestMs = 5_000;

/**
 * How long work that nobody waits for rests after a piece of it: as is usual, and the longer the busier the process is with
 * other things. The square lets it keep pace with moderate traffic, and all but stops it on a process that has no time left.
 */
export function restMs(usualMs: number, othersShare: number): number {
  const excess = Math.max(0, othersShare - busyFrom) / (1 - busyFrom);
  return Math.max(usualMs, excess ** 2 * longestRestMs);
}

/** What was seen in shorter rests counts for less: in a few milliseconds everybody is idle or busy. */
const fullViewMs = 500;

/**
 * Gives a function that rests. How busy the process is with other things shows while this work rests, so that its own pace does not
 * slow it down; before its first rest, what was done so far stands for it.
 */
export function createRest(
  busyShare: () => number,
  pause: (delayMs: number) => Promise<void>,
): (usualMs: number) => Promise<void> {
  let othersShare: number | undefined;
  return async usualMs => {
    const share = busyShare();
    othersShare ??= share;
    const lengthMs = restMs(usualMs, othersShare);
    await pause(lengthMs);
    othersShare += (busyShare() - othersShare) * Math.min(1, lengthMs / fullViewMs);
  };
}

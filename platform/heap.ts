import { totalmem } from "node:os";
import { setFlagsFromString } from "node:v8";

/** Below it memory is scarcer than time. */
const ampleBytes = 3 * 1024 ** 3;

/**
 * How V8 keeps the heap of a server that makes thousands of short-lived objects for each event:
 *
 * - the whole heap is collected when it has come to four times of what is alive, and not at once and a half or twice, where
 *   there is memory for it. Marking takes more than one core for longer than a frame may wait;
 * - nothing is put among the old objects before it is old. V8 does that with what a busy start has made outlive a collection,
 *   and from then on one such object keeps alive all that it leads to.
 */
export function heapFlags(memoryBytes: number): readonly string[] {
  return ["--no-allocation-site-pretenuring", ...(memoryBytes < ampleBytes ? [] : ["--heap-growing-percent=300"])];
}

/** For the whole process, from now on. */
export function settleHeap(): void {
  // 0 where nothing says, and more than there is where nothing limits it.
  const limitBytes = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  for (const flag of heapFlags(Math.min(totalmem(), limitBytes))) setFlagsFromString(flag);
}

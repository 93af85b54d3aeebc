import { statfsSync } from "node:fs";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { StateStoreError } from "./errors.ts";

export interface DiskRoomOptions {
  readonly folder: string;
  readonly log?: Log;
  readonly metrics?: Pick<Metrics, "storeFaults">;
  readonly look?: DiskLook;
  /** Bytes that have been taken and are still to be written in another place. */
  readonly owedBytes?: () => number;
}

/** How the free room is found out; tests have their own way. */
export interface DiskLook {
  /** Bytes that this process may still fill. */
  readonly freeBytes: (folder: string) => number;
  /** One look holds for so long: less than a disk takes to fill the rest. */
  readonly everyMs: number;
}

/** More than the largest transaction can need, so that what takes things away again always has room. */
const leastFreeBytes = 32 * 2 ** 20;

/**
 * Gives a function to call before anything is added to the folder: it throws StateStoreError `state_unavailable` while
 * the disk is nearly full, and says in the log when that begins and ends. A disk must not become full altogether, because
 * liblmdb, as lmdb-js 3.5 has it, then writes its message beyond the end of a buffer and may take the process with it.
 */
export function watchDiskRoom(options: DiskRoomOptions): () => void {
  const { folder, log, metrics, look = fileSystemLook, owedBytes = () => 0 } = options;
  let free = Number.POSITIVE_INFINITY;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let wasFull = false;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lookedAtMs >= look.everyMs) {
      free = look.freeBytes(folder);
      lookedAtMs = nowMs;
    }
    const neededBytes = leastFreeBytes + owedBytes();
    const isFull = free < neededBytes;
    if (isFull !== wasFull) {
      wasFull = isFull;
      if (isFull)
        log?.error({ folder, freeBytes: free }, "the disk is full: nothing is accepted until it has room again");
      else log?.info({ folder, freeBytes: free }, "the disk has room again");
    }
    if (!isFull) return;
    metrics?.storeFaults.inc();
    throw new StateStoreError(
      "state_unavailable",
      `The disk of ${folder} has less than ${Math.ceil(neededBytes / 2 ** 20)} MiB left; make room on it.`,
      { folder, freeBytes: free },
    );
  };
}

const fileSystemLook: DiskLook = { freeBytes: freeBytesOf, everyMs: 10 };

function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    // A file system that does not tell is left to refuse by itself.
    return Number.POSITIVE_INFINITY;
  }
}

import { StateStoreError } from "./errors.ts";

/**
 * lmdb-js hands the cause of a failed commit over as a second promise, which it rejects in the same turn; left alone, that
 * would end the process.
 */
export async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && "commitError" in error && error.commitError instanceof Promise)) return error;
  const cause = error.commitError.catch((reason: unknown) => reason);
  return Promise.race([cause, new Promise(resolve => setImmediate(() => resolve(error)))]);
}

/** After these the environment answers nothing more until it is opened again, or never. */
const hopeless = /MDB_(PANIC|CORRUPTED|INVALID|VERSION_MISMATCH|PAGE_NOTFOUND)/;

export function asStoreError(error: unknown): StateStoreError {
  const reason = error instanceof Error ? error.message : String(error);
  // A stored number that is shorter than it should be.
  return error instanceof RangeError || hopeless.test(reason)
    ? new StateStoreError("state_corrupt", `The state store is damaged: ${reason}`)
    : new StateStoreError("state_unavailable", `The state store did not answer: ${reason}`);
}

/**
 * Once in a long while, under many small writes, LMDB's bookkeeping of free pages fails a commit. Nothing of it is kept then, and
 * the same work may well go through when it is tried again.
 */
export const isPassingFault = (fault: unknown): boolean =>
  fault instanceof StateStoreError && /freelist|reserved_space/.test(fault.message);

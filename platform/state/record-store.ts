import type { Log } from "../log.ts";
import { StateStoreError } from "./errors.ts";
import { lockFolder } from "./folder-lock.ts";
import { createGroupCommit } from "./group-commit.ts";
import { asStoreError, causeOf, isPassingFault } from "./lmdb-faults.ts";
import { flushFolder, makeFolder, openEnvironment, type Table } from "./lmdb-tables.ts";

/** A new value for a key, or null to remove it. */
export type RecordChange = readonly [key: Buffer, value: Buffer | null];

/** Small records of one owner that survive a kill -9, beside the state store and apart from it. */
export interface RecordStore {
  /** Every record, in the order of the keys' bytes. */
  records(): Iterable<{ readonly key: Buffer; readonly value: Buffer }>;
  /** All of them or none; resolves once durable. Rejects with StateStoreError. */
  write(changes: readonly RecordChange[]): Promise<void>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export interface RecordStoreOptions {
  /** Made if it is not there; belongs to the store alone. */
  readonly folder: string;
  readonly log: Log;
}

/** Several hundred changes a second share a flush, and none waits for long. */
const leastIntervalMs = 2;

/** Throws StateStoreError `state_in_use`, `state_corrupt` or `state_unavailable`. */
export function openRecordStore({ folder, log }: RecordStoreOptions): RecordStore {
  makeFolder(folder);
  const lock = lockFolder(folder);
  const fault = (error: unknown): unknown => {
    if (error instanceof StateStoreError) return error;
    log.error({ err: error, folder }, "a record store failed");
    return asStoreError(error);
  };
  const openTable = (): Table => {
    try {
      return openEnvironment(folder);
    } catch (error) {
      lock.release();
      throw fault(error);
    }
  };
  const table = openTable();
  flushFolder(folder);
  const commits = createGroupCommit({
    async transact(work) {
      await table.childTransaction(work);
    },
    onFault: async error => fault(await causeOf(error)),
    isPassing: isPassingFault,
    leastIntervalMs,
  });
  const close = async (): Promise<void> => {
    await commits.close();
    await table.close();
    lock.release();
  };
  let closing: Promise<void> | undefined;
  return {
    records: () => table.getRange(),
    write: changes =>
      commits.write(() => {
        for (const [key, value] of changes) {
          if (value === null) table.removeSync(key);
          else table.putSync(key, value);
        }
      }),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

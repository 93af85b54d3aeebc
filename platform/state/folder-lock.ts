import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StateStoreError } from "./errors.ts";

export interface FolderLock {
  release(): void;
}

/**
 * Takes a folder for this process alone; throws StateStoreError `state_in_use` when someone has it. The lock is an
 * operating-system file lock, so it ends with its process however that ends, and no reused process id or container can be
 * mistaken for its owner. Node offers such a lock only through SQLite, whose exclusive transaction is one.
 */
export function lockFolder(folder: string): FolderLock {
  const lockPath = join(folder, "owner.lock");
  const ownerPath = join(folder, "owner.pid");
  writeFileSync(lockPath, "", { flag: "a", mode: 0o600 });
  chmodSync(lockPath, 0o600);
  const lock = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    lock.exec("begin exclusive");
  } catch (error) {
    lock.close();
    const owner = ownerOf(ownerPath);
    const by = owner === undefined ? "another process" : `process ${owner}`;
    if (isBusy(error)) {
      throw new StateStoreError("state_in_use", `The state folder ${folder} is in use by ${by}; stop it first.`, {
        folder,
        ...(owner === undefined ? {} : { pid: owner }),
      });
    }
    throw error;
  }
  writeFileSync(ownerPath, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => lock.close() };
}

const sqliteBusy = 5;

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === sqliteBusy;

/** Only for the message: who took the lock last. */
function ownerOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

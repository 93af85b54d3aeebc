import { readFileSync } from "node:fs";
import { readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { type Clock, sleep } from "../clock.ts";
import { EmbeddedPostgresError } from "../errors.ts";
import type { Log } from "../log.ts";

const Owner = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  /** Tells a process from a later one that was given the same id. */
  started: Type.String(),
  /** To be removed with the lock when it lies outside the data folder. */
  socketFolder: Type.String(),
});

const ownerFile = (dataFolder: string): string => join(dataFolder, "postgres.owner");

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

/** Ticks since boot (proc(5), field 22), or `dead`; without /proc nothing better than the id is known. */
function startOf(pid: number): string {
  if (process.platform !== "linux") return "unknown";
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "dead" : (fields[19] ?? "dead");
  } catch {
    return "dead";
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

async function readOwner(dataFolder: string): Promise<Static<typeof Owner> | undefined> {
  try {
    const owner: unknown = JSON.parse(await readFile(ownerFile(dataFolder), "utf8"));
    return Value.Check(Owner, owner) ? owner : undefined;
  } catch {
    return undefined;
  }
}

const makesFile = (path: string, text: string): Promise<boolean> =>
  writeFile(path, text, { flag: "wx", mode: 0o600 }).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, "EEXIST")) return false;
      throw error;
    },
  );

/**
 * Takes the data folder for this process. Throws EmbeddedPostgresError `data_folder_in_use` while another process that
 * took it lives; what a dead one left outside the folder is removed.
 */
export async function takeOwnership(dataFolder: string, socketFolder: string): Promise<void> {
  const text = JSON.stringify({ pid: process.pid, started: startOf(process.pid), socketFolder });
  if (await makesFile(ownerFile(dataFolder), text)) return;
  const owner = await readOwner(dataFolder);
  if (owner !== undefined && isRunning(owner.pid) && startOf(owner.pid) === owner.started) {
    throw new EmbeddedPostgresError(
      "data_folder_in_use",
      `${dataFolder} is in use by process ${owner.pid}; stop that process or choose another data folder`,
    );
  }
  const leftBehind = owner?.socketFolder;
  if (leftBehind !== undefined && basename(leftBehind).startsWith("upchirp-postgres-")) {
    await rm(leftBehind, { recursive: true, force: true });
  }
  await rm(ownerFile(dataFolder), { force: true });
  if (!(await makesFile(ownerFile(dataFolder), text))) {
    throw new EmbeddedPostgresError("data_folder_in_use", `another process is starting in ${dataFolder}`);
  }
}

export const endOwnership = (dataFolder: string): Promise<void> => rm(ownerFile(dataFolder), { force: true });

/** First line of postmaster.pid; undefined when no server of this folder is known. */
export async function postmasterPid(cluster: string): Promise<number | undefined> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number(text.split("\n", 1)[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** The server's working directory is its cluster, which tells it from an unrelated process with the same id. */
async function servesCluster(pid: number, cluster: string): Promise<boolean> {
  if (process.platform !== "linux") return isRunning(pid);
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => "");
  return directory === (await realpath(cluster));
}

export function sendSignal(pid: number, signal: "SIGINT" | "SIGQUIT" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already, which is what the signal was for.
  }
}

/**
 * Ends a server that outlived the process which started it. Only to be called by the folder's owner. A lock file whose
 * process id now belongs to some other program is removed, since PostgreSQL would take that program for a server.
 */
export async function stopOrphan(
  cluster: string,
  options: { readonly log: Log; readonly clock: Clock },
): Promise<void> {
  const pid = await postmasterPid(cluster);
  if (pid === undefined || !isRunning(pid)) return;
  if (!(await servesCluster(pid, cluster))) {
    await rm(join(cluster, "postmaster.pid"), { force: true });
    return;
  }
  options.log.warn({ pid }, "stopping a PostgreSQL that an earlier process left running");
  for (const [signal, waitMs] of [
    ["SIGINT", 20_000],
    ["SIGQUIT", 10_000],
  ] as const) {
    sendSignal(pid, signal);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += 50) {
      if (!isRunning(pid) || !(await servesCluster(pid, cluster))) return;
      await sleep(options.clock, 50);
    }
  }
  throw new EmbeddedPostgresError("data_folder_in_use", `PostgreSQL, process ${pid}, still runs on ${cluster}`);
}

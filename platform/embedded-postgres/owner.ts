import { readFileSync } from "node:fs";
import { readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { type Clock, sleep } from "../clock.ts";
import { EmbeddedPostgresError } from "../errors.ts";
import type { Log } from "../log.ts";

const Owner = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  /** Tells a process from a later one that was given the same id. */
  started: Type.String(),
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
 * Takes the data folder for this process. Gives the socket folder that an earlier one left behind. Throws
 * EmbeddedPostgresError `data_folder_in_use` while another process that took it lives.
 */
export async function takeOwnership(dataFolder: string, socketFolder: string): Promise<string | undefined> {
  const text = JSON.stringify({ pid: process.pid, started: startOf(process.pid), socketFolder });
  if (await makesFile(ownerFile(dataFolder), text)) return undefined;
  const owner = await readOwner(dataFolder);
  if (owner !== undefined && isRunning(owner.pid) && startOf(owner.pid) === owner.started) {
    throw new EmbeddedPostgresError(
      "data_folder_in_use",
      `${dataFolder} is in use by process ${owner.pid}; stop that process or choose another data folder`,
    );
  }
  await rm(ownerFile(dataFolder), { force: true });
  if (!(await makesFile(ownerFile(dataFolder), text))) {
    throw new EmbeddedPostgresError("data_folder_in_use", `another process is starting in ${dataFolder}`);
  }
  return owner?.socketFolder;
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
 * Ends a server that outlived the process which started it. Only to be called by the folder's owner. True when
 * postmaster.pid is stale and names a process of some other program, which PostgreSQL would take for a server.
 */
export async function stopOrphan(
  cluster: string,
  options: { readonly log: Log; readonly clock: Clock },
): Promise<boolean> {
  const pid = await postmasterPid(cluster);
  if (pid === undefined || !isRunning(pid)) return false;
  if (!(await servesCluster(pid, cluster))) return true;
  options.log.warn({ pid }, "stopping a PostgreSQL that an earlier process left running");
  for (const [signal, waitMs] of [
    ["SIGINT", 20_000],
    ["SIGQUIT", 10_000],
  ] as const) {
    sendSignal(pid, signal);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += 50) {
      if (!isRunning(pid) || !(await servesCluster(pid, cluster))) return false;
      await sleep(options.clock, 50);
    }
  }
  throw new EmbeddedPostgresError("data_folder_in_use", `PostgreSQL, process ${pid}, still runs on ${cluster}`);
}

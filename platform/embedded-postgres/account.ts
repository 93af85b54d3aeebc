import { spawn } from "node:child_process";
import { chmod, chown, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { EmbeddedPostgresError } from "../errors.ts";

/** How the server's programs are started so that they do not run as root, which PostgreSQL refuses. */
export interface Account {
  /** Goes before the program. */
  readonly prefix: readonly string[];
  /** The unprivileged account to switch to; absent: the program's own. */
  readonly ids?: { readonly uid: number; readonly gid: number };
}

const userNamespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"];

const succeeds = (command: readonly string[], ids: Account["ids"]): Promise<boolean> =>
  new Promise(resolve => {
    const [program = "", ...rest] = command;
    const child = spawn(program, rest, { stdio: "ignore", env: { PATH: process.env.PATH ?? "" }, ...ids });
    child.once("error", () => resolve(false));
    child.once("exit", code => resolve(code === 0));
  });

/** The first of the usual accounts for a database that this machine has. */
async function unprivilegedIds(): Promise<Account["ids"]> {
  const accounts = new Map(
    (await readFile("/etc/passwd", "utf8").catch(() => "")).split("\n").map(line => {
      const [name = "", , uid, gid] = line.split(":");
      return [name, { uid: Number(uid), gid: Number(gid) }];
    }),
  );
  return accounts.get("upchirp") ?? accounts.get("postgres") ?? accounts.get("nobody");
}

async function chownAll(folder: string, uid: number, gid: number): Promise<void> {
  await chown(folder, uid, gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await chownAll(path, uid, gid);
    else if (entry.isFile()) await chown(path, uid, gid);
  }
}

const refusal = (dataFolder: string): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    "postgres_as_root",
    "PostgreSQL refuses to run as root, and here neither a user namespace nor an unprivileged account that can reach " +
      `${dataFolder} is to be had; start Upchirp as an ordinary user that owns ${dataFolder}, or give the URL of a ` +
      "PostgreSQL server",
  );

const ownerOf = (folder: string): Promise<Account["ids"]> =>
  stat(folder).then(
    ({ uid, gid }) => (uid === 0 ? undefined : { uid, gid }),
    () => undefined,
  );

/**
 * Chooses the account for the server of `dataFolder`: an ordinary user's own; for root a user namespace in which root's
 * files belong to an ordinary user, else an unprivileged account, which then may pass through the data folder. A
 * cluster or data folder that belongs to an ordinary user is served as that user, so that starting once as root does
 * not lock them out.
 */
export async function chooseAccount(dataFolder: string, cluster: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const owner = (await ownerOf(cluster)) ?? (await ownerOf(dataFolder));
  if (owner !== undefined) return { prefix: [], ids: owner };
  if (await succeeds([...userNamespace, "true"], undefined)) return { prefix: userNamespace };
  const ids = await unprivilegedIds();
  if (ids === undefined) throw refusal(dataFolder);
  await chmod(dataFolder, ((await stat(dataFolder)).mode & 0o777) | 0o001);
  if (!(await succeeds(["sh", "-c", 'cd "$1"', "sh", dataFolder], ids))) throw refusal(dataFolder);
  return { prefix: [], ids };
}

/** Hands folders that root made to the account that will use them. */
export async function handOver(account: Account, ...folders: readonly string[]): Promise<void> {
  const { ids } = account;
  if (ids === undefined) return;
  for (const folder of folders) {
    const { uid } = await stat(folder);
    if (uid !== ids.uid) await chownAll(folder, ids.uid, ids.gid);
  }
}

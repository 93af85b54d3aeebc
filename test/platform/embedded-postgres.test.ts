import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { getPriority, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Type from "typebox";
import Value from "typebox/value";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sleep, systemClock } from "../../platform/clock.ts";
import { findBinaries } from "../../platform/embedded-postgres/binaries.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../platform/embedded-postgres.ts";
import { createLog } from "../../platform/log.ts";
import { createPostgres } from "../../platform/postgres.ts";

const log = createLog({ level: "silent" });
const Connection = Type.Object({
  host: Type.String(),
  port: Type.Integer(),
  user: Type.String(),
  database: Type.String(),
});
const SettingRow = Type.Object({ setting: Type.String() });
const CountRow = Type.Object({ count: Type.Integer() });

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-embedded-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

let prepared = "";
beforeAll(async () => {
  prepared = await mkdtemp(join(tmpdir(), "upchirp-embedded-"));
  await (await startEmbeddedPostgres({ dataFolder: prepared, log, clock: systemClock, durable: false })).stop();
  return () => rm(prepared, { recursive: true });
});

/** A data folder whose cluster is made already, which saves most of a test's time. */
async function preparedFolder(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(prepared, folder, { recursive: true });
  return folder;
}

async function start(dataFolder: string, durable = false): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataFolder, log, clock: systemClock, durable });
  onTestFinished(() => server.stop());
  return server;
}

async function withSql<Result>(
  server: Pick<EmbeddedPostgres, "connection">,
  work: (sql: ReturnType<typeof createPostgres>) => Promise<Result>,
): Promise<Result> {
  const sql = createPostgres({ connection: server.connection, log, clock: systemClock });
  return work(sql).finally(() => sql.close());
}

interface Holder {
  readonly child: ChildProcess;
  readonly postmaster: number;
  readonly connection: EmbeddedPostgres["connection"];
}

/** Runs the embedded server in a process of its own, so that this process can be killed. */
async function startHolder(dataFolder: string, path = process.env.PATH): Promise<Holder> {
  const program = fileURLToPath(new URL("../support/embedded-postgres-holder.ts", import.meta.url));
  const child = spawn(process.execPath, [program, dataFolder], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: path },
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [line] = await once(child.stdout, "data");
  return { child, postmaster: postmasterOf(dataFolder), connection: Value.Parse(Connection, JSON.parse(String(line))) };
}

const postmasterOf = (dataFolder: string): number =>
  Number(readFileSync(join(dataFolder, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);

async function killed(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** A process that ended and that nobody has waited for yet does not run. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(systemClock, 10);
}

/** The parent of a process, from its status: the shell that guards a server. */
const parentOf = (pid: number): number =>
  Number(/PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

describe("the embedded PostgreSQL", () => {
  test("keeps its data over a restart, in folders that only its user can enter", async () => {
    const dataFolder = join(await temporaryFolder(), "data, with a comma");
    const firstRun = await start(dataFolder);
    await withSql(firstRun, sql => sql.run("create table kept (id int); insert into kept values (1)"));
    expect((await stat(firstRun.connection.host)).mode & 0o777).toBe(0o700);
    expect((await stat(dataFolder)).mode & 0o777).toBe(0o700);
    await firstRun.stop();
    const secondRun = await start(dataFolder);
    const rows = await withSql(secondRun, sql => sql.rows(CountRow, "select count(*) as count from kept"));
    expect(rows).toEqual([{ count: 1 }]);
    await secondRun.stop();
    expect(await readdir(dataFolder)).toEqual(["postgres"]);
  });

  test("writes through to the disk unless a test asks it not to, and opens no port", async () => {
    const server = await start(await preparedFolder(), true);
    const names = ["fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding"];
    const settings = await withSql(server, sql =>
      Promise.all(names.map(name => sql.rows(SettingRow, "select current_setting($1) as setting", [name]))),
    );
    expect(settings.flat().map(row => row.setting)).toEqual(["on", "on", "on", "", "UTF8"]);
  });

  test("serves a data folder whose path is too long for a socket, and leaves nothing of that behind", async () => {
    const dataFolder = join(await temporaryFolder(), "d".repeat(120));
    const server = await start(dataFolder);
    expect(server.connection.host.startsWith(dataFolder)).toBe(false);
    expect((await stat(server.connection.host)).mode & 0o777).toBe(0o700);
    await withSql(server, sql => sql.run("select 1"));
    await server.stop();
    expect(existsSync(server.connection.host)).toBe(false);
  });

  test("is not started twice on one data folder", async () => {
    const dataFolder = await preparedFolder();
    const { child } = await startHolder(dataFolder);
    const second = startEmbeddedPostgres({ dataFolder, log, clock: systemClock, durable: false });
    await expect(second).rejects.toMatchObject({ code: "data_folder_in_use" });
    child.stdin?.end();
    await once(child, "exit");
    await withSql(await start(dataFolder), sql => sql.run("select 1"));
  });

  test("leaves the processors to the process that answers devices in time", async () => {
    const dataFolder = await preparedFolder();
    await start(dataFolder);
    expect(getPriority(postmasterOf(dataFolder))).toBe(Math.min(19, getPriority() + 5));
  });

  test("tells when it ends by itself", async () => {
    const dataFolder = await preparedFolder();
    const { promise, resolve } = Promise.withResolvers<string>();
    const server = await startEmbeddedPostgres({
      dataFolder,
      log,
      clock: systemClock,
      durable: false,
      onUnexpectedExit: resolve,
    });
    onTestFinished(() => server.stop());
    process.kill(postmasterOf(dataFolder), "SIGKILL");
    expect(await promise).toContain("ended with 137");
  });
});

describe.runIf(process.platform === "linux" && process.getuid?.() === 0)("root's embedded PostgreSQL", () => {
  /** A folder with the programs that a start needs, without `unshare`. */
  async function programsWithoutNamespaces(): Promise<string> {
    const folder = await temporaryFolder();
    for (const program of ["sh", "rm", "sleep", "flock"]) {
      const found = ["/usr/bin", "/bin"].map(place => join(place, program)).find(existsSync);
      if (found !== undefined) await symlink(found, join(folder, program));
    }
    await chmod(folder, 0o755);
    return folder;
  }

  test("never runs as root itself, and its cluster goes with it from one way of doing so to the other", async () => {
    const parent = await temporaryFolder();
    await chmod(parent, 0o755);
    const dataFolder = join(parent, "data");
    await (await start(dataFolder)).stop();
    const { child, postmaster } = await startHolder(dataFolder, await programsWithoutNamespaces());
    expect((await stat(`/proc/${postmaster}`)).uid).not.toBe(0);
    child.stdin?.end();
    await once(child, "exit");
    await withSql(await start(dataFolder), sql => sql.run("select 1"));
  });
});

describe("after kill -9 of its parent, the embedded PostgreSQL", () => {
  test("ends by itself and starts again with what was committed", async () => {
    const dataFolder = await preparedFolder();
    const { child, postmaster, connection } = await startHolder(dataFolder);
    await withSql({ connection }, sql => sql.run("create table kept (id int)"));
    await killed(child);
    await until(() => !runs(postmaster));
    const again = await start(dataFolder);
    expect(await withSql(again, sql => sql.rows(CountRow, "select count(*) as count from kept"))).toEqual([
      { count: 0 },
    ]);
  });

  test("is followed by a new one at once, without waiting for the old to end", async () => {
    const dataFolder = await preparedFolder();
    const { child, postmaster } = await startHolder(dataFolder);
    await killed(child);
    const again = await start(dataFolder);
    expect(postmasterOf(dataFolder)).not.toBe(postmaster);
    await withSql(again, sql => sql.run("select 1"));
  });

  test.runIf(process.platform === "linux")("is stopped at the next start when its guard was killed too", async () => {
    const dataFolder = await preparedFolder();
    const { child, postmaster } = await startHolder(dataFolder);
    const guard = parentOf(postmaster);
    const guards = [guard, ...childrenOf(guard).filter(pid => pid !== postmaster)];
    child.kill("SIGSTOP");
    for (const pid of guards) process.kill(pid, "SIGKILL");
    await killed(child);
    expect(runs(postmaster)).toBe(true);
    const again = await start(dataFolder);
    expect(runs(postmaster)).toBe(false);
    await withSql(again, sql => sql.run("select 1"));
  });

  test.runIf(process.platform === "linux")("is not joined by another whose process ids are not ours", async () => {
    const dataFolder = await preparedFolder();
    await startHolder(dataFolder);
    // What a second container sees of the first one's process ids is nothing.
    await rm(join(dataFolder, "postgres.owner"));
    await rm(join(dataFolder, "postgres", "postmaster.pid"));
    const second = startEmbeddedPostgres({ dataFolder, log, clock: systemClock, durable: false });
    await expect(second).rejects.toThrow("another container");
  });

  test("ignores a lock file whose process id now belongs to another program", async () => {
    const dataFolder = await preparedFolder();
    await (await start(dataFolder)).stop();
    const owner = { pid: process.pid, started: "another time", socketFolder: dataFolder };
    await writeFile(join(dataFolder, "postgres.owner"), JSON.stringify(owner));
    const lines = [process.ppid, join(dataFolder, "postgres"), 0, 5432, dataFolder, "", "1 1", "ready"];
    await writeFile(join(dataFolder, "postgres", "postmaster.pid"), `${lines.join("\n")}\n`);
    await withSql(await start(dataFolder), sql => sql.run("select 1"));
  });
});

/** Children of a process; guards have two: the server and what waits for the parent's end. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);

describe("the server's programs", () => {
  /** A copy of the package as it comes out of the archive, before its install script has run. */
  async function unlinkedPackage(): Promise<string> {
    const { postgres } = await findBinaries(await temporaryFolder());
    const original = join(dirname(postgres), "..", "..");
    const folder = await temporaryFolder();
    const links: unknown = JSON.parse(readFileSync(join(original, "native", "pg-symlinks.json"), "utf8"));
    if (!Array.isArray(links)) throw new Error("no list of links");
    const targets = new Set(links.map(link => join(original, String(link.target))));
    const copied = [join("native", "bin"), join("native", "lib"), join("native", "pg-symlinks.json")];
    for (const part of copied) {
      await mkdir(dirname(join(folder, part)), { recursive: true });
      await cp(join(original, part), join(folder, part), {
        recursive: true,
        verbatimSymlinks: true,
        filter: source => !targets.has(source) && !source.endsWith(".a"),
      });
    }
    return folder;
  }

  const version = async (program: string, environment: Readonly<Record<string, string>>): Promise<string> => {
    const child = spawn(program, ["--version"], { env: { ...environment }, stdio: ["ignore", "pipe", "inherit"] });
    const [output] = await once(child.stdout, "data");
    return String(output);
  };

  test("find their libraries when install scripts did not run", async () => {
    const folder = await unlinkedPackage();
    const binaries = await findBinaries(await temporaryFolder(), folder);
    expect(binaries.environment).toEqual({});
    expect(await version(binaries.initdb, binaries.environment)).toContain("PostgreSQL");
  });

  test("find their libraries when the package can moreover not be written to", async () => {
    const folder = await unlinkedPackage();
    // Root writes to read-only folders, but nobody writes into a file.
    const libraries = join(folder, "native", "lib");
    await chmod(libraries, 0o555);
    onTestFinished(() => chmod(libraries, 0o755));
    const links = join(await temporaryFolder(), "links");
    const binaries = await findBinaries(links, folder);
    expect(await version(binaries.initdb, binaries.environment)).toContain("PostgreSQL");
    if (process.getuid?.() !== 0) expect(await readdir(links)).toContain("libpq.so.5");
  });

  test("that are not there are reported with what to do", async () => {
    const empty = await temporaryFolder();
    await expect(findBinaries(empty, empty)).rejects.toMatchObject({ code: "postgres_missing" });
  });
});

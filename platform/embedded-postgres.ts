import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock } from "./clock.ts";
import { type Account, chooseAccount, handOver } from "./embedded-postgres/account.ts";
import { type Binaries, findBinaries } from "./embedded-postgres/binaries.ts";
import { endOwnership, stopOrphan, takeOwnership } from "./embedded-postgres/owner.ts";
import { runProgram, type ServerProcess, startServer } from "./embedded-postgres/process.ts";
import { createDatabaseWhenReady } from "./embedded-postgres/ready.ts";
import { makeSocketFolder, removeSocketFolder } from "./embedded-postgres/socket-folder.ts";
import { EmbeddedPostgresError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { PostgresConnection } from "./postgres.ts";

export interface EmbeddedPostgresOptions {
  /** Made when missing. The cluster is `postgres` inside it. */
  readonly dataFolder: string;
  readonly log: Log;
  readonly clock: Clock;
  /** False only for tests: a crash of the machine may lose or damage what is stored. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** Crash recovery of a large database is part of it. */
  readonly startTimeoutMs?: number;
  /** Called when the server ends without being asked to. */
  readonly onUnexpectedExit?: (reason: string) => void;
}

export interface EmbeddedPostgres {
  readonly connection: Extract<PostgresConnection, { readonly host: string }>;
  /** Ends open connections, writes everything and ends the server. */
  stop(): Promise<void>;
}

const user = "upchirp";
const database = "upchirp";
const port = 5432;

/** What a single machine's catalog needs: a few connections and little memory. */
function settingsOf(options: EmbeddedPostgresOptions, socketFolder: string): readonly string[] {
  const durable = options.durable === false ? "off" : "on";
  const settings = {
    // Only who may enter the socket's folder can connect.
    listen_addresses: "",
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: "0700",
    port: String(port),
    max_connections: String(options.maxConnections ?? 30),
    shared_buffers: "32MB",
    max_wal_size: "256MB",
    max_wal_senders: "0",
    max_worker_processes: "2",
    autovacuum_max_workers: "1",
    io_method: "sync",
    jit: "off",
    fsync: durable,
    synchronous_commit: durable,
    full_page_writes: durable,
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "",
    // A statement's error goes to whoever sent it; in a log it could show what was in the statement.
    log_min_messages: "log",
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** The version of the cluster must be the program's: PostgreSQL does not read files of another major version. */
async function assertSameVersion(cluster: string, binaries: Binaries): Promise<void> {
  const ofCluster = (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  const output = await runProgram({ prefix: [] }, [binaries.postgres, "--version"], binaries.environment);
  const ofProgram = /(\d+)\./.exec(output)?.[1];
  if (ofProgram === undefined || ofProgram === ofCluster) return;
  throw new EmbeddedPostgresError(
    "postgres_version",
    `${cluster} was made by PostgreSQL ${ofCluster} and this program brings ${ofProgram}; export the database with the ` +
      "earlier version and import it with this one",
  );
}

/** Made under another name first, so that a folder of the final name is always complete. */
async function makeCluster(options: EmbeddedPostgresOptions, binaries: Binaries, account: Account): Promise<void> {
  const unfinished = join(options.dataFolder, "postgres.unfinished");
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await handOver(account, unfinished);
  const sync = options.durable === false ? ["--no-sync"] : [];
  const authentication = ["--auth-local=trust", "--auth-host=reject"];
  const format = ["--encoding=UTF8", "--locale=C", "--no-instructions"];
  const command = [binaries.initdb, "-D", unfinished, "-U", user, ...authentication, ...format, ...sync];
  await runProgram(account, command, binaries.environment);
  await rename(unfinished, join(options.dataFolder, "postgres"));
  const folder = await open(options.dataFolder, "r");
  await folder.sync().finally(() => folder.close());
}

async function launch(options: EmbeddedPostgresOptions, socketFolder: string): Promise<ServerProcess> {
  const { dataFolder, log, clock } = options;
  const binaries = await findBinaries(join(dataFolder, "postgres-libraries"));
  const cluster = join(dataFolder, "postgres");
  const account = await chooseAccount(dataFolder, cluster);
  let staleLock = false;
  if (existsSync(cluster)) {
    staleLock = await stopOrphan(cluster, { log, clock });
    await assertSameVersion(cluster, binaries);
    await handOver(account, cluster, socketFolder);
  } else {
    await makeCluster(options, binaries, account);
    await handOver(account, socketFolder);
  }
  const command = [binaries.postgres, "-D", cluster, ...settingsOf(options, socketFolder)];
  const server = startServer({ account, command, cluster, staleLock, environment: binaries.environment, log, clock });
  try {
    const connection = { host: socketFolder, port, user };
    await createDatabaseWhenReady({
      connection,
      database,
      server,
      clock,
      timeoutMs: options.startTimeoutMs ?? 300_000,
    });
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * Runs the private PostgreSQL of a data folder on a Unix socket that only this user can reach. It ends with this
 * process, however that ends. Throws EmbeddedPostgresError.
 */
export async function startEmbeddedPostgres(given: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === "win32") {
    throw new EmbeddedPostgresError(
      "postgres_unsupported",
      "the embedded PostgreSQL needs Unix sockets and does not run on Windows; give the URL of a PostgreSQL server",
    );
  }
  const options = { ...given, dataFolder: resolve(given.dataFolder), log: given.log.child({ part: "postgres" }) };
  await mkdir(options.dataFolder, { recursive: true, mode: 0o700 });
  const socketFolder = await makeSocketFolder(options.dataFolder, port);
  let leftBehind: string | undefined;
  try {
    leftBehind = await takeOwnership(options.dataFolder, socketFolder);
  } catch (error) {
    await removeSocketFolder(socketFolder);
    throw error;
  }
  const letGo = async (): Promise<void> => {
    await removeSocketFolder(socketFolder);
    await endOwnership(options.dataFolder);
  };
  try {
    const server = await launch(options, socketFolder);
    // Only now is it certain that nobody uses it.
    if (leftBehind !== undefined) await removeSocketFolder(leftBehind);
    return running(options, server, socketFolder, letGo);
  } catch (error) {
    await letGo();
    throw error;
  }
}

function running(
  options: EmbeddedPostgresOptions,
  server: ServerProcess,
  socketFolder: string,
  letGo: () => Promise<void>,
): EmbeddedPostgres {
  server.onUnexpectedExit(reason => {
    options.log.error({ reason }, "the embedded PostgreSQL has ended by itself");
    options.onUnexpectedExit?.(reason);
  });
  let stopping: Promise<void> | undefined;
  return {
    connection: { host: socketFolder, port, user, database },
    stop() {
      stopping ??= server.stop().then(letGo);
      return stopping;
    },
  };
}

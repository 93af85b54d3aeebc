import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseAccount } from "../../platform/embedded-postgres/account.ts";
import { findBinaries } from "../../platform/embedded-postgres/binaries.ts";
import { runProgram } from "../../platform/embedded-postgres/process.ts";
import { type Program, startProgram } from "./program.ts";

const upchirp = fileURLToPath(new URL("../../bin/upchirp.js", import.meta.url));
/** Debian keeps servers where a user's search path does not look. */
const searchPath = [process.env.PATH ?? "", "/usr/sbin", "/usr/local/sbin"].join(":");

export interface UpchirpOptions {
  readonly folder: string;
  /** Of its log file. */
  readonly name: string;
  readonly httpPort: number;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** `upchirp start` with these arguments. */
export const startUpchirp = ({ folder, name, httpPort, args, environment }: UpchirpOptions): Program =>
  startProgram({
    command: [
      ...[process.execPath, upchirp, "start", "--http-port", `${httpPort}`, "--set", "http.bind=127.0.0.1"],
      // Gateways of this load answer more than Europe's rules let one transmit.
      ...["--set", "networkServer.udp.bind=127.0.0.1", "--set", "networkServer.enforceDutyCycle=false"],
      ...args,
    ],
    logFile: join(folder, `${name}.log`),
    ready: () => answers(`http://127.0.0.1:${httpPort}/readyz`),
    ...(environment && { environment }),
  });

/**
 * Mosquitto. Sessions and subscriptions are saved as they change, and nothing waits inside for a place among the
 * unacknowledged: what the broker has acknowledged is in the subscriber's socket when it dies.
 */
export async function startBroker(folder: string, port: number): Promise<Program> {
  const place = join(folder, "broker");
  await mkdir(place);
  const file = join(folder, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "user root",
    "persistence true",
    `persistence_location ${place}/`,
    "autosave_on_changes true",
    "autosave_interval 1",
    "max_inflight_messages 0",
    "max_queued_messages 0",
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  return startProgram({
    command: ["mosquitto", "-c", file],
    environment: { PATH: searchPath },
    logFile: join(folder, "broker.log"),
    ready: () => reachable(port),
  });
}

/** Redis as operations.md wants it: every answered command is in the append-only file. */
export async function startRedis(folder: string, port: number): Promise<Program> {
  const place = join(folder, "redis");
  await mkdir(place);
  const storage = ["--dir", place, "--save", "", "--appendonly", "yes", "--appendfsync", "always"];
  return startProgram({
    command: ["redis-server", "--bind", "127.0.0.1", "--port", `${port}`, ...storage],
    environment: { PATH: searchPath },
    logFile: join(folder, "redis.log"),
    ready: () => reachable(port),
  });
}

export const postgresUser = "upchirp";

/** A PostgreSQL on TCP with an empty database `postgres`. */
export async function startPostgres(folder: string, port: number): Promise<Program> {
  const place = join(folder, "postgres");
  const cluster = join(place, "cluster");
  await mkdir(cluster, { recursive: true, mode: 0o700 });
  const binaries = await findBinaries(join(folder, "postgres-libraries"));
  const account = await chooseAccount(folder, cluster);
  const rights = ["--auth-local=reject", "--auth-host=trust", "-U", postgresUser];
  await runProgram(account, [binaries.initdb, "-D", cluster, ...rights, "--no-sync"], binaries.environment);
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=32MB"];
  return startProgram({
    command: [...account.prefix, binaries.postgres, "-D", cluster, ...settings.flatMap(setting => ["-c", setting])],
    environment: binaries.environment,
    logFile: join(folder, "postgres.log"),
    ready: () => reachable(port),
    ...(account.ids && { ids: account.ids }),
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

const reachable = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { configSchema } from "../compose/config.ts";
import type { Role } from "../compose/roles.ts";
import { systemClock } from "../platform/clock.ts";
import { loadConfig } from "../platform/config.ts";
import { startEmbeddedPostgres } from "../platform/embedded-postgres.ts";
import { createLog } from "../platform/log.ts";
import { startMosquitto, startRedis } from "./child-servers.ts";
import { type ProvisionedGroup, provision } from "./provision.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** What an installation is made of. */
export const installationSets = {
  embedded: "one process with PostgreSQL and LMDB of its own",
  redis: "one process, its state in Redis",
  roles: "network server with Join Server, and application server, in two processes; Redis and a shared PostgreSQL",
} as const;
export type InstallationSet = keyof typeof installationSets;

/** A server of its own with everything it needs, in a temporary folder. */
export interface Installation {
  /** Of each network server. */
  readonly udpPorts: readonly number[];
  /** Of each process of the server. */
  readonly httpUrls: readonly string[];
  readonly mqttUrl: string;
  readonly provisionSeconds: number;
  /** From the start of the server's processes to their readiness. */
  readonly startMs: number;
  /** Ends the processes and takes the folder away. */
  close(): Promise<void>;
}

export interface InstallationOptions {
  readonly set: InstallationSet;
  /** Processes with the network-server role; more than one only with the set `roles`. */
  readonly networkServers: number;
  readonly groups: readonly ProvisionedGroup[];
  /** Where the server's processes leave CPU profiles when they end. */
  readonly profileFolder?: string;
  readonly progress: (text: string) => void;
}

type CleanUp = () => Promise<void> | void;

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), "upchirp-bench-"));
  const cleanUps: CleanUp[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  };
  try {
    const started = await startAll(folder, options, cleanUps);
    return { ...started, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startAll(
  folder: string,
  options: InstallationOptions,
  cleanUps: CleanUp[],
): Promise<Omit<Installation, "close">> {
  const broker = await startMosquitto(folder);
  cleanUps.push(() => broker.stop());
  const shared = {
    ...baseConfig(broker.url),
    ...(await stateConfig(folder, options.set, cleanUps)),
    ...(await catalogConfig(folder, options.set, cleanUps)),
  };
  const fileOf = (name: string): string => {
    const file = join(folder, `${name}.toml`);
    writeFileSync(file, stringify({ ...shared, dataFolder: join(folder, name) }));
    return file;
  };
  const processes = processesOf(options, fileOf);
  const beganAtMs = performance.now();
  const [first] = processes;
  if (first === undefined) throw new Error("no process is to be started");
  await provision({ ...options, config: loadConfig(configSchema, { file: first.configFile, env: {}, overrides: [] }) });
  const provisionedAtMs = performance.now();
  const servers: ServerProcess[] = [];
  for (const each of processes) {
    const { profileFolder } = options;
    const server = await startServer({ ...each, ...(profileFolder !== undefined && { profileFolder }) });
    cleanUps.push(() => server.stop());
    servers.push(server);
  }
  return {
    udpPorts: servers.flatMap(({ udpPort }) => udpPort ?? []),
    httpUrls: servers.map(({ httpUrl }) => httpUrl),
    mqttUrl: broker.url,
    provisionSeconds: (provisionedAtMs - beganAtMs) / 1000,
    startMs: servers.reduce((sum, { startMs }) => sum + startMs, 0),
  };
}

/** As little as possible that is not the default. */
const baseConfig = (brokerUrl: string) => ({
  log: { level: "warn" },
  http: { bind: "127.0.0.1", port: 0 },
  networkServer: { udp: { bind: "127.0.0.1", port: 0 } },
  appServer: { mqtt: { broker: { enabled: false }, external: { url: brokerUrl } } },
});

async function stateConfig(folder: string, set: InstallationSet, cleanUps: CleanUp[]): Promise<object> {
  if (set === "embedded") return {};
  const redis = await startRedis(folder);
  cleanUps.push(() => redis.stop());
  return { state: { redis: { url: redis.url } } };
}

async function catalogConfig(folder: string, set: InstallationSet, cleanUps: CleanUp[]): Promise<object> {
  if (set !== "roles") return {};
  const dataFolder = join(folder, "postgres");
  mkdirSync(dataFolder, { mode: 0o700 });
  const postgres = await startEmbeddedPostgres({
    dataFolder,
    log: createLog({ level: "error" }),
    clock: systemClock,
    onUnexpectedExit: reason => {
      throw new Error(reason);
    },
  });
  cleanUps.push(() => postgres.stop());
  const { host, port, user, database } = postgres.connection;
  const url = `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const keyEncryptionKeys = `${randomBytes(4).toString("hex")}:${randomBytes(32).toString("hex")}`;
  return { postgres: { url }, keyEncryptionKeys };
}

interface ServerPlan {
  readonly configFile: string;
  readonly roles: readonly Role[];
}

function processesOf(
  { set, networkServers }: InstallationOptions,
  fileOf: (name: string) => string,
): readonly ServerPlan[] {
  if (set !== "roles") return [{ configFile: fileOf("server"), roles: [] }];
  const numbers = Array.from({ length: networkServers }, (_, number) => number + 1);
  return [
    ...numbers.map(
      (number): ServerPlan => ({
        configFile: fileOf(`network-server-${number}`),
        roles: ["network-server", "join-server"],
      }),
    ),
    { configFile: fileOf("app-server"), roles: ["app-server"] },
  ];
}

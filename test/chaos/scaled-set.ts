import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../app-server/support/mosquitto.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { freeUdpPort, postgresUser, startBroker, startPostgres, startRedis, startUpchirp } from "./backing-programs.ts";
import { cut, freeze, kill, killTwice, stop, victimOf } from "./blows.ts";
import { createMovableClock } from "./clock-step.ts";
import type { Fault, Installation, SetOptions } from "./installation.ts";
import type { Program } from "./program.ts";

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
const set = (assignments: readonly string[]): readonly string[] => assignments.flatMap(each => ["--set", each]);

/** Each role in a process of its own, on PostgreSQL, Redis and Mosquitto. */
export async function startScaledSet({ folder }: SetOptions): Promise<Installation> {
  const backing = await startBacking(folder);
  const clock = await createMovableClock(folder);
  const { redis, postgres, broker } = backing;
  const ports = { network: await freePort(), join: await freePort(), applications: await freePort() };
  const udpPort = await freeUdpPort();
  const token = hex(16);
  const shared = [
    ...["--postgres-url", `postgresql://${postgresUser}@127.0.0.1:${postgres.path.port}/postgres`],
    ...set([`keyEncryptionKeys=${hex(4)}:${hex(32)}`]),
  ];
  const state = set([`state.redis.url=redis://127.0.0.1:${redis.path.port}`]);
  const start = (name: string, httpPort: number, args: readonly string[]): Program =>
    startUpchirp({
      ...{ folder, name, httpPort, environment: clock.environment },
      args: ["--role", name, "--data", join(folder, name), ...shared, ...args],
    });
  await Promise.all([redis, postgres, broker].map(({ program }) => program.untilReady()));
  const applications = start("app-server", ports.applications, [
    ...state,
    ...set([`appServer.mqtt.external.url=mqtt://127.0.0.1:${broker.path.port}`]),
  ]);
  // It makes the tables that the others read.
  await applications.untilReady();
  const clients = `joinServer.clients=${JSON.stringify([{ netId: "000000", token }])}`;
  const joins = start("join-server", ports.join, set([clients]));
  const network = start("network-server", ports.network, [
    ...state,
    ...["--udp-port", `${udpPort}`],
    ...set([
      `networkServer.joinServer.url=http://127.0.0.1:${ports.join}/ts002`,
      `networkServer.joinServer.token=${token}`,
    ]),
  ]);
  const programs = [applications, joins, network, redis.program, postgres.program, broker.program];
  return {
    apiUrl: `http://127.0.0.1:${ports.applications}`,
    udpPort,
    brokerUrl: `mqtt://127.0.0.1:${broker.port}`,
    faults: [...roleFaults({ applications, joins, network }), ...backingFaults(backing), ...clock.faults],
    impossible: clock.impossible,
    token: async () => (await readFile(join(folder, "app-server", "command-line-token"), "utf8")).trim(),
    async untilReady() {
      await Promise.all(programs.map(program => program.untilReady()));
    },
    unasked: () => programs.reduce((sum, program) => sum + program.unasked(), 0),
    async close() {
      await Promise.all([applications.stop(), joins.stop(), network.stop()]);
      await Promise.all([redis, postgres, broker].map(({ path }) => path.close()));
      await Promise.all([redis, postgres, broker].map(({ program }) => program.stop()));
    },
  };
}

interface Backing {
  readonly program: Program;
  readonly port: number;
  /** Between the servers and it. */
  readonly path: Awaited<ReturnType<typeof startCuttingProxy>>;
}

async function startBacking(folder: string): Promise<Readonly<Record<"redis" | "postgres" | "broker", Backing>>> {
  const behind = async (start: (folder: string, port: number) => Promise<Program>): Promise<Backing> => {
    const port = await freePort();
    return { program: await start(folder, port), port, path: await startCuttingProxy(port) };
  };
  return { redis: await behind(startRedis), postgres: await behind(startPostgres), broker: await behind(startBroker) };
}

function roleFaults(programs: Readonly<Record<"applications" | "joins" | "network", Program>>): readonly Fault[] {
  const network = victimOf("network-server", "the network server", programs.network);
  const applications = victimOf("app-server", "the application server", programs.applications);
  const joins = victimOf("join-server", "the Join Server", programs.joins);
  return [
    kill(network, "uncommitted"),
    killTwice(network, "uncommitted"),
    stop(network, "unacknowledged"),
    freeze(network, "unacknowledged"),
    kill(applications, "nothing"),
    killTwice(applications, "nothing"),
    stop(applications, "nothing"),
    freeze(applications, "nothing"),
    kill(joins, "nothing"),
    freeze(joins, "nothing"),
  ];
}

function backingFaults(backing: Awaited<ReturnType<typeof startBacking>>): readonly Fault[] {
  const redis = victimOf("redis", "Redis", backing.redis.program);
  const postgres = victimOf("postgres", "PostgreSQL", backing.postgres.program);
  const broker = victimOf("broker", "the MQTT broker", backing.broker.program);
  return [
    kill(redis, "uncommitted"),
    freeze(redis, "uncommitted"),
    cut("redis", "Redis", backing.redis.path, "evalsha"),
    kill(postgres, "uncommitted"),
    freeze(postgres, "uncommitted"),
    cut("postgres", "PostgreSQL", backing.postgres.path, "commit"),
    kill(broker, "nothing"),
    stop(broker, "nothing"),
    freeze(broker, "nothing"),
    cut("broker", "the MQTT broker", backing.broker.path, "application/"),
  ];
}

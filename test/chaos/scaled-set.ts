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

/** Two network servers, two application servers and a Join Server, on PostgreSQL, Redis and Mosquitto. */
export async function startScaledSet({ folder }: SetOptions): Promise<Installation> {
  const backing = await startBacking(folder);
  const clock = await createMovableClock(folder);
  const { redis, postgres, broker } = backing;
  const token = hex(16);
  const shared = [
    ...["--postgres-url", `postgresql://${postgresUser}@127.0.0.1:${postgres.path.port}/postgres`],
    ...set([`keyEncryptionKeys=${hex(4)}:${hex(32)}`, "appServer.mqtt.broker.enabled=false"]),
    ...set([`appServer.integrations.allowedNetworks=${JSON.stringify(["127.0.0.0/8"])}`]),
  ];
  const state = set([`state.redis.url=redis://127.0.0.1:${redis.path.port}`]);
  const start = (name: string, role: string, httpPort: number, args: readonly string[]): Program =>
    startUpchirp({
      ...{ folder, name, httpPort, environment: clock.environment },
      args: ["--role", role, "--data", join(folder, name), ...shared, ...args],
    });
  const startApplications = async (name: string) => {
    const httpPort = await freePort();
    const external = `appServer.mqtt.external.url=mqtt://127.0.0.1:${broker.path.port}`;
    return { httpPort, program: start(name, "app-server", httpPort, [...state, ...set([external])]) };
  };
  const joinPort = await freePort();
  const startNetwork = async (name: string) => {
    const udpPort = await freeUdpPort();
    const url = `networkServer.joinServer.url=http://127.0.0.1:${joinPort}/ts002`;
    const args = [...state, "--udp-port", `${udpPort}`, ...set([url, `networkServer.joinServer.token=${token}`])];
    return { udpPort, program: start(name, "network-server", await freePort(), args) };
  };
  await Promise.all([redis, postgres, broker].map(({ program }) => program.untilReady()));
  const applications = [await startApplications("app-server-1")];
  // It makes the tables that the others read.
  await applications[0]?.program.untilReady();
  applications.push(await startApplications("app-server-2"));
  const clients = `joinServer.clients=${JSON.stringify([{ netId: "000000", token }])}`;
  const joins = start("join-server", "join-server", joinPort, set([clients]));
  const networks = [await startNetwork("network-server-1"), await startNetwork("network-server-2")];
  const roles = [...applications, ...networks].map(({ program }) => program).concat(joins);
  const programs = [...roles, redis.program, postgres.program, broker.program];
  return {
    apiUrl: `http://127.0.0.1:${applications[0]?.httpPort}`,
    udpPorts: networks.map(({ udpPort }) => udpPort),
    brokers: [{ name: "Mosquitto", url: `mqtt://127.0.0.1:${broker.port}`, asksForLogin: false }],
    faults: [
      ...networks.flatMap(({ program }, number) => networkFaults(program, number)),
      ...applications.flatMap(({ program }, number) => applicationFaults(program, number)),
      ...joinFaults(joins),
      ...backingFaults(backing),
      ...clock.faults,
    ],
    impossible: clock.impossible,
    token: async () => (await readFile(join(folder, "app-server-1", "command-line-token"), "utf8")).trim(),
    async untilReady() {
      await Promise.all(programs.map(program => program.untilReady()));
    },
    unasked: () => programs.reduce((sum, program) => sum + program.unasked(), 0),
    async close() {
      await Promise.all(roles.map(program => program.stop()));
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

function networkFaults(program: Program, number: number): readonly Fault[] {
  const victim = victimOf(`network-server-${number + 1}`, `network server ${number + 1}`, program, number);
  return [
    kill(victim, "uncommitted"),
    killTwice(victim, "uncommitted"),
    stop(victim, "unacknowledged"),
    // What it has not committed is a replay once the other server has accepted a newer frame of the device.
    freeze(victim, "uncommitted"),
  ];
}

function applicationFaults(program: Program, number: number): readonly Fault[] {
  const victim = victimOf(`app-server-${number + 1}`, `application server ${number + 1}`, program);
  return [kill, killTwice, stop, freeze].map(blow => blow(victim, "nothing"));
}

function joinFaults(program: Program): readonly Fault[] {
  const victim = victimOf("join-server", "the Join Server", program);
  return [kill(victim, "nothing"), freeze(victim, "nothing")];
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

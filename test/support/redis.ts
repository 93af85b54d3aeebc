import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

const program = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"].find(path =>
  existsSync(path),
);

/** Why tests on Redis cannot run here, if they cannot; in CI they must run. */
export const whyNoRedis: string | undefined = program === undefined ? "no redis-server is installed" : undefined;
if (whyNoRedis !== undefined && process.env.CI === "true") throw new Error(`in CI: ${whyNoRedis}`);

export interface TestRedis {
  readonly port: number;
  /** As in a power cut; what it had written to its append-only file stays. */
  kill(): Promise<void>;
  /** It stands still, as a machine that swaps does; its connections stay. */
  freeze(): void;
  thaw(): void;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  // A cluster's nodes talk on the port 10000 above, which has to exist.
  for (;;) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    server.close();
    await once(server, "close");
    if (typeof address === "object" && address !== null && address.port < 55_000) return address.port;
  }
}

/** A server of its own in a temporary folder, on loopback; `settings` as on its command line. */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "upchirp-redis-"));
  let process = await launch(port, folder, settings);
  const kill = async (): Promise<void> => {
    if (process.exitCode !== null || process.signalCode !== null) return;
    process.kill("SIGKILL");
    await once(process, "exit");
  };
  return {
    port,
    kill,
    freeze: () => void process.kill("SIGSTOP"),
    thaw: () => void process.kill("SIGCONT"),
    async restart() {
      await kill();
      process = await launch(port, folder, settings);
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(port: number, folder: string, settings: readonly string[]): Promise<ChildProcess> {
  if (program === undefined) throw new Error("no redis-server is installed");
  const fixed = ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder, "--save", "", "--appendonly", "yes"];
  const started = spawn(program, [...fixed, ...settings], { stdio: ["ignore", "pipe", "inherit"] });
  const givingUp = setTimeout(() => started.kill("SIGKILL"), 10_000);
  try {
    for await (const chunk of started.stdout.iterator({ destroyOnReturn: false })) {
      if (String(chunk).includes("Ready to accept connections")) return started;
    }
    throw new Error("redis-server ended before it was ready");
  } finally {
    clearTimeout(givingUp);
    started.stdout.resume();
  }
}

export interface TestCluster {
  readonly nodes: readonly TestRedis[];
  stop(): Promise<void>;
}

/** Three nodes that share the slots between them, without replicas. */
export async function startCluster(): Promise<TestCluster> {
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
  const nodes = await Promise.all([startRedis(settings), startRedis(settings), startRedis(settings)]);
  const clients = nodes.map(({ port }) => new Redis({ host: "127.0.0.1", port }));
  try {
    const bounds = [0, 5461, 10_923, 16_384];
    for (const [index, client] of clients.entries()) {
      await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      await client.call("CLUSTER", "ADDSLOTSRANGE", bounds[index] ?? 0, (bounds[index + 1] ?? 0) - 1);
    }
    for (const { port } of nodes) await clients[0]?.call("CLUSTER", "MEET", "127.0.0.1", port);
    for (const client of clients) await agreed(client);
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map(node => node.stop()));
    },
  };
}

/** Moves the slot of `key` with all it holds to the next node, while clients go on using it. */
export async function moveSlot({ nodes }: TestCluster, key: string): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis({ host: "127.0.0.1", port }));
  try {
    const ids = await Promise.all(clients.map(async client => String(await client.cluster("MYID"))));
    const slot = Number(await clients[0]?.cluster("KEYSLOT", key));
    const from = Math.min(2, Math.floor(slot / 5461));
    const to = (from + 1) % 3;
    const setSlot = (node: number, ...how: readonly string[]) =>
      clients[node]?.call("CLUSTER", "SETSLOT", slot, ...how);
    await setSlot(to, "IMPORTING", ids[from] ?? "");
    await setSlot(from, "MIGRATING", ids[to] ?? "");
    for (;;) {
      const keys: unknown = await clients[from]?.call("CLUSTER", "GETKEYSINSLOT", slot, 10);
      if (!Array.isArray(keys) || keys.length === 0) break;
      const target = ["127.0.0.1", String(nodes[to]?.port), "", "0", "5000"];
      await clients[from]?.call("MIGRATE", ...target, "KEYS", ...keys.map(String));
    }
    for (const node of [to, from, 3 - from - to]) await setSlot(node, "NODE", ids[to] ?? "");
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Until this node knows all three and all slots. */
async function agreed(client: Redis): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    const info = String(await client.cluster("INFO"));
    if (info.includes("cluster_state:ok") && info.includes("cluster_size:3")) return;
    await new Promise(resolve => setTimeout(resolve, 25));
  }
  throw new Error("the nodes of the cluster did not find each other in ten seconds");
}

/** Forgets everything that these servers hold. */
export async function emptyRedis(servers: readonly TestRedis[]): Promise<void> {
  await Promise.all(
    servers.map(async ({ port }) => {
      const client = new Redis({ host: "127.0.0.1", port });
      await client.flushall();
      client.disconnect();
    }),
  );
}

import { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { openRedisStore } from "../../../platform/state/redis.ts";
import type { StateStore } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf } from "../../contracts/state-store-values.ts";
import { startCluster, startRedis, type TestRedis, whyNoRedis } from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;
const devEui = devEuiOf(1);
const commit = (store: StateStore, expectedVersion: number, value: string) =>
  store.commit({ devEui, expectedVersion, value: bytes(value), devAddrs: [devAddrOf(1)] });

/** A server of its own with these settings, and stores on it that log to the same place. */
async function redisWith(settings: readonly string[]) {
  const server = await startRedis(settings);
  onTestFinished(() => server.stop());
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: line => lines.push(line) });
  const open = () => openOn({ url: `redis://127.0.0.1:${server.port}` }, log);
  const told = () => lines.filter(line => line.includes("may have lost its last changes")).length;
  return { server, open, told };
}

async function openOn(connection: Parameters<typeof openRedisStore>[0]["connection"], log = pino({ level: "silent" })) {
  const store = await openRedisStore({ connection, log, retryMs: 10_000 });
  onTestFinished(() => store.close());
  return store;
}

/** Any call finds out. */
const read = (store: StateStore) => store.device(devEui);

describe.skipIf(whyNoRedis !== undefined)(`losses of Redis${reason}`, () => {
  test("one that comes back and writes to its disk once a second may have lost something: counted once, told once", async () => {
    const { server, open, told } = await redisWith(["--appendfsync", "everysec"]);
    const [store, other] = [await open(), await open()];
    expect([store.lossCount(), other.lossCount()]).toEqual([0, 0]);
    await server.restart();
    await Promise.all([read(store), read(other)]);
    expect([store.lossCount(), other.lossCount(), told()]).toEqual([1, 1, 1]);
    await server.restart();
    await read(store);
    expect((await open()).lossCount()).toBe(2);
    await read(other);
    expect([store.lossCount(), other.lossCount(), told()]).toEqual([2, 2, 2]);
  });

  test("one that comes back while nobody was there has its loss found by who comes first", async () => {
    const { server, open, told } = await redisWith(["--appendfsync", "everysec"]);
    const store = await open();
    await commit(store, 0, "one");
    await store.close();
    await server.restart();
    expect((await open()).lossCount()).toBe(1);
    expect((await open()).lossCount()).toBe(1);
    expect(told()).toBe(1);
  });

  test("one whose every change is on its disk loses nothing", async () => {
    const { server, open, told } = await redisWith(["--appendfsync", "always"]);
    const store = await open();
    await commit(store, 0, "one");
    await server.restart();
    expect(await read(store)).toMatchObject({ version: 1 });
    expect([store.lossCount(), told()]).toEqual([0, 0]);
  });

  test("a connection that was lost is no loss", async () => {
    const { server, open } = await redisWith(["--appendfsync", "everysec"]);
    const store = await open();
    await cutConnections(server);
    await read(store);
    expect(store.lossCount()).toBe(0);
  });

  test("what was read before a loss cannot be committed any more, even when its version comes again", async () => {
    const { server, open } = await redisWith(["--appendfsync", "everysec"]);
    const store = await open();
    await commit(store, 0, "one");
    const before = await read(store);
    await server.restart();
    expect(await commit(store, before?.version ?? 0, "from before")).toEqual({ kind: "conflict" });
    const now = await read(store);
    expect(now?.version).toBeGreaterThan(before?.version ?? 0);
    expect(await commit(store, now?.version ?? 0, "two")).toEqual({
      kind: "committed",
      version: (now?.version ?? 0) + 1,
    });
  });

  test("a node of a cluster that comes back is found out too", async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.stop());
    const store = await openOn({ nodes: cluster.nodes.map(({ port }) => `redis://127.0.0.1:${port}`) });
    await commit(store, 0, "one");
    expect(store.lossCount()).toBe(0);
    for (const node of cluster.nodes) await node.restart();
    await expect.poll(() => read(store).then(() => store.lossCount()), { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await read(store)).toMatchObject({ devEui });
  });
});

async function cutConnections({ port }: TestRedis): Promise<void> {
  const admin = new Redis({ host: "127.0.0.1", port });
  await admin.call("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES");
  admin.disconnect();
}

import { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { openRedisStore } from "../../../platform/state/redis.ts";
import type { RedisConnection } from "../../../platform/state/redis-client.ts";
import type { StateStore } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf } from "../../contracts/state-store-values.ts";
import { startCluster, startRedis, type TestRedis, whyNoRedis } from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;
const numbers = Array.from({ length: 300 }, (_, n) => n);
// Has what would be a pattern in a search.
const keyPrefix = "[a]*?:";

/** Stores on the same servers that log to one place. */
function storesOn(connection: RedisConnection) {
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: line => lines.push(line) });
  return {
    async open(): Promise<StateStore> {
      const store = await openRedisStore({ connection, keyPrefix, log, retryMs: 10_000 });
      onTestFinished(() => store.close());
      return store;
    },
    /** How many entries the checks found missing. */
    missing: (): number =>
      lines.map(line => Number(/"missing":(\d+)/.exec(line)?.[1] ?? 0)).reduce((sum, each) => sum + each, 0),
  };
}

const commitAll = async (store: StateStore): Promise<void> => {
  for (const n of numbers) {
    await store.commit({ devEui: devEuiOf(n), expectedVersion: 0, value: bytes(`${n}`), devAddrs: [devAddrOf(n)] });
  }
};

const reachable = async (store: StateStore): Promise<number> =>
  (await Promise.all(numbers.map(n => store.devicesByDevAddr(devAddrOf(n))))).flat().length;

async function withEach(servers: readonly TestRedis[], action: (client: Redis) => Promise<unknown>): Promise<void> {
  for (const { port } of servers) {
    const client = new Redis({ host: "127.0.0.1", port });
    await action(client);
    client.disconnect();
  }
}

const dropIndex = (servers: readonly TestRedis[]): Promise<void> =>
  withEach(servers, async client => {
    for (const key of await client.keys("*{a*}")) await client.del(key);
  });

/** As if every instance had been away for long. */
const forgetChecks = (servers: readonly TestRedis[]): Promise<void> =>
  withEach(servers, async client => {
    for (const key of await client.keys("*index-checked")) await client.del(key);
  });

/** Until a check has come to its end. */
const checked = (servers: readonly TestRedis[]): Promise<void> =>
  expect
    .poll(
      async () => {
        const found: string[] = [];
        await withEach(servers, async client => found.push(...(await client.keys("*index-checked"))));
        return found.length;
      },
      { timeout: 10_000 },
    )
    .toBe(1);

describe.skipIf(whyNoRedis !== undefined)(`the check of the index in Redis${reason}`, () => {
  test("puts back what is missing when instances start, and says so", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const { open, missing } = storesOn({ url: `redis://127.0.0.1:${server.port}` });
    const store = await open();
    await commitAll(store);
    await store.close();
    await dropIndex([server]);
    await forgetChecks([server]);
    const [one, other] = await Promise.all([open(), open()]);
    await expect.poll(() => reachable(one), { timeout: 10_000 }).toBe(numbers.length);
    expect(await reachable(other)).toBe(numbers.length);
    await expect.poll(missing).toBe(numbers.length);
  });

  test("puts back what is missing on any node of a cluster after a loss, while the instances go on", async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.stop());
    const { open, missing } = storesOn({ nodes: cluster.nodes.map(({ port }) => `redis://127.0.0.1:${port}`) });
    const store = await open();
    await commitAll(store);
    await checked(cluster.nodes);
    await dropIndex(cluster.nodes);
    expect(await reachable(store)).toBe(0);
    await cluster.nodes[0]?.restart();
    await expect.poll(() => reachable(store), { timeout: 10_000 }).toBe(numbers.length);
    expect(store.lossCount()).toBe(1);
    await expect.poll(missing).toBe(numbers.length);
  });

  test("finds nothing missing where nothing is, and is broken off when the store is closed", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const { open, missing } = storesOn({ url: `redis://127.0.0.1:${server.port}` });
    const first = await open();
    await commitAll(first);
    await first.close();
    await forgetChecks([server]);
    await (await open()).close();
    const store = await open();
    await checked([server]);
    expect(await reachable(store)).toBe(numbers.length);
    expect(missing()).toBe(0);
  });
});

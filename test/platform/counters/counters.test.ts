import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../platform/clock.ts";
import { createLocalCounters } from "../../../platform/counters/local.ts";
import { openRedisCounters } from "../../../platform/counters/redis.ts";
import { createLog } from "../../../platform/log.ts";
import type { RedisConnection } from "../../../platform/state/redis-client.ts";
import { describeCounters } from "../../contracts/counters.ts";
import { startCluster, startRedis, type TestRedis, whyNoRedis } from "../../support/redis.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const log = createLog({ level: "silent" });

describeCounters("one process", async () => {
  const clock = createVirtualClock();
  const counters = createLocalCounters(clock);
  return { join: async () => counters, pass: ms => clock.advance(ms) };
});

test("the key that has been quiet the longest is forgotten first", async () => {
  const counters = createLocalCounters(createVirtualClock(), 2);
  for (const key of ["one", "two", "one", "three"]) await counters.count("tries", key, 1000);
  expect((await counters.count("tries", "one", 1000)).count).toBe(3);
  expect((await counters.count("tries", "two", 1000)).count).toBe(1);
});

describe.skipIf(whyNoRedis !== undefined)("with Redis", () => {
  let server: TestRedis;
  let stopCluster: () => Promise<void>;
  const connections: Record<string, RedisConnection> = {};
  beforeAll(async () => {
    const [single, cluster] = await Promise.all([startRedis(), startCluster()]);
    server = single;
    stopCluster = cluster.stop;
    connections.server = { url: `redis://127.0.0.1:${single.port}` };
    connections.cluster = { nodes: cluster.nodes.map(({ port }) => `redis://127.0.0.1:${port}`) };
  });
  afterAll(async () => {
    await Promise.all([server.stop(), stopCluster()]);
  });
  let prefixes = 0;
  const open = async (connection: RedisConnection | undefined) => {
    prefixes += 1;
    const keyPrefix = `test${prefixes}:`;
    if (connection === undefined) throw new Error("there is no Redis");
    return {
      join: () => openRedisCounters({ connection, keyPrefix, clock: systemClock, log, answerMs: 5_000 }),
      // Redis has a clock of its own.
      pass: (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms)),
    };
  };
  describeCounters("Redis", () => open(connections.server));
  describeCounters("Redis Cluster", () => open(connections.cluster));

  test("while Redis is away each process goes on from what it has counted itself, and back to the sum afterwards", async () => {
    const { join } = await open(connections.server);
    const [one, other] = [await join(), await join()];
    await one.count("tries", "key", 600_000);
    await other.count("tries", "key", 600_000);
    expect((await other.count("tries", "key", 600_000)).count).toBe(3);
    await server.kill();
    expect((await one.count("tries", "key", 600_000)).count).toBe(2);
    await one.forget("tries", "other");
    await server.restart();
    await expect
      .poll(async () => (await one.count("tries", "key", 600_000)).count, { timeout: 10_000 })
      .toBeGreaterThan(3);
    await Promise.all([one.close(), other.close()]);
  });
});

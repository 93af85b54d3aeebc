import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../../platform/clock.ts";
import { createLocalPeers } from "../../../platform/peers/local.ts";
import { openRedisPeers } from "../../../platform/peers/redis.ts";
import type { RedisConnection } from "../../../platform/state/redis-client.ts";
import { describePeers } from "../../contracts/peers.ts";
import { startCluster, startRedis, whyNoRedis } from "../../support/redis.ts";

describePeers("one process", async () => {
  const peers = createLocalPeers(systemClock);
  return { join: async () => peers.join({ isShared: true }), cleanup: async () => {} };
});

describe.skipIf(whyNoRedis !== undefined)("with Redis", () => {
  let stop: (() => Promise<void>)[] = [];
  const connections: Record<string, RedisConnection> = {};
  beforeAll(async () => {
    const [server, cluster] = await Promise.all([startRedis(), startCluster()]);
    connections.server = { url: `redis://127.0.0.1:${server.port}` };
    connections.cluster = { nodes: cluster.nodes.map(({ port }) => `redis://127.0.0.1:${port}`) };
    stop = [server.stop, cluster.stop];
  });
  afterAll(async () => {
    await Promise.all(stop.map(each => each()));
  });
  let prefixes = 0;
  const open = async (connection: RedisConnection | undefined) => {
    prefixes += 1;
    const keyPrefix = `test${prefixes}:`;
    if (connection === undefined) throw new Error("there is no Redis");
    return { join: () => openRedisPeers({ connection, keyPrefix }), cleanup: async () => {} };
  };
  describePeers("Redis", () => open(connections.server));
  describePeers("Redis Cluster", () => open(connections.cluster));
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../../platform/clock.ts";
import { createLocalLeases } from "../../../platform/leases/local.ts";
import { openRedisLeases } from "../../../platform/leases/redis.ts";
import { sharesOf } from "../../../platform/leases/shares.ts";
import { createLog } from "../../../platform/log.ts";
import { openRedisPeers } from "../../../platform/peers/redis.ts";
import type { RedisConnection } from "../../../platform/state/redis-client.ts";
import { partitionCount } from "../../../platform/state/store.ts";
import { describeLeases, type OpenLeases } from "../../contracts/leases.ts";
import { startCluster, startRedis, whyNoRedis } from "../../support/redis.ts";

const log = createLog({ level: "silent" });

/** A clock whose timers stop going off, as in a process that is frozen. */
function freezingClock() {
  let frozen = false;
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, action) => systemClock.after(delayMs, () => frozen || action()),
  };
  const freeze = async (): Promise<void> => {
    frozen = true;
  };
  return { clock, freeze };
}

let prefixes = 0;

async function open(connection: RedisConnection | undefined): Promise<OpenLeases> {
  if (connection === undefined) throw new Error("there is no Redis");
  prefixes += 1;
  const keyPrefix = `test${prefixes}:`;
  const closers: (() => Promise<void>)[] = [];
  return {
    hasSeveral: true,
    async join() {
      const { clock, freeze } = freezingClock();
      const peers = await openRedisPeers({ connection, keyPrefix });
      closers.push(peers.close);
      // Long enough for a machine that does other things too: who is late loses everything, and rightly.
      const leases = await openRedisLeases({ connection, keyPrefix, peers, log, clock, holdMs: 1500 });
      return { leases, vanish: freeze };
    },
    async cleanup() {
      await Promise.all(closers.map(close => close()));
    },
  };
}

describeLeases("one process", async () => ({
  join: async () => ({ leases: createLocalLeases(), vanish: async () => {} }),
  hasSeveral: false,
  cleanup: async () => {},
}));

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
  describeLeases("Redis", () => open(connections.server));
  describeLeases("Redis Cluster", () => open(connections.cluster));
});

test("shares are about equal, and one who comes or goes moves only its own", () => {
  const counts = (shares: readonly string[]) =>
    Object.values(Object.groupBy(shares, member => member)).map(of => of?.length ?? 0);
  const three = sharesOf(["a", "b", "c"]);
  expect(three).toHaveLength(partitionCount);
  for (const count of counts(three)) expect(Math.abs(count - partitionCount / 3)).toBeLessThan(25);
  const two = sharesOf(["a", "b"]);
  for (const [partition, member] of three.entries()) if (member !== "c") expect(two[partition]).toBe(member);
  expect(sharesOf(["c", "b", "a"])).toEqual(three);
});

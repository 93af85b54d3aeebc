import { afterAll, beforeAll, describe } from "vitest";
import { openRedisStore } from "../../../platform/state/redis.ts";
import type { RedisConnection } from "../../../platform/state/redis-client.ts";
import { describeStateStore } from "../../contracts/state-store.ts";
import { startCluster, startRedis, type TestRedis, whyNoRedis } from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;

let opened = 0;

/** Each under a prefix of its own: quicker than emptying the servers. */
async function openEmpty(connection: RedisConnection) {
  opened += 1;
  const keyPrefix = `test ${opened}:`;
  let store = await openRedisStore({ connection, keyPrefix });
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openRedisStore({ connection, keyPrefix });
      return store;
    },
    cleanup: () => store.close(),
  };
}

describe.skipIf(whyNoRedis !== undefined)(`on one server${reason}`, () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  describeStateStore("redis", () => openEmpty({ url: `redis://127.0.0.1:${server.port}` }));
});

describe.skipIf(whyNoRedis !== undefined)(`on a cluster of three${reason}`, () => {
  let nodes: readonly TestRedis[] = [];
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    ({ nodes, stop } = await startCluster());
  });
  afterAll(() => stop());
  describeStateStore("redis cluster", () => openEmpty({ nodes: nodes.map(({ port }) => `redis://127.0.0.1:${port}`) }));
});

import { afterAll, beforeAll, describe } from "vitest";
import { openRedisStore } from "../../../platform/state/redis.ts";
import type { RedisConnection } from "../../../platform/state/redis-client.ts";
import { describeStateStore } from "../../contracts/state-store.ts";
import { emptyRedis, startCluster, startRedis, type TestRedis, whyNoRedis } from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;

async function openEmpty(servers: readonly TestRedis[], connection: RedisConnection) {
  await emptyRedis(servers);
  let store = await openRedisStore({ connection });
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openRedisStore({ connection });
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
  describeStateStore("redis", () => openEmpty([server], { url: `redis://127.0.0.1:${server.port}` }));
});

describe.skipIf(whyNoRedis !== undefined)(`on a cluster of three${reason}`, () => {
  let nodes: readonly TestRedis[] = [];
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    ({ nodes, stop } = await startCluster());
  });
  afterAll(() => stop());
  describeStateStore("redis cluster", () =>
    openEmpty(nodes, { nodes: nodes.map(({ port }) => `redis://127.0.0.1:${port}`) }),
  );
});

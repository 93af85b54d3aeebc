import { Cluster } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openRedisStore } from "../../../platform/state/redis.ts";
import {
  connected,
  createClient,
  createGathering,
  type RedisConnection,
} from "../../../platform/state/redis-client.ts";
import { partitionOf } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf, eventTexts } from "../../contracts/state-store-values.ts";
import {
  emptyRedis,
  startCluster,
  startRedis,
  type TestCluster,
  type TestRedis,
  whyNoRedis,
} from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;
const devEui = devEuiOf(1);
const change = { devEui, expectedVersion: 0, value: bytes("one"), devAddrs: [devAddrOf(7)], events: [bytes("e")] };
const urlOf = (port: number): string => `redis://127.0.0.1:${port}`;

async function clientOf(connection: RedisConnection) {
  const client = createClient(connection, { silenceMs: 1000 });
  onTestFinished(() => client.disconnect());
  await connected(client, undefined, 5000);
  return client;
}

describe.skipIf(whyNoRedis !== undefined)(`connections to Redis${reason}`, () => {
  let server: TestRedis;
  let cluster: TestCluster;
  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startCluster()]);
  });
  afterAll(() => Promise.all([server.stop(), cluster.stop()]));
  beforeEach(() => emptyRedis([server, ...cluster.nodes]));

  test("a server that stands still counts as gone in time, and what waited happens once when it goes on", async () => {
    const connection = { url: urlOf(server.port) };
    const store = await openRedisStore({ connection, commandTimeoutMs: 200, retryMs: 10_000 });
    onTestFinished(() => store.close());
    const hasty = await openRedisStore({ connection, commandTimeoutMs: 200, retryMs: 300 });
    onTestFinished(() => hasty.close());
    server.freeze();
    onTestFinished(server.thaw);
    const waiting = store.commit(change);
    await expect(hasty.device(devEui)).rejects.toMatchObject({ code: "state_unavailable", retryable: true });
    server.thaw();
    expect(await waiting).toEqual({ kind: "committed", version: 1 });
    expect(await eventTexts(store, partitionOf(devEui))).toEqual(["e"]);
  });

  test("commands of one turn of the event loop leave together", async () => {
    const client = await clientOf({ url: urlOf(server.port) });
    if (!("stream" in client)) throw new Error("a single server has one connection");
    const gather = createGathering(client);
    gather();
    const first = client.get("a");
    gather();
    const second = client.get("b");
    expect(client.stream.writableCorked).toBe(1);
    expect(await Promise.all([first, second])).toEqual([null, null]);
    expect(client.stream.writableCorked).toBe(0);
    gather();
    expect(client.stream.writableCorked).toBe(1);
  });

  test("in a cluster they do for each node", async () => {
    const client = await clientOf({ nodes: cluster.nodes.map(({ port }) => urlOf(port)) });
    if (!(client instanceof Cluster)) throw new Error("several addresses are a cluster");
    const gather = createGathering(client);
    const keys = ["a", "b", "c", "d"];
    gather();
    expect(await Promise.all(keys.map(key => client.set(key, key)))).toEqual(["OK", "OK", "OK", "OK"]);
    const corked = () => client.nodes("all").map(({ stream }) => stream.writableCorked);
    gather();
    const answers = Promise.all(keys.map(key => client.get(key)));
    expect(corked()).toEqual([1, 1, 1]);
    expect(await answers).toEqual(keys);
    expect(corked()).toEqual([0, 0, 0]);
  });
});

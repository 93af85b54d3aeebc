import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openRedisStore } from "../../../platform/state/redis.ts";
import { partitionOf, type StateStore } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf } from "../../contracts/state-store-values.ts";
import { startCuttingProxy } from "../../support/cutting-proxy.ts";
import { emptyRedis, startRedis, type TestRedis, whyNoRedis } from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;
const devEui = devEuiOf(1);
const devAddr = devAddrOf(7);
const change = { devEui, expectedVersion: 0, value: bytes("the document"), devAddrs: [devAddr] };
const found = [{ devEui, version: 1, value: change.value }];

const partition = partitionOf(devEui).toString(16).padStart(2, "0");
const index = `upchirp:{a${devAddr}}`;
const intents = `upchirp:{p${partition}}:i:${devEui}`;

describe.skipIf(whyNoRedis !== undefined)(`the index of addresses in Redis${reason}`, () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => emptyRedis([server]));

  const open = async (port = server.port): Promise<StateStore> => {
    const store = await openRedisStore({ connection: { url: `redis://127.0.0.1:${port}` } });
    onTestFinished(() => store.close());
    return store;
  };
  const plain = (): Redis => {
    const client = new Redis({ host: "127.0.0.1", port: server.port });
    onTestFinished(() => client.disconnect());
    return client;
  };
  const openThroughProxy = async () => {
    const proxy = await startCuttingProxy(server.port);
    onTestFinished(() => proxy.close());
    return { proxy, store: await open(proxy.port) };
  };

  test("has the device when the first answer to its commit was lost", async () => {
    const { proxy, store } = await openThroughProxy();
    const cut = proxy.cutAfter("the document");
    const going = store.commit(change);
    await cut;
    expect(await going).toEqual({ kind: "committed", version: 1 });
    expect(await store.devicesByDevAddr(devAddr)).toEqual(found);
  });

  test("has the device when the answer that its entry was added was lost, and the intent with it", async () => {
    const { proxy, store } = await openThroughProxy();
    const client = plain();
    await client.ping();
    const cut = proxy.cutAfter(index);
    const going = store.commit(change);
    await cut;
    const [first] = await client.smembers(index);
    // From here on any reader may find that entry useless, and remove it at any later time.
    await client.del(intents);
    expect(await going).toEqual({ kind: "committed", version: 1 });
    await client.srem(index, first ?? "");
    expect(await store.devicesByDevAddr(devAddr)).toEqual(found);
  });

  test("has the device when Redis may have lost the entry, but not the intent, before the commit", async () => {
    const { proxy, store } = await openThroughProxy();
    const client = plain();
    await client.hset("upchirp:runs", "run server", "another");
    // Not for the check after a loss to mend.
    await client.set("upchirp:index-checked", 9);
    // The first asks which entries are to be added.
    const cut = proxy.cutBefore("the document", 2);
    const going = store.commit(change);
    await cut;
    expect(await client.del(index)).toBe(1);
    expect(await going).toMatchObject({ kind: "committed" });
    expect(store.lossCount()).toBe(1);
    expect(await store.devicesByDevAddr(devAddr)).toMatchObject([{ devEui }]);
  });

  test("keeps nothing of a commit that came too late", async () => {
    const { proxy, store } = await openThroughProxy();
    const other = await open();
    const client = plain();
    const cut = proxy.cutAfter(index);
    const going = store.commit(change);
    await cut;
    await other.commit({ ...change, devAddrs: [] });
    expect(await going).toEqual({ kind: "conflict" });
    await expect.poll(() => client.exists(index)).toBe(0);
  });

  test("entries of the index that no commit needs are kept from readers and removed", async () => {
    const store = await open();
    await store.commit(change);
    const client = plain();
    // As an instance leaves it that was killed between the index and the commit.
    await client.sadd(index, `${devEuiOf(2)}deadbeef1`, `${devEui}deadbeef2`);
    expect(await store.devicesByDevAddr(devAddr)).toEqual(found);
    await expect.poll(() => client.scard(index)).toBe(1);
    await store.commit({ ...change, expectedVersion: 1, devAddrs: [devAddrOf(8)] });
    await expect.poll(() => client.exists(index)).toBe(0);
  });

  test("an entry of the index whose commit is still under way stays", async () => {
    const store = await open();
    const client = plain();
    await client.sadd(intents, "underway1");
    await client.sadd(index, `${devEui}underway1`, `${devEui}dead1`);
    expect(await store.devicesByDevAddr(devAddr)).toEqual([]);
    await expect.poll(() => client.smembers(index)).toEqual([`${devEui}underway1`]);
  });
});

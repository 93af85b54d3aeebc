import { once } from "node:events";
import { createServer } from "node:tls";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { DevEui } from "../../../lorawan/ids.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { openRedisStore, type RedisStoreOptions } from "../../../platform/state/redis.ts";
import { partitionOf, type StateStore } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf, devEuisIn, eventTexts, text } from "../../contracts/state-store-values.ts";
import { startCuttingProxy } from "../../support/cutting-proxy.ts";
import {
  emptyRedis,
  moveSlot,
  startCluster,
  startRedis,
  type TestCluster,
  type TestRedis,
  whyNoRedis,
} from "../../support/redis.ts";

const reason = whyNoRedis === undefined ? "" : ` (left out: ${whyNoRedis})`;
const devEui = devEuiOf(1);
const change = { devEui, expectedVersion: 0, value: bytes("one"), devAddrs: [devAddrOf(7)], wakeAtMs: 5 };

function capturingLog() {
  const lines: string[] = [];
  return { lines, log: pino({ level: "debug" }, { write: line => lines.push(line) }) };
}

const urlOf = (port: number, user = ""): string => `redis://${user}127.0.0.1:${port}`;

describe.skipIf(whyNoRedis !== undefined)(`the store on Redis${reason}`, () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => emptyRedis([server]));

  const open = async (options: Partial<RedisStoreOptions> = {}): Promise<StateStore> => {
    const store = await openRedisStore({ connection: { url: urlOf(server.port) }, ...options });
    onTestFinished(() => store.close());
    return store;
  };
  const plain = (): Redis => {
    const client = new Redis({ host: "127.0.0.1", port: server.port });
    onTestFinished(() => client.disconnect());
    return client;
  };

  test("conflicts are counted, and the time that commits took", async () => {
    const metrics = createMetrics();
    const store = await open({ metrics });
    await store.commit({ ...change, expectedVersion: 5 });
    await store.commit(change);
    expect((await metrics.storeConflicts.get()).values).toMatchObject([{ value: 1 }]);
    expect((await metrics.storeCommitSeconds.get()).values.at(-1)).toMatchObject({ value: 2 });
  });

  test("a commit whose answer was lost is sent again, answers as it would have, and happens once", async () => {
    const proxy = await startCuttingProxy(server.port);
    onTestFinished(() => proxy.close());
    const store = await open({ connection: { url: urlOf(proxy.port) } });
    const cut = proxy.cutAfter("an event of note");
    const outcome = await store.commit({ ...change, devAddrs: [], events: [bytes("an event of note")] });
    await cut;
    expect(outcome).toEqual({ kind: "committed", version: 1 });
    expect(await eventTexts(store, partitionOf(devEui))).toEqual(["an event of note"]);
    expect(await store.device(devEui)).toMatchObject({ version: 1 });
  });

  test("a removal, an enqueue and a flush whose answers were lost happen once", async () => {
    const proxy = await startCuttingProxy(server.port);
    onTestFinished(() => proxy.close());
    const store = await open({ connection: { url: urlOf(proxy.port) } });
    const entry = { id: "entry-to-lose", value: bytes("v") };
    const cutEnqueue = proxy.cutAfter("entry-to-lose");
    expect(await store.enqueue(devEui, entry, 1)).toBe(true);
    await cutEnqueue;
    const cutRemoval = proxy.cutAfter("entry-to-lose");
    expect(await store.removeQueued(devEui, "entry-to-lose")).toBe(true);
    await cutRemoval;
    await store.enqueue(devEui, entry, 1);
    const cutFlush = proxy.cutAfter(devEui);
    expect(await store.flushQueue(devEui)).toBe(1);
    await cutFlush;
    await store.commit(change);
    const cutDelete = proxy.cutAfter("the device is gone");
    const removal = { devEui, expectedVersion: 1, value: null, devAddrs: [], events: [bytes("the device is gone")] };
    expect(await store.commit(removal)).toEqual({ kind: "committed", version: 0 });
    await cutDelete;
    expect(await eventTexts(store, partitionOf(devEui))).toEqual(["the device is gone"]);
  });

  test("a commit sent again after another instance went on from it is committed, not a conflict", async () => {
    const proxy = await startCuttingProxy(server.port);
    onTestFinished(() => proxy.close());
    const [store, other] = [await open({ connection: { url: urlOf(proxy.port) } }), await open()];
    const cut = proxy.cutAfter("mine");
    // The first pause of the retry is longer than a turn of the loop, in which the other commits.
    const going = store.commit({ ...change, devAddrs: [], events: [bytes("mine")] });
    await cut;
    expect(await other.commit({ ...change, expectedVersion: 1, value: bytes("two") })).toMatchObject({ version: 2 });
    expect(await going).toEqual({ kind: "committed", version: 1 });
    expect(await store.device(devEui)).toMatchObject({ version: 2, value: bytes("two") });
  });

  test.each(["always", "everysec"])(
    "a server with appendfsync %s that is killed in the middle of many commits loses and repeats none of those that resolved",
    async appendfsync => {
      const own = await startRedis(["--appendfsync", appendfsync]);
      onTestFinished(() => own.stop());
      const store = await open({ connection: { url: urlOf(own.port) }, retryMs: 10_000 });
      const numbers = Array.from({ length: 400 }, (_, n) => n);
      const middle = Promise.withResolvers<void>();
      let committed = 0;
      const writing = numbers.map(async n => {
        await new Promise(resolve => setTimeout(resolve, n));
        const device = devEuiOf(n);
        await store.enqueue(device, { id: "a", value: bytes("a") }, 1);
        const devAddrs = [devAddrOf(n)];
        const events = [bytes(device)];
        const queue = [{ kind: "remove" as const, id: "a" }];
        const outcome = await store.commit({
          devEui: device,
          expectedVersion: 0,
          value: bytes(device),
          devAddrs,
          wakeAtMs: n,
          events,
          queue,
        });
        committed += 1;
        if (committed === 100) middle.resolve();
        return outcome;
      });
      await middle.promise;
      expect(committed).toBeLessThan(numbers.length);
      await own.restart();
      const outcomes = await Promise.all(writing);
      expect(outcomes.every(outcome => outcome.kind === "committed")).toBe(true);
      expect(await store.dueDevices(1000, 1000)).toEqual(numbers.map(devEuiOf));
      for (const n of numbers) {
        const [found] = await store.devicesByDevAddr(devAddrOf(n));
        expect(found && text(found.value)).toBe(devEuiOf(n));
        expect(await store.queue(devEuiOf(n))).toEqual([]);
      }
      const logged = await Promise.all(Array.from({ length: 256 }, (_, partition) => eventTexts(store, partition)));
      expect(logged.flat().sort()).toEqual(numbers.map(devEuiOf));
    },
  );

  test("a server that stays away is said to be unavailable, and nothing was changed", async () => {
    const own = await startRedis();
    onTestFinished(() => own.stop());
    const store = await open({ connection: { url: urlOf(own.port) }, retryMs: 300 });
    await own.kill();
    await expect(store.commit(change)).rejects.toMatchObject({ code: "state_unavailable", retryable: true });
    await own.restart();
    await expect.poll(() => store.device(devEui).catch(() => "not yet")).toBeUndefined();
  });

  test("another instance hears of events and enqueues by message, and each enqueue once", async () => {
    const [store, other] = [await open(), await open()];
    const [events, enqueued]: [number[], string[]] = [[], []];
    other.onEvents(partition => events.push(partition));
    other.onEnqueued(each => enqueued.push(each));
    await store.commit({ ...change, events: [bytes("e")] });
    await store.enqueue(devEui, { id: "a", value: bytes("a") }, 9);
    await store.enqueue(devEuiOf(2), { id: "a", value: bytes("a") }, 9);
    await expect.poll(() => enqueued).toEqual([devEui, devEuiOf(2)]);
    expect(events).toEqual([partitionOf(devEui)]);
  });

  test("what no message told is found by looking", async () => {
    const [store, other] = [await open(), await open({ lookEveryMs: 50 })];
    const [events, enqueued]: [Set<number>, string[]] = [new Set(), []];
    other.onEvents(partition => events.add(partition));
    other.onEnqueued(each => enqueued.push(each));
    // Ends every connection that subscribes and refuses messages to whoever comes back.
    const admin = plain();
    await admin.call("ACL", "SETUSER", "default", "resetchannels");
    onTestFinished(async () => {
      await admin.call("ACL", "SETUSER", "default", "allchannels");
    });
    await store.enqueue(devEui, { id: "a", value: bytes("a") }, 9);
    await store.commit({ ...change, events: [bytes("e")] });
    await expect.poll(() => enqueued).toEqual([devEui]);
    await expect.poll(() => [...events]).toEqual([partitionOf(devEui)]);
  });

  test("a wrong password is refused at once, and neither error nor log tells it", async () => {
    const own = await startRedis(["--requirepass", "right"]);
    onTestFinished(() => own.stop());
    const { lines, log } = capturingLog();
    const connection = { url: urlOf(own.port, "default:not-the-password@") };
    const fault: unknown = await openRedisStore({ connection, log }).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "state_refused", retryable: false });
    expect(`${JSON.stringify(fault)} ${String(fault)} ${lines.join(" ")}`).not.toContain("not-the-password");
    await expect(openRedisStore({ connection: { url: urlOf(own.port) } })).rejects.toMatchObject({
      code: "state_refused",
    });
    const store = await open({ connection: { url: urlOf(own.port, ":right@") } });
    expect(await store.device(devEui)).toBeUndefined();
  });

  test("an address that is none is refused without being repeated", async () => {
    for (const url of ["http://:hidden@host", "redis//:hidden@host", "redis://:hidden@host/zero", ""]) {
      const fault: unknown = await openRedisStore({ connection: { url } }).catch((error: unknown) => error);
      expect(fault).toMatchObject({ code: "malformed_value" });
      expect(String(fault)).not.toContain("hidden");
    }
  });

  test("a server that is not there is said to be unavailable in time", async () => {
    const opening = openRedisStore({ connection: { url: "redis://127.0.0.1:1" }, retryMs: 300 });
    await expect(opening).rejects.toMatchObject({ code: "state_unavailable" });
  });

  test("a server with which no TLS connection can be made is refused at once", async () => {
    // Without a certificate it refuses every handshake.
    const withoutCertificate = createServer();
    withoutCertificate.listen(0, "127.0.0.1");
    await once(withoutCertificate, "listening");
    onTestFinished(() => void withoutCertificate.close());
    const address = withoutCertificate.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const opening = openRedisStore({ connection: { url: `rediss://:hidden@127.0.0.1:${port}` } });
    await expect(opening).rejects.toMatchObject({ code: "state_refused", message: expect.stringContaining("TLS") });
  });

  test("what a crash can lose with the server's settings is logged when it is opened", async () => {
    const careless = await startRedis(["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]);
    onTestFinished(() => careless.stop());
    const logged = async (port: number): Promise<string> => {
      const { lines, log } = capturingLog();
      await open({ connection: { url: urlOf(port) }, log });
      return lines.join("");
    };
    expect(await logged(careless.port)).toMatch(/no append-only file(.|\n)*throw devices away/);
    expect(await logged(server.port)).toContain("changes of the last second");
    await plain().config("SET", "appendfsync", "always");
    expect(await logged(server.port)).toBe("");
  });

  test("what a newer version wrote is left alone", async () => {
    await plain().set("upchirp:format", "2");
    const opening = openRedisStore({ connection: { url: urlOf(server.port) } });
    await expect(opening).rejects.toMatchObject({ code: "state_format_newer" });
  });

  test("two prefixes on one server do not see each other", async () => {
    const [store, other] = [await open({ keyPrefix: "a:" }), await open({ keyPrefix: "b:" })];
    await store.commit(change);
    expect(await other.device(devEui)).toBeUndefined();
    expect(await other.devicesByDevAddr(devAddrOf(7))).toEqual([]);
  });
});

describe.skipIf(whyNoRedis !== undefined)(`the store on a cluster of three${reason}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  test("a node that comes back is found again, and other instances hear by message", async () => {
    const connection = { nodes: cluster.nodes.map(({ port }) => urlOf(port)) };
    const store = await openRedisStore({ connection, retryMs: 10_000 });
    onTestFinished(() => store.close());
    const other = await openRedisStore({ connection, lookEveryMs: 600_000 });
    onTestFinished(() => other.close());
    const heard = new Set<number>();
    other.onEvents(partition => heard.add(partition));
    const devEuis = Array.from({ length: 60 }, (_, n) => devEuiOf(n));
    const commitAll = (expectedVersion: number) =>
      Promise.all(
        devEuis.map(async (each, n) => {
          const change = {
            ...{ devEui: each, expectedVersion, value: bytes(each) },
            devAddrs: [devAddrOf(n + expectedVersion)],
            events: [bytes(`${each} ${expectedVersion}`)],
          };
          const outcome = await store.commit(change);
          if (outcome.kind === "committed") return outcome;
          // What was read before a node came back with a loss has to be read again.
          return store.commit({ ...change, expectedVersion: (await store.device(each))?.version ?? 0 });
        }),
      );
    expect((await commitAll(0)).every(({ kind }) => kind === "committed")).toBe(true);
    await expect.poll(() => heard).toEqual(new Set(devEuis.map(partitionOf)));

    const restarted = cluster.nodes[1]?.restart();
    const outcomes = await commitAll(1);
    await restarted;
    expect(outcomes.every(({ kind }) => kind === "committed")).toBe(true);
    for (const [n, each] of devEuis.entries()) {
      expect((await store.devicesByDevAddr(devAddrOf(n + 1))).map(found => found.devEui)).toEqual([each]);
    }
    const logged = await Promise.all(Array.from({ length: 256 }, (_, partition) => eventTexts(store, partition)));
    expect(logged.flat().sort()).toEqual(devEuis.flatMap(each => [`${each} 0`, `${each} 1`]));
  });

  test("commits go on, once each and in order, while a partition's slot moves to another node", async () => {
    const connection = { nodes: cluster.nodes.map(({ port }) => urlOf(port)) };
    const store = await openRedisStore({ connection, retryMs: 10_000, keyPrefix: "moved:" });
    onTestFinished(() => store.close());
    const partition = 42;
    const devEuis = devEuisIn(partition, 30);
    await store.enqueue(devEuis[0] ?? devEui, { id: "a", value: bytes("a") }, 1);
    let moved = false;
    const commitUntilMoved = async (each: DevEui): Promise<readonly string[]> => {
      const written: string[] = [];
      for (let last = false; !last; ) {
        last = moved;
        const expectedVersion = written.length;
        const event = `${each} ${expectedVersion}`;
        const change = { devEui: each, expectedVersion, value: bytes("x"), devAddrs: [], events: [bytes(event)] };
        expect(await store.commit(change)).toEqual({ kind: "committed", version: expectedVersion + 1 });
        written.push(event);
      }
      return written;
    };
    const moving = moveSlot(cluster, "moved:{p2a}:log").then(() => {
      moved = true;
    });
    const written = await Promise.all(devEuis.map(commitUntilMoved));
    await moving;
    const logged = await eventTexts(store, partition);
    for (const [n, each] of devEuis.entries()) {
      expect(logged.filter(entry => entry.startsWith(each))).toEqual(written[n]);
    }
    expect(await store.queue(devEuis[0] ?? devEui)).toHaveLength(1);
  });
});

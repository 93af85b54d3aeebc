import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import { openRedisStore } from "../../platform/state/redis.ts";
import { partitionCount } from "../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf } from "../contracts/state-store-values.ts";
import { startRedis, whyNoRedis } from "../support/redis.ts";
import { runUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const devices = 4000;

test.skipIf(whyNoRedis !== undefined)(
  "the embedded state is all in Redis, each event once, after a migration that was killed and run again",
  async () => {
    const dataFolder = temporaryFolder();
    const folder = join(dataFolder, "state");
    const embedded = await openLmdbStore({ folder });
    await Promise.all(
      Array.from({ length: devices }, async (_, n) => {
        const change = { devEui: devEuiOf(n), value: bytes(`device ${n}`), devAddrs: [devAddrOf(n % 1000)] };
        await embedded.commit({ ...change, expectedVersion: 0, events: [bytes(`event ${n}`)] });
        await embedded.enqueue(devEuiOf(n), { id: "item", value: bytes("x") }, 10);
      }),
    );
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const url = `redis://127.0.0.1:${redis.port}`;
    const command = ["migrate-state", "--data", dataFolder, "--log-level", "error", "--set", `state.redis.url=${url}`];

    const inUse = runUpchirp(command);
    expect(await inUse.exited).toBe(1);
    expect(inUse.output()).toContain("is in use by process");
    await embedded.close();

    const killed = runUpchirp(command);
    await killed.seen(/64 of 256 partitions/);
    killed.child.kill("SIGKILL");
    await killed.exited;
    expect(existsSync(folder)).toBe(true);

    const second = runUpchirp(command);
    expect(await second.exited).toBe(0);
    expect(second.output()).toContain(`${devices} devices, ${devices} waiting downlinks and ${devices} events`);
    expect(existsSync(folder)).toBe(false);
    const third = runUpchirp(command);
    expect(await third.exited).toBe(0);
    expect(third.output()).toContain("has been migrated already");

    const store = await openRedisStore({ connection: { url } });
    onTestFinished(() => store.close());
    const partitions = Array.from({ length: partitionCount }, (_, partition) =>
      store.readEvents(partition, "", 10_000),
    );
    const texts = (await Promise.all(partitions)).flat().map(({ value }) => Buffer.from(value).toString());
    expect(texts.sort()).toEqual(Array.from({ length: devices }, (_, n) => `event ${n}`).sort());
    expect(await store.devicesByDevAddr(devAddrOf(7))).toHaveLength(devices / 1000);
    expect(await store.queue(devEuiOf(devices - 1))).toHaveLength(1);
  },
);

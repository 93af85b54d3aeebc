import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { openRedisSource } from "../../migration/chirpstack/redis.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { startRedis, whyNoRedis } from "../support/redis.ts";
import { createCarriedLife, oldSession } from "./support/carried-life.ts";
import { sourceOf } from "./support/chirpstack-source.ts";
import { sessionMessage } from "./support/session-message.ts";

const devEui = "0102030405060708";

test.skipIf(whyNoRedis !== undefined)(
  "sessions are found in Redis under ChirpStack's keys and its prefix",
  async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const url = `redis://127.0.0.1:${server.port}`;
    const client = new Redis(url);
    const message = sessionMessage(oldSession(), { macVersion: 3, nFCntDown: 77, fCntUp: 1234 });
    await client.set(`town:device:{${devEui}}:ds`, Buffer.from(message));
    client.disconnect();
    const life = await createCarriedLife();
    const redis = await openRedisSource(url, "town:");
    const { faults } = await life.migrate(await sourceOf([{ devEui }], { generation: "4.6", redis }));
    expect(faults).toEqual([]);
    const { active } = decodeDeviceState((await life.store.device(parseDevEui(devEui)))?.value ?? new Uint8Array());
    expect(active).toMatchObject({ fCntUp: 1234, nFCntDown: 77 });
  },
);

test("a Redis that does not answer is told by name", async () => {
  await expect(openRedisSource("redis://127.0.0.1:1", "")).rejects.toMatchObject({
    code: "migration_source",
    message: expect.stringContaining("--from-redis"),
  });
});

import { createDownlinkQueue } from "../../app-server/downlink.ts";
import type { EncodeOutcome, TwinCodec } from "../../app-server/ports.ts";
import { createTwinStore } from "../../app-server/storage/twins.ts";
import { createTwinDriver } from "../../app-server/twin/driver.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import { type Clock, sleep, systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createPostgres } from "../../platform/postgres.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import { partitionOf } from "../../platform/state/store.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";

/**
 * A process to be killed: brings the desired states of devices from the database to their queues in `folder`. At the step that
 * is named it prints `stopped` and goes no further; without one it prints what there is once a downlink waits for each.
 */
const [folder = "", connectionString = "", ids = "", stopAt = "", aheadMs = "0"] = process.argv.slice(2);

const devEuis = ids.split(",").map(parseDevEui);
const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + Number(aheadMs) };
const log = createLog({ level: "silent" });
const metrics = createMetrics();
const sql = createPostgres({ connection: { connectionString }, log, clock, maxConnections: 4 });
const state = await openLmdbStore({ folder });
const twins = createTwinStore(sql);

async function step<Result>(name: string, result: Result): Promise<Result> {
  if (name !== stopAt) return result;
  process.stdout.write("stopped\n");
  return new Promise(() => undefined);
}

const failed = async () => ({ kind: "failed", message: "not used here" }) as const;
const sandbox: TwinCodec = {
  encodeDesired: (_codec, { desired }): Promise<EncodeOutcome> =>
    step("encoded", { kind: "encoded", fPort: 20, bytes: Uint8Array.of(Number(desired.level)), warnings: [] }),
};
const codec = { kind: "javascript", script: "" } as const;
const directory = { device: async (devEui: DevEui) => directoryDevice(codec, { devEui }) };
const queue = createDownlinkQueue({
  store: state,
  directory,
  network: {
    session: async () => undefined,
    downlinkSession: async () => undefined,
    mostPayload: async () => undefined,
  },
  vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
  sandbox: { decode: failed, decodeDownlink: failed, encode: failed, close: async () => undefined },
  clock,
});
const driver = createTwinDriver({
  store: twins,
  directory,
  queue: {
    ...queue,
    async enqueueAlone(device, request) {
      await step("written", undefined);
      return step("queued", await queue.enqueueAlone(device, request));
    },
  },
  sandbox,
  outlets: [],
  policy: { firstRetryMs: 60_000, longestRetryMs: 3_600_000, maxAirtimeMs: 10_000 },
  lookEveryMs: 50,
  clock,
  log,
  metrics,
});
for (const devEui of devEuis) driver.holder.acquired(partitionOf(devEui));
await driver.start();

const look = () =>
  Promise.all(devEuis.map(async devEui => ({ items: await queue.list(devEui), twin: await twins.get(devEui) })));
// For a few looks of the driver: nothing more comes after it.
for (let calm = 0; calm < 5; ) {
  await sleep(clock, 50);
  const isThere = (await look()).every(({ items, twin }) => items.some(({ id }) => id === twin?.delivery.itemId));
  calm = isThere ? calm + 1 : 0;
}
process.stdout.write(`${JSON.stringify(await look())}\n`);

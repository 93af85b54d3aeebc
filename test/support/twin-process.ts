import { createDownlinkQueue } from "../../app-server/downlink.ts";
import type { EncodeOutcome, TwinCodec } from "../../app-server/ports.ts";
import { createTwinStore } from "../../app-server/storage/twins.ts";
import { createTwinDriver } from "../../app-server/twin/driver.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import { type Clock, sleep, systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createPostgres } from "../../platform/postgres.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import { partitionCount } from "../../platform/state/store.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";

/**
 * A process to be killed: brings the desired state in the database at `url` to the device's queue in `folder`. At the step
 * that is named it prints `stopped` and goes no further; without one it prints what there is once a downlink waits.
 */
const [folder = "", connectionString = "", id = "", stopAt = "", aheadMs = "0"] = process.argv.slice(2);

const devEui = parseDevEui(id);
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
const directory = { device: async () => directoryDevice({ kind: "javascript", script: "" }, { devEui }) };
const queue = createDownlinkQueue({
  store: state,
  directory,
  network: { session: async () => undefined, downlinkSession: async () => undefined },
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
for (let partition = 0; partition < partitionCount; partition += 1) driver.holder.acquired(partition);
await driver.start();

for (let looks = 0; looks < 5; ) {
  await sleep(clock, 50);
  const [items, twin] = [await queue.list(devEui), await twins.get(devEui)];
  looks = items.some(item => item.id === twin?.delivery.itemId) ? looks + 1 : 0;
}
const [items, twin] = [await queue.list(devEui), await twins.get(devEui)];
process.stdout.write(`${JSON.stringify({ items, twin })}\n`);

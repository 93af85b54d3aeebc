import { createDelivery } from "../../app-server/delivery/engine.ts";
import { createEventConsumer } from "../../app-server/events.ts";
import { createOutbound } from "../../app-server/integration/outbound.ts";
import { httpSink } from "../../app-server/integration/sinks/http.ts";
import { createSinks } from "../../app-server/integration/sinks.ts";
import type { CodecSandbox } from "../../app-server/ports.ts";
import { createDeliveryQueue } from "../../app-server/storage/delivery-queue.ts";
import { createIntegrationCatalog } from "../../app-server/storage/integrations.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { parseApplicationId, parseDeviceProfileId, parseTenantId } from "../../lorawan/ids.ts";
import { sleep, systemClock } from "../../platform/clock.ts";
import { createLocalLeases } from "../../platform/leases/local.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createPostgres } from "../../platform/postgres.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import { partitionCount } from "../../platform/state/store.ts";

/**
 * A process to be killed: takes the events of the log in `folder` into the queues of the integrations in the database at `url`, and
 * sends them. Prints `open` once it does, and `empty` when nothing is left in the log.
 */
const [folder = "", connectionString = "", tenantId = "", applicationId = ""] = process.argv.slice(2);

const clock = systemClock;
const log = createLog({ level: "silent" });
const metrics = createMetrics();
const sql = createPostgres({ connection: { connectionString }, log, clock, maxConnections: 4 });
const store = await openLmdbStore({ folder });
const keys = { current: { id: "00000000", key: new Uint8Array(32) }, older: [] };
const leases = createLocalLeases();
const sinks = createSinks({
  kinds: [httpSink],
  outbound: createOutbound(["127.0.0.0/8"]),
  commands: { down: async () => ({ kind: "refused", message: "no commands here" }) },
  isShared: false,
  clock,
  log,
});
const sandbox: CodecSandbox = {
  decode: async () => ({ kind: "failed", message: "no codecs here" }),
  decodeDownlink: async () => ({ kind: "failed", message: "no codecs here" }),
  encode: async () => ({ kind: "failed", message: "no codecs here" }),
  close: async () => undefined,
};
const delivery = createDelivery({
  catalog: createIntegrationCatalog(sql, keys),
  queue: createDeliveryQueue(sql),
  sinks,
  leases,
  clock,
  log,
  metrics,
  backOff: { firstMs: 20, longestMs: 200, random: Math.random },
});
const events = createEventConsumer({
  store,
  leases,
  directory: {
    deviceIn: async () => undefined,
    device: async devEui => ({
      info: {
        tenantId: parseTenantId(tenantId),
        tenantName: "T",
        applicationId: parseApplicationId(applicationId),
        applicationName: "greenhouse",
        deviceProfileId: parseDeviceProfileId("14855bf7-d10d-4aee-b618-ebfcb64dc7ad"),
        deviceProfileName: "thermometer",
        deviceName: devEui,
        devEui,
        deviceClassEnabled: "CLASS_A",
        tags: {},
      },
      codec: { kind: "none" },
      variables: {},
    }),
  },
  vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
  sandbox,
  sinks: [delivery.sink],
  followers: [delivery.holder],
  clock,
  log,
  metrics,
});
await delivery.start();
await events.start();
process.stdout.write("open\n");

const isEmpty = async (): Promise<boolean> => {
  for (let partition = 0; partition < partitionCount; partition += 1) {
    if ((await store.readEvents(partition, "", 1)).length > 0) return false;
  }
  return true;
};
while (!(await isEmpty())) await sleep(clock, 50);
process.stdout.write("empty\n");

import { createEventConsumer } from "../../app-server/events.ts";
import { createEventKeeper } from "../../app-server/history/event-keeper.ts";
import { createHistoryIntake } from "../../app-server/history/intake.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLocalLeases } from "../../platform/leases/local.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createPostgres } from "../../platform/postgres.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";

/**
 * A process to be killed: takes what the state store's event log has into the history of a database, and prints a line for
 * each batch that it has been given.
 */
const [folder = "", connection = "{}"] = process.argv.slice(2);
const log = createLog({ level: "silent" });
const metrics = createMetrics();
const clock = systemClock;
const sql = createPostgres({ connection: JSON.parse(connection), log, clock });
const intake = createHistoryIntake(sql, clock, {
  eventDays: 3650,
  frameDays: 1,
  measurementDays: 1,
  maxMegabytes: 1000,
});
const keeper = createEventKeeper({ intake, metrics });
const failed = async () => ({ kind: "failed", message: "" }) as const;
const consumer = createEventConsumer({
  store: await openLmdbStore({ folder }),
  leases: createLocalLeases(),
  directory: {
    device: async devEui => directoryDevice({ kind: "none" }, { devEui }),
    deviceIn: async (_applicationId, devEui) => directoryDevice({ kind: "none" }, { devEui }),
  },
  vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
  sandbox: { decode: failed, decodeDownlink: failed, encode: failed, close: async () => undefined },
  sinks: [],
  history: {
    keeper: {
      async keep(events) {
        process.stdout.write(`${events.length}\n`);
        await keeper.keep(events);
      },
    },
    maxBacklog: 1_000_000,
  },
  clock,
  log,
  metrics,
});
await consumer.start();

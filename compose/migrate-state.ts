import { existsSync, renameSync } from "node:fs";
import { ConfigError } from "../platform/errors.ts";
import { createMetrics } from "../platform/metrics.ts";
import { openLmdbSource } from "../platform/state/lmdb-source.ts";
import { migrateState } from "../platform/state/migrate-state.ts";
import type { Config } from "./config.ts";
import { openState, stateFolder } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Brings the embedded state of the data folder into the Redis of the configuration, and puts the folder aside. `write` gets
 * lines for the operator. Throws UpchirpError; then nothing of the old state has changed, and the command can be repeated.
 */
export async function migrateToRedis(
  config: Config,
  surroundings: Pick<Surroundings, "log" | "clock">,
  write: (text: string) => void,
): Promise<void> {
  if (config.state.redis === undefined) {
    throw new ConfigError("state.redis.url: name the Redis that is to take the state over");
  }
  const folder = stateFolder(config);
  const aside = `${folder}-migrated`;
  if (!existsSync(folder) && existsSync(aside)) {
    write(`The state has been migrated already; the old one is in ${aside}.\n`);
    return;
  }
  const source = await openLmdbSource(folder);
  try {
    const target = await openState(config, surroundings, createMetrics());
    try {
      const done = await migrateState(source, target, ({ partitions, devices, events }) => {
        if (partitions % 32 === 0) write(`${partitions} of 256 partitions: ${devices} devices, ${events} events\n`);
      });
      write(`${done.devices} devices, ${done.queued} waiting downlinks and ${done.events} events are in Redis now.\n`);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  // An old state is not harmless: counters would go back with it.
  renameSync(folder, aside);
  write(`The old state is in ${aside}; delete it once all is well.\n`);
}

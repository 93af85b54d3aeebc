import { join } from "node:path";
import type { Counters } from "../platform/counters/counters.ts";
import { createLocalCounters } from "../platform/counters/local.ts";
import { openRedisCounters } from "../platform/counters/redis.ts";
import { ConfigError } from "../platform/errors.ts";
import type { Leases } from "../platform/leases/leases.ts";
import { createLocalLeases } from "../platform/leases/local.ts";
import { openRedisLeases } from "../platform/leases/redis.ts";
import type { Metrics } from "../platform/metrics.ts";
import { createLocalPeers } from "../platform/peers/local.ts";
import type { Peers } from "../platform/peers/peers.ts";
import { openRedisPeers } from "../platform/peers/redis.ts";
import { readPem } from "../platform/pem-file.ts";
import { openLmdbStore } from "../platform/state/lmdb.ts";
import { openRedisStore } from "../platform/state/redis.ts";
import type { RedisConnection } from "../platform/state/redis-client.ts";
import type { StateStore } from "../platform/state/store.ts";
import type { Config } from "./config.ts";
import type { Surroundings } from "./surroundings.ts";

export const stateFolder = (config: Pick<Config, "dataFolder">): string => join(config.dataFolder, "state");

/** LMDB in the data folder, unless the configuration names a Redis. */
export function openState(
  config: Config,
  { log, clock }: Pick<Surroundings, "log" | "clock">,
  metrics: Metrics,
): Promise<StateStore> {
  const { redis } = config.state;
  if (redis === undefined) return openLmdbStore({ folder: stateFolder(config), log, metrics });
  return openRedisStore({ connection: redisConnection(redis), keyPrefix: redis.keyPrefix, log, metrics, clock });
}

/** The other processes on the same Redis; nobody where the state is embedded. */
export async function openPeers(config: Config, { log, clock }: Pick<Surroundings, "log" | "clock">): Promise<Peers> {
  const { redis } = config.state;
  if (redis === undefined) return createLocalPeers(clock).join({ log });
  return openRedisPeers({ connection: redisConnection(redis), keyPrefix: redis.keyPrefix, log, clock });
}

/** The partitions of the event log that this process delivers: all of them where the state is embedded. */
export async function openLeases(
  config: Config,
  peers: Peers,
  { log, clock }: Pick<Surroundings, "log" | "clock">,
): Promise<Leases> {
  const { redis } = config.state;
  if (redis === undefined) return createLocalLeases();
  return openRedisLeases({ connection: redisConnection(redis), keyPrefix: redis.keyPrefix, peers, log, clock });
}

/** Of what happened lately, by all processes together. */
export async function openCounters(
  config: Config,
  { log, clock }: Pick<Surroundings, "log" | "clock">,
): Promise<Counters> {
  const { redis } = config.state;
  if (redis === undefined) return createLocalCounters(clock);
  return openRedisCounters({ connection: redisConnection(redis), keyPrefix: redis.keyPrefix, log, clock });
}

type RedisConfig = NonNullable<Config["state"]["redis"]>;

/** Throws ConfigError. */
export function redisConnection({ url, nodes, username, password, caFile }: RedisConfig): RedisConnection {
  if ((url === undefined) === (nodes.length === 0)) {
    throw new ConfigError("state.redis: give either url, for one Redis, or nodes, for a Redis Cluster");
  }
  return {
    ...(url === undefined ? { nodes } : { url }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(caFile !== undefined && { ca: readPem("state.redis.caFile", caFile) }),
  };
}

import { Cluster, type Redis } from "ioredis";
import type { Log } from "../log.ts";
import { settingsOf } from "./redis-client.ts";
import { textsOf } from "./redis-records.ts";
import type { RedisClient } from "./redis-scripts.ts";

/** Notices that Redis has come back from an end that may have cost it changes that it had promised. */
export interface Losses {
  /** How often, as far as is known here. */
  count(): number;
  /** Called each time that a loss is found or heard of. */
  onLoss(listener: () => void): void;
  /** A connection was lost: what is behind it may be another Redis when it is there again. */
  suspect(): void;
  /** To be awaited before anything is sent; nothing to await while nothing is suspected. Rejects while Redis is away. */
  settled(): Promise<void> | undefined;
}

/**
 * A Redis that has ended has another run id when it comes back. Which ids were there last is kept in Redis, so that of all
 * instances one counts a loss, and says so; an end that every change survives, with `appendfsync always`, is none.
 */
export function watchLosses(client: RedisClient, key: string, log: Log | undefined): Losses {
  const listeners: (() => void)[] = [];
  let count = 0;
  let suspected = true;
  let looking: Promise<void> | undefined;
  const suspect = (): void => {
    suspected = true;
  };
  const watch = (connection: { on(event: "close", listener: () => void): unknown }): void => {
    connection.on("close", suspect);
  };
  watch(client);
  if (client instanceof Cluster) {
    for (const node of client.nodes()) watch(node);
    client.on("+node", watch);
  }

  const look = async (): Promise<void> => {
    suspected = false;
    try {
      const runs = await Promise.all(serversOf(client).map(server => runOf(server, client instanceof Cluster)));
      const [counted, isNew] = textsOf(await client.upchirpRuns(key, count, ...runs.flat()));
      const before = count;
      count = Number(counted);
      if (count > before) for (const listener of listeners) listener();
      if (isNew === "1") log?.warn(lossText);
    } catch (error) {
      suspected = true;
      throw error;
    }
  };
  const settle = async (): Promise<void> => {
    while (suspected) {
      looking ??= look().finally(() => {
        looking = undefined;
      });
      await looking;
    }
  };
  return {
    count: () => count,
    onLoss: listener => void listeners.push(listener),
    suspect,
    settled: () => (suspected ? settle() : undefined),
  };
}

const lossText =
  "Redis was restarted or replaced and may have lost its last changes: the downlink counter of each device that was there before skips ahead; a device that joined in that time has to join again";

export const serversOf = (client: RedisClient): readonly Redis[] =>
  client instanceof Cluster ? client.nodes("master") : [client];

/** Which server, which run of it, and 1 if its changes survive its end. */
async function runOf(server: Redis, inCluster: boolean): Promise<readonly [string, string, string]> {
  const [info, setting] = await Promise.all([server.info("server"), settingsOf(server)]);
  const node = inCluster ? String(await server.cluster("MYID")) : "server";
  const run = /run_id:(\w+)/.exec(info)?.[1] ?? "";
  const isSafe = setting("appendonly") === "yes" && setting("appendfsync") === "always";
  return [node, run, isSafe ? "1" : "0"];
}

import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { StateStoreError } from "./errors.ts";
import { createRetry, type Retry } from "./redis-client.ts";
import { type Losses, serversOf } from "./redis-losses.ts";
import { type Keys, splitAddress } from "./redis-records.ts";
import type { RedisClient } from "./redis-scripts.ts";

export interface IndexCheckOptions {
  readonly client: RedisClient;
  readonly keys: Keys;
  readonly losses: Losses;
  readonly clock: Clock;
  readonly log: Log | undefined;
}

/**
 * Small parts with pauses between: a million devices take some minutes, a tenth of a core, and a millisecond of the slowest
 * one in a hundred commits.
 */
const keysInAPart = 200;
const pauseMs = 20;
const againAfterMs = 5000;
/** Instances that start together need one check, not one each. */
const isEnoughForS = 600;
/** Longer than a part can take; after that the instance that checks is taken for dead. */
const leaseS = 60;

/**
 * A device whose entry in the index of addresses is gone would never be heard again, and no commit would come to mend it.
 * A cluster can lose an entry and keep the document, since they are on different servers. So at the start and after each
 * loss the addresses of every document are put into the index again where they are missing, by one instance at a time.
 * An entry that a commit drops at that moment may come back; readers remove such ones.
 */
export function startIndexCheck(options: IndexCheckOptions): { close(): Promise<void> } {
  const { losses, clock, log } = options;
  // A fault begins the check anew: where a search had got to means nothing to a server that has come back.
  const once = createRetry(clock, 0, () => {}, losses);
  let closed = false;
  let endPause = (): void => {};
  const pause = (milliseconds: number): Promise<void> =>
    new Promise(resolve => {
      const cancel = clock.after(milliseconds, resolve);
      endPause = () => {
        cancel();
        resolve();
      };
    });
  const isToGoOn = async (): Promise<boolean> => {
    if (!closed) await pause(pauseMs);
    return !closed;
  };
  const run = async (): Promise<void> => {
    while (!closed) {
      try {
        if (await check(options, once, isToGoOn)) return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : "";
        log?.warn({ reason }, "the index of addresses could not be checked");
        if (!(error instanceof StateStoreError && error.retryable)) return;
      }
      if (!closed) await pause(againAfterMs);
    }
  };
  let running = run();
  losses.onLoss(() => {
    running = running.then(run);
  });
  return {
    async close() {
      closed = true;
      endPause();
      await running;
    },
  };
}

/** False while another instance is at it, or when it was broken off. */
async function check(options: IndexCheckOptions, once: Retry, isToGoOn: () => Promise<boolean>): Promise<boolean> {
  const { client, keys, losses, log } = options;
  const checked = await once(() => client.get(keys.indexChecked));
  const lossesBefore = losses.count();
  if (checked !== null && Number(checked) >= lossesBefore) return true;
  if ((await once(() => client.set(keys.indexLease, "", "EX", leaseS, "NX"))) === null) return false;
  let missing = 0;
  try {
    for (const server of serversOf(client)) {
      let cursor: string | undefined;
      while (cursor !== "0") {
        const [next, documents] = await once(() => scan(server, cursor ?? "0", keys.documents));
        missing += (await Promise.all(documents.map(document => putBack(options, once, document)))).reduce(
          (a, b) => a + b,
          0,
        );
        cursor = next;
        await once(() => client.expire(keys.indexLease, leaseS));
        if (!(await isToGoOn())) return false;
      }
    }
    await once(() => client.set(keys.indexChecked, lossesBefore, "EX", isEnoughForS));
    return true;
  } finally {
    if (missing > 0) log?.warn({ missing }, "devices that were not found by their DevAddr any more are found again");
    await client.del(keys.indexLease).catch(() => undefined);
  }
}

const scan = (server: Redis, cursor: string, pattern: string): Promise<[string, string[]]> =>
  server.scan(cursor, "MATCH", pattern, "COUNT", keysInAPart);

/** How many entries were missing of the device with this document. */
async function putBack({ client, keys }: IndexCheckOptions, once: Retry, document: string): Promise<number> {
  const devEui = keys.devEuiOf(document);
  const listed = String(await once(() => client.upchirpListed(document)));
  const entries = listed === "" ? [] : listed.split(",").map(splitAddress);
  const added = await Promise.all(
    entries.map(({ devAddr, token }) => once(() => client.sadd(keys.address(devAddr), devEui + token))),
  );
  return added.reduce((sum, each) => sum + each, 0);
}

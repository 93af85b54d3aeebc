import { Cluster } from "ioredis";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Retry } from "./redis-client.ts";
import type { RedisClient } from "./redis-scripts.ts";

export interface SubscriptionOptions {
  readonly client: RedisClient;
  readonly retry: Retry;
  readonly clock: Clock;
  readonly log: Log | undefined;
  /** What does not arrive while the subscription is refused, for the log. */
  readonly missing: string;
  /** Between attempts to subscribe again. */
  readonly againAfterMs: number;
}

/**
 * In a cluster each channel lives with the slot of its name; a single server has them all on one more connection. What comes
 * back ends it, and resolves once Redis counts this one no more among those who hear, or cannot be told.
 */
export async function subscribe(
  { client, retry, clock, log, missing, againAfterMs }: SubscriptionOptions,
  channels: readonly string[],
  hear: (channel: string, message: string) => void,
): Promise<() => Promise<void>> {
  if (client instanceof Cluster) {
    client.on("smessage", hear);
    await Promise.all(channels.map(channel => retry(() => client.ssubscribe(channel))));
    return async () => {
      client.off("smessage", hear);
      await Promise.allSettled(channels.map(channel => client.sunsubscribe(channel)));
    };
  }
  const subscriber = client.duplicate();
  subscriber.on("error", () => {
    // The client's own connection fails with it and says so.
  });
  subscriber.on("message", hear);
  let cancel = (): void => {};
  try {
    await retry(() => subscriber.subscribe(...channels));
  } catch (error) {
    subscriber.disconnect();
    throw error;
  }
  // Left to ioredis, a refused subscription after a reconnect would be a rejection that nobody can catch.
  subscriber.on("ready", () => {
    subscriber.subscribe(...channels).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : "";
      log?.warn({ reason }, missing);
      cancel();
      cancel = clock.after(againAfterMs, () => subscriber.disconnect(true));
    });
  });
  return async () => {
    cancel();
    subscriber.removeAllListeners("ready");
    await subscriber.unsubscribe().catch(() => undefined);
    subscriber.disconnect();
  };
}

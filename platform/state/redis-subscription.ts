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

/** In a cluster each channel lives with the slot of its name; a single server has them all on one more connection. */
export async function subscribe(
  { client, retry, clock, log, missing, againAfterMs }: SubscriptionOptions,
  channels: readonly string[],
  hear: (channel: string, message: string) => void,
): Promise<() => void> {
  if (client instanceof Cluster) {
    client.on("smessage", hear);
    await Promise.all(channels.map(channel => retry(() => client.ssubscribe(channel))));
    return () => client.off("smessage", hear);
  }
  const subscriber = client.duplicate({ enableAutoPipelining: false });
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
  return () => {
    cancel();
    subscriber.removeAllListeners("ready");
    subscriber.disconnect();
  };
}

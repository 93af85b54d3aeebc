import { randomBytes } from "node:crypto";
import { Cluster } from "ioredis";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { type Clock, systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { connected, createClient, createRetry, type RedisConnection } from "../state/redis-client.ts";
import { subscribe } from "../state/redis-subscription.ts";
import { createMailbox, type Letter } from "./mailbox.ts";
import type { Peers } from "./peers.ts";

export interface RedisPeersOptions {
  readonly connection: RedisConnection;
  readonly log?: Log;
  readonly clock?: Clock;
  /** As the state store's. */
  readonly keyPrefix?: string;
  /** How long a claim is tried again while Redis cannot answer. */
  readonly retryMs?: number;
  readonly commandTimeoutMs?: number;
}

const letterSchema = Compile(
  Type.Object({
    from: Type.String(),
    kind: Type.Union([Type.Literal("told"), Type.Literal("asked"), Type.Literal("answered")]),
    number: Type.Integer(),
    topic: Type.String(),
    message: Type.String(),
  }),
);

/**
 * Processes that share a Redis find each other by publish and subscribe. Throws StateStoreError as the state store on Redis
 * does.
 */
export async function openRedisPeers(options: RedisPeersOptions): Promise<Peers> {
  const { log, clock = systemClock, retryMs = 5000, commandTimeoutMs = 2000 } = options;
  const prefix = (options.keyPrefix ?? "upchirp:").replace(/[{}]/g, "");
  const client = createClient(options.connection, { answerMs: commandTimeoutMs });
  const instance = randomBytes(8).toString("hex");
  const channelOf = (to: string): string => `${prefix}peer:${to}`;
  const everybody = `${prefix}peers`;
  const publish = async (channel: string, letter: Letter): Promise<number | undefined> => {
    const text = JSON.stringify(letter);
    try {
      return Number(await (client instanceof Cluster ? client.spublish(channel, text) : client.publish(channel, text)));
    } catch (error) {
      log?.warn({ reason: error instanceof Error ? error.message : "" }, "other processes could not be told");
      return undefined;
    }
  };
  const mailbox = createMailbox({ instance, clock, log, post: (to, letter) => publish(channelOf(to), letter) });
  const hear = (channel: string, text: string): void => {
    if (channel !== channelOf(instance) && channel !== everybody) return;
    const letter = parseLetter(text);
    if (letter !== undefined && letter.from !== instance) mailbox.deliver(letter);
  };
  const retry = createRetry(clock, retryMs, fault =>
    log?.error({ code: fault.code, reason: fault.message }, "other processes cannot be asked"),
  );
  try {
    await connected(client, log, retryMs);
    const missing = "messages of other processes do not arrive";
    const ending = await subscribe(
      { client, retry, clock, log, missing, againAfterMs: 1000 },
      [channelOf(instance), everybody],
      hear,
    );
    return {
      ...mailbox,
      instance,
      isShared: true,
      claim: (name, holdsMs) =>
        retry(
          async () => (await client.set(`${prefix}claim:${name}`, instance, "PX", holdsMs, "NX", "GET")) ?? instance,
        ),
      async tellAll(topic, message) {
        await publish(everybody, { from: instance, kind: "told", number: 0, topic, message });
      },
      async close() {
        mailbox.close();
        await ending();
        client.disconnect();
      },
    };
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

function parseLetter(text: string): Letter | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return letterSchema.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

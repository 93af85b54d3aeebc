import { createHash } from "node:crypto";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { connected, createClient, type RedisConnection } from "../state/redis-client.ts";
import type { Counters } from "./counters.ts";
import { createLocalCounters } from "./local.ts";

export interface RedisCountersOptions {
  readonly connection: RedisConnection;
  readonly keyPrefix?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** A request waits for no longer than this; then it is counted here alone. */
  readonly answerMs?: number;
}

/** Counting and the end of the window are one step, so that no counter is left without an end. */
const script = `
local count = redis.call("incr", KEYS[1])
local left = redis.call("pttl", KEYS[1])
if count == 1 or left < 0 then
  redis.call("pexpire", KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}`;

const answerSchema = Compile(Type.Tuple([Type.Integer(), Type.Integer()]));

const usualAnswerMs = 250;
const commandTimeoutMs = 2_000;
/** So often the log is told that the others are not asked. */
const quietMs = 60_000;

/**
 * Counters of all processes on one Redis. While it does not answer each process goes by its own. Throws StateStoreError when
 * it cannot be reached at the start.
 */
export async function openRedisCounters(options: RedisCountersOptions): Promise<Counters> {
  const { clock, log, answerMs = usualAnswerMs } = options;
  const prefix = `${(options.keyPrefix ?? "upchirp:").replace(/[{}]/g, "")}count:`;
  const client = createClient(options.connection, { answerMs: commandTimeoutMs });
  const local = createLocalCounters(clock);
  // Keys hold what people typed, like addresses: nobody has to read them in Redis.
  const keyOf = (name: string, key: string): string =>
    `${prefix}${name}:${createHash("sha256").update(key).digest("base64url").slice(0, 22)}`;
  let toldAtMs: number | undefined;
  const tell = (error: unknown): void => {
    const nowMs = clock.nowMs();
    if (toldAtMs !== undefined && nowMs - toldAtMs < quietMs) return;
    toldAtMs = nowMs;
    const reason = error instanceof Error ? error.message : "";
    log.warn({ reason }, "Redis does not answer: limits of requests and attempts hold for each process by itself");
  };
  try {
    await connected(client, log, 5_000);
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return {
    async count(name, key, windowMs) {
      // Counted here as well, so that what was before is known when Redis goes.
      const own = await local.count(name, key, windowMs);
      try {
        const answer: unknown = await within(clock, answerMs, client.eval(script, 1, keyOf(name, key), windowMs));
        if (!answerSchema.Check(answer)) return own;
        const [count, endsInMs] = answer;
        return { count, endsInMs };
      } catch (error) {
        tell(error);
        return own;
      }
    },
    async forget(name, key) {
      await local.forget(name, key);
      await within(clock, answerMs, client.del(keyOf(name, key))).catch(tell);
    },
    async close() {
      client.disconnect();
    },
  };
}

/** Rejects when it takes longer; what comes of it then is nobody's business. */
function within<Value>(clock: Clock, ms: number, work: Promise<Value>): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const cancel = clock.after(ms, () => reject(new Error(`no answer within ${ms} ms`)));
  work.then(resolve, reject).finally(cancel);
  return promise;
}

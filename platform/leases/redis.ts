import { type Clock, systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Peers } from "../peers/peers.ts";
import { connected, createClient, createRetry, type RedisConnection, type Retry } from "../state/redis-client.ts";
import { createKeys, textsOf } from "../state/redis-records.ts";
import type { RedisClient } from "../state/redis-scripts.ts";
import type { LeaseHolder, Leases } from "./leases.ts";
import { sharesOf } from "./shares.ts";

export interface RedisLeasesOptions {
  readonly connection: RedisConnection;
  /** To hear at once of those who come and of partitions that are free. */
  readonly peers: Peers;
  readonly log: Log;
  readonly clock?: Clock;
  readonly keyPrefix?: string;
  /** A process that is silent for so long has lost its partitions; 3000. */
  readonly holdMs?: number;
}

/**
 * This process is a member (again) for so many milliseconds, or none any more with 0. Answers with all members. The clock is
 * that of Redis.
 */
const beat = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[2] == '0' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
return redis.call('ZRANGE', KEYS[1], 0, -1)`;

/** The lease goes to a new holder (or to nobody) if it is still as it was read: 1, else 0. */
const change = `
local lease = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if (lease[1] or '') ~= ARGV[1] or (lease[2] or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'holder', ARGV[3], 'fence', ARGV[2] + 1)
return 1`;

interface Lease {
  readonly holder: string;
  /** Rises with each change of the holder. */
  readonly fence: number;
}

const topic = "leases";

/**
 * Leases by membership: a process is a member while its heartbeat is younger than `holdMs`, and what it holds may be taken
 * once it is none. A change of a lease names the one that it was computed from by its fence, so that of two who take it one
 * succeeds. Throws StateStoreError as the state store on Redis does.
 */
export async function openRedisLeases(options: RedisLeasesOptions): Promise<Leases> {
  const { log, clock = systemClock, holdMs = 3000 } = options;
  const client = createClient(options.connection, { answerMs: Math.max(500, Math.floor(holdMs / 2)) });
  const prefix = (options.keyPrefix ?? "upchirp:").replace(/[{}]/g, "");
  const retry = createRetry(clock, Math.floor(holdMs / 2), () => {});
  try {
    await connected(client, log, 5000);
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return new RedisLeases({ ...options, clock, holdMs, client, prefix, retry });
}

interface Surroundings extends RedisLeasesOptions {
  readonly clock: Clock;
  readonly holdMs: number;
  readonly client: RedisClient;
  readonly prefix: string;
  readonly retry: Retry;
}

class RedisLeases implements Leases {
  readonly #options: Surroundings;
  readonly #keys: readonly string[];
  readonly #held = new Map<number, Lease>();
  readonly #leaving = new Set<number>();
  #holder: LeaseHolder | undefined;
  /** Before this no other process takes what is held here, on this process's monotonic clock. */
  #safeUntilUs = Number.NEGATIVE_INFINITY;
  #turn: Promise<void> = Promise.resolve();
  #cancel = (): void => {};
  #unsubscribe = (): void => {};
  #turnIsDue = false;
  #cancelTell: (() => void) | undefined;
  #closed = false;

  constructor(options: Surroundings) {
    this.#options = options;
    this.#keys = createKeys(options.prefix).partitions.map(({ lease }) => lease);
  }

  async start(holder: LeaseHolder): Promise<void> {
    this.#holder = holder;
    this.#unsubscribe = this.#options.peers.onTold(topic, () => this.#soon());
    await this.#beat();
    await this.#options.peers.tellAll(topic, "");
    this.#soon();
  }

  isHeld(partition: number): boolean {
    return this.#held.has(partition) && this.#options.clock.monotonicUs() < this.#safeUntilUs;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    this.#unsubscribe();
    await this.#turn;
    await Promise.all([...this.#held.keys()].map(partition => this.#letGo(partition)));
    try {
      await this.#run(beat, this.#membersKey, this.#instance, "0");
      await this.#options.peers.tellAll(topic, "");
    } catch {
      // Its membership ends by itself.
    }
    this.#cancelTell?.();
    this.#options.client.disconnect();
  }

  get #instance(): string {
    return this.#options.peers.instance;
  }

  get #membersKey(): string {
    return `${this.#options.prefix}members`;
  }

  #run(script: string, key: string, ...args: readonly (string | number)[]): Promise<unknown> {
    const { client, retry } = this.#options;
    return retry(() => client.eval(script, 1, key, ...args));
  }

  /** One turn after another; many wishes for a turn during one are granted by the next. */
  #soon(): void {
    if (this.#closed || this.#turnIsDue) return;
    this.#turnIsDue = true;
    this.#turn = this.#turn.then(async () => {
      this.#turnIsDue = false;
      this.#cancel();
      await this.#takeTurn();
      if (!this.#closed) this.#cancel = this.#options.clock.after(this.#options.holdMs / 3, () => this.#soon());
    });
  }

  /** Many partitions become free at once: one message says so. */
  #tellOthers(): void {
    this.#cancelTell ??= this.#options.clock.after(20, () => {
      this.#cancelTell = undefined;
      void this.#options.peers.tellAll(topic, "");
    });
  }

  async #takeTurn(): Promise<void> {
    if (this.#closed) return;
    try {
      const shares = sharesOf(await this.#beat());
      for (const partition of this.#held.keys()) if (shares[partition] !== this.#instance) void this.#letGo(partition);
      const wanted = shares.flatMap((member, partition) =>
        member === this.#instance && !this.#held.has(partition) && !this.#leaving.has(partition) ? [partition] : [],
      );
      if (wanted.length > 0) await this.#take(wanted);
    } catch (error) {
      this.#options.log.warn({ err: error }, "the shares of the event log could not be looked after; trying again");
      this.#dropLapsed();
    }
  }

  /** Every member; this process is one from then on. */
  async #beat(): Promise<readonly string[]> {
    const { clock, holdMs } = this.#options;
    const sentAtUs = clock.monotonicUs();
    const members = textsOf(await this.#run(beat, this.#membersKey, this.#instance, holdMs));
    this.#dropLapsed();
    this.#safeUntilUs = sentAtUs + holdMs * 1000;
    return members;
  }

  /** A heartbeat that came too late changes nothing for what was held: others may have taken it. */
  #dropLapsed(): void {
    if (this.#options.clock.monotonicUs() < this.#safeUntilUs || this.#held.size === 0) return;
    const lapsed = [...this.#held.keys()];
    this.#held.clear();
    this.#options.log.warn(
      { partitions: lapsed.length },
      "this process was too slow to keep its share of the event log",
    );
    for (const partition of lapsed) this.#holder?.lost(partition);
  }

  async #take(wanted: readonly number[]): Promise<void> {
    const read = await Promise.all(wanted.map(async partition => ({ partition, lease: await this.#read(partition) })));
    // Asked after the leases were read: who holds one and is no member now has not come meanwhile.
    const members = await this.#beat();
    await Promise.all(
      read.map(async ({ partition, lease }) => {
        const { holder, fence } = lease;
        if (holder !== this.#instance && members.includes(holder)) return;
        if (!(await this.#change(partition, lease, this.#instance))) return;
        this.#held.set(partition, { holder: this.#instance, fence: fence + 1 });
        this.#holder?.acquired(partition);
      }),
    );
  }

  async #read(partition: number): Promise<Lease> {
    const { client, retry } = this.#options;
    const [holder, fence] = await retry(() => client.hmget(this.#keys[partition] ?? "", "holder", "fence"));
    return { holder: holder ?? "", fence: Number(fence ?? 0) };
  }

  async #change(partition: number, { holder, fence }: Lease, next: string): Promise<boolean> {
    return Number(await this.#run(change, this.#keys[partition] ?? "", holder, fence, next)) === 1;
  }

  async #letGo(partition: number): Promise<void> {
    const lease = this.#held.get(partition);
    if (lease === undefined || this.#leaving.has(partition)) return;
    this.#leaving.add(partition);
    await this.#holder?.released(partition);
    try {
      // Held until here, so that it can lapse meanwhile like any other.
      if (this.#held.delete(partition)) await this.#change(partition, lease, "");
      this.#tellOthers();
    } catch (error) {
      this.#options.log.warn({ err: error, partition }, "a share of the event log could not be given back");
    } finally {
      this.#leaving.delete(partition);
    }
  }
}

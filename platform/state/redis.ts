import { randomBytes } from "node:crypto";
import { type DevEui, type GatewayId, parseGatewayId } from "../../lorawan/ids.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { createUnderWay } from "../under-way.ts";
import { createCommitWatch, type StoreMetrics } from "./commit-watch.ts";
import { StateStoreError } from "./errors.ts";
import {
  connected,
  createClient,
  createGathering,
  createRetry,
  type RedisConnection,
  type Retry,
  warnOfLoss,
} from "./redis-client.ts";
import type { RedisContext } from "./redis-context.ts";
import { createDevices } from "./redis-devices.ts";
import { startIndexCheck } from "./redis-index-check.ts";
import { watchLosses } from "./redis-losses.ts";
import { openNotices } from "./redis-notices.ts";
import { buffersOf, checkPartition, createKeys, decodeEvent, type Keys, streamPointOf } from "./redis-records.ts";
import type { RedisClient } from "./redis-scripts.ts";
import type { StateStore } from "./store.ts";

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  readonly log?: Log;
  readonly metrics?: StoreMetrics;
  readonly clock?: Clock;
  /** Begins every key, so that several systems share a server; without braces, `upchirp:` unless given. */
  readonly keyPrefix?: string;
  /** How long a call is tried again while Redis cannot answer: a restart or a fail-over. */
  readonly retryMs?: number;
  /** After this without an answer to anything calls count as failed, and are tried again if there is time. */
  readonly commandTimeoutMs?: number;
  /** How often every partition is looked at for news whose message was lost. */
  readonly lookEveryMs?: number;
}

const format = "1";

/**
 * The state store on Redis 7, Redis Cluster or Valkey, for any number of instances. A call that fails with
 * `state_unavailable` after the connection was lost may have been done: read again, the version tells. How much of what
 * was promised survives a crash of Redis is for its own settings to say; the log warns of those that lose something.
 * Throws StateStoreError `state_refused`, `state_format_newer`, `state_unavailable`, or MalformedValue for an address.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<StateStore> {
  const { log, metrics, clock = systemClock, retryMs = 5000, commandTimeoutMs = 2000 } = options;
  const client = createClient(options.connection, { silenceMs: commandTimeoutMs });
  try {
    await connected(client, log, retryMs);
    const keys = createKeys((options.keyPrefix ?? "upchirp:").replace(/[{}]/g, ""));
    const losses = watchLosses(client, keys.runs, log);
    let saidAtUs = Number.NEGATIVE_INFINITY;
    const gather = createGathering(client);
    const repeat = createRetry(
      clock,
      retryMs,
      fault => {
        metrics?.storeFaults.inc();
        // While Redis is away every call fails: one line a second says it as well as thousands.
        if (clock.monotonicUs() - saidAtUs < 1_000_000) return;
        saidAtUs = clock.monotonicUs();
        log?.error({ code: fault.code, reason: fault.message }, "the state store failed");
      },
      losses,
    );
    const retry: Retry = send =>
      repeat(() => {
        gather();
        return send();
      });
    await checkFormat(client, keys, retry);
    await warnOfLoss(client, log);
    const instance = randomBytes(8).toString("hex");
    const notices = await openNotices({
      ...{ client, keys, retry, clock, instance, log },
      lookEveryMs: options.lookEveryMs ?? 5000,
    });
    const indexCheck = startIndexCheck({ client, keys, losses, clock, log });
    const letGo = async (): Promise<void> => {
      await indexCheck.close();
      await notices.close();
      client.disconnect();
    };
    const watch = createCommitWatch({ clock, metrics, log });
    return createStore({ client, keys, retry, notices, losses, metrics, watch }, letGo);
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

async function checkFormat(client: RedisClient, keys: Keys, retry: Retry): Promise<void> {
  await retry(() => client.setnx(keys.format, format));
  const found = await retry(() => client.get(keys.format));
  if (found !== format) {
    throw new StateStoreError("state_format_newer", "What Redis holds was written by a newer version of Upchirp.");
  }
}

function createStore(parts: Omit<RedisContext, "newToken" | "behind">, letGo: () => Promise<void>): StateStore {
  const { notices, losses } = parts;
  const underWay = createUnderWay();
  let closing: Promise<void> | undefined;
  const track = <Result>(work: Promise<Result>): Promise<Result> => {
    underWay.begin();
    work.then(underWay.end, underWay.end);
    return work;
  };
  const guarded: Guard =
    action =>
    async (...args) => {
      if (closing !== undefined) throw new StateStoreError("state_closed", "The state store is closed.");
      return track(action(...args));
    };
  let tokens = 0;
  const context: RedisContext = {
    ...parts,
    newToken() {
      tokens += 1;
      return `${notices.instance}${tokens.toString(36)}`;
    },
    behind(work) {
      track(work().catch(() => undefined)).catch(() => undefined);
    },
  };
  const devices = createDevices(context);
  const rest = { ...queuePart(context), ...eventPart(context), ...gatewayPart(context) };
  const close = async (): Promise<void> => {
    await underWay.idle();
    await letGo();
  };
  return {
    device: guarded(devices.device),
    devicesByDevAddr: guarded(devices.devicesByDevAddr),
    commit: guarded(devices.commit),
    dueDevices: guarded(devices.dueDevices),
    queue: guarded(rest.queue),
    mayHaveQueue: rest.mayHaveQueue,
    enqueue: guarded(rest.enqueue),
    removeQueued: guarded(rest.removeQueued),
    reorderQueue: guarded(rest.reorderQueue),
    flushQueue: guarded(rest.flushQueue),
    readEvents: guarded(rest.readEvents),
    cursor: guarded(rest.cursor),
    setCursor: guarded(rest.setCursor),
    trimEvents: guarded(rest.trimEvents),
    gatewayStates: guarded(rest.gatewayStates),
    gatewayState: guarded(rest.gatewayState),
    putGatewayState: guarded(rest.putGatewayState),
    removeGatewayState: guarded(rest.removeGatewayState),
    onEvents: notices.onEvents,
    onEnqueued: notices.onEnqueued,
    lossCount: losses.count,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

type Guard = <Args extends readonly unknown[], Result>(
  action: (...args: Args) => Promise<Result>,
) => (...args: Args) => Promise<Result>;

function queuePart({
  client,
  keys,
  retry,
  notices,
  newToken,
}: RedisContext): Pick<
  StateStore,
  "queue" | "mayHaveQueue" | "enqueue" | "removeQueued" | "reorderQueue" | "flushQueue"
> {
  const remove = async (devEui: DevEui, ...id: readonly string[]): Promise<number> => {
    const { order, values, recent } = keys.device(devEui);
    const { waiting } = keys.ofDevice(devEui);
    const token = newToken();
    return Number(await retry(() => client.upchirpRemoveQueued(order, values, waiting, recent, token, devEui, ...id)));
  };
  return {
    async queue(devEui) {
      const { order, values } = keys.device(devEui);
      const found = buffersOf(await retry(() => client.upchirpQueueBuffer(order, values)));
      // What is told of meanwhile may be forgotten here; a commit that relies on it finds out.
      if (found.length === 0) notices.awaited.delete(devEui);
      return found.flatMap((id, index) => {
        const value = index % 2 === 0 ? found[index + 1] : undefined;
        return value === undefined ? [] : [{ id: id.toString(), value: new Uint8Array(value) }];
      });
    },
    mayHaveQueue: devEui => notices.awaited.has(devEui),
    async enqueue(devEui, entry, maxEntries) {
      const { order, values, recent } = keys.device(devEui);
      const { waiting, enqueues, channel } = keys.ofDevice(devEui);
      const names = [order, values, waiting, enqueues, recent, channel] as const;
      const args = [newToken(), devEui, entry.id, Buffer.from(entry.value), maxEntries] as const;
      const { publish, instance } = notices;
      const number = Number(await retry(() => client.upchirpEnqueue(...names, ...args, publish, instance)));
      if (number > 0) notices.enqueued(devEui, number);
      return number > 0;
    },
    removeQueued: async (devEui, id) => (await remove(devEui, id)) > 0,
    async reorderQueue(devEui, ids) {
      await retry(() => client.upchirpReorderQueue(keys.device(devEui).order, ...new Set(ids)));
    },
    flushQueue: devEui => remove(devEui),
  };
}

function eventPart({
  client,
  keys,
  retry,
}: RedisContext): Pick<StateStore, "readEvents" | "cursor" | "setCursor" | "trimEvents"> {
  return {
    async readEvents(partition, position, limit) {
      checkPartition(partition);
      if (limit <= 0) return [];
      const { milliseconds, sequence } = position === "" ? { milliseconds: 0, sequence: 0 } : streamPointOf(position);
      const after = `(${milliseconds}-${sequence}`;
      const { log } = keys.partition(partition);
      const found = await retry(() => client.xrangeBuffer(log, after, "+", "COUNT", limit));
      return found.map(([id, fields]) => decodeEvent(id, fields));
    },
    async cursor(consumer, partition) {
      checkPartition(partition);
      return (await retry(() => client.hget(keys.partition(partition).cursors, consumer))) ?? "";
    },
    async setCursor(consumer, partition, position) {
      checkPartition(partition);
      if (position === "") return;
      streamPointOf(position);
      await retry(() => client.upchirpSetCursor(keys.partition(partition).cursors, consumer, position));
    },
    async trimEvents(partition, position) {
      checkPartition(partition);
      if (position === "") return;
      const { milliseconds, sequence } = streamPointOf(position);
      const { log } = keys.partition(partition);
      await retry(() => client.xtrim(log, "MINID", `${milliseconds}-${sequence + 1}`));
    },
  };
}

function gatewayPart({
  client,
  keys,
  retry,
}: RedisContext): Pick<StateStore, "gatewayStates" | "gatewayState" | "putGatewayState" | "removeGatewayState"> {
  const keyOf = (gatewayId: GatewayId): string => keys.gateways(gatewayId.slice(-1));
  return {
    async gatewayStates() {
      const found = await Promise.all(
        [..."0123456789abcdef"].map(digit => retry(() => client.hgetallBuffer(keys.gateways(digit)))),
      );
      return found.flatMap(states =>
        Object.entries(states).map(([id, value]) => ({
          gatewayId: parseGatewayId(id),
          value: new Uint8Array(value),
        })),
      );
    },
    async gatewayState(gatewayId) {
      const value = await retry(() => client.hgetBuffer(keyOf(gatewayId), gatewayId));
      return value === null ? undefined : { gatewayId, value: new Uint8Array(value) };
    },
    async putGatewayState({ gatewayId, value }) {
      const bytes = Buffer.from(value);
      await retry(() => client.hset(keyOf(gatewayId), gatewayId, bytes));
    },
    async removeGatewayState(gatewayId) {
      await retry(() => client.hdel(keyOf(gatewayId), gatewayId));
    },
  };
}

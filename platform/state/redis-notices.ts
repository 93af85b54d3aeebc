import { Cluster } from "ioredis";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { createListeners } from "./listeners.ts";
import type { Retry } from "./redis-client.ts";
import { type Keys, textsOf } from "./redis-records.ts";
import type { RedisClient } from "./redis-scripts.ts";
import { subscribe } from "./redis-subscription.ts";
import { type AppendedEvents, partitionOf, type StateStore } from "./store.ts";

/**
 * Who listens hears at once of changes made here and, by publish and subscribe, of those made elsewhere. Messages can be
 * lost; a slow look at every partition finds what they did not tell.
 */
export interface Notices extends Pick<StateStore, "onEvents" | "onEnqueued"> {
  /** Devices that something waits for, as far as is known, and some more. */
  readonly awaited: Set<DevEui>;
  /** Told with each message, so that what was done here is not heard twice. */
  readonly instance: string;
  readonly publish: "PUBLISH" | "SPUBLISH";
  appended(partition: number, events: AppendedEvents | undefined): void;
  enqueued(devEui: DevEui, number: number): void;
  close(): Promise<void>;
}

interface Seen {
  lastEvent: string;
  /** Every enqueue up to this number was told of, and those in `told` above it. */
  enqueues: string;
  readonly told: Set<number>;
}

export interface NoticesOptions {
  readonly client: RedisClient;
  readonly keys: Keys;
  readonly retry: Retry;
  readonly clock: Clock;
  readonly instance: string;
  readonly log: Log | undefined;
  readonly lookEveryMs: number;
}

export async function openNotices(options: NoticesOptions): Promise<Notices> {
  const { client, keys, clock, instance, log } = options;
  const events = createListeners<Appended>(log);
  const awaited = new Set<DevEui>();
  const enqueues = createListeners<DevEui>(log);
  const seen = keys.partitions.map((): Seen => ({ lastEvent: "", enqueues: "", told: new Set() }));
  const tell = (devEui: DevEui, number: number): void => {
    const known = seen[partitionOf(devEui)];
    if (known === undefined || known.told.has(number) || number <= Number(known.enqueues)) return;
    known.told.add(number);
    awaited.add(devEui);
    enqueues.call(devEui);
  };
  const partitions = new Map(keys.partitions.map(({ channel }, partition) => [channel, partition]));
  const hear = (channel: string, message: string): void => {
    const [from, number, devEui] = message.split(" ");
    const partition = partitions.get(channel);
    if (from === instance || partition === undefined) return;
    if (number === undefined || devEui === undefined) events.call({ partition });
    else tell(parseDevEui(devEui), Number(number));
  };
  const look = createLook(options, seen, partition => events.call({ partition }), tell, awaited);
  // First the state that later looks compare with, then the messages: nothing falls between.
  await look();
  const missing = "messages of other instances do not arrive, news is found by looking";
  const unsubscribe = await subscribe(
    { ...options, missing, againAfterMs: options.lookEveryMs },
    [...partitions.keys()],
    hear,
  );
  let looking = Promise.resolve();
  let cancel = (): void => {};
  let closed = false;
  const lookLater = (): void => {
    cancel = clock.after(options.lookEveryMs, () => {
      looking = look()
        .catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : "";
          log?.warn({ reason }, "Redis could not be asked for news and is asked again");
        })
        .then(() => {
          if (!closed) lookLater();
        });
    });
  };
  lookLater();
  return {
    instance,
    publish: client instanceof Cluster ? "SPUBLISH" : "PUBLISH",
    awaited,
    onEvents: listener => events.add(({ partition, appended }) => listener(partition, appended)),
    onEnqueued: enqueues.add,
    appended: (partition, appended) => events.call({ partition, ...(appended && { appended }) }),
    enqueued: tell,
    async close() {
      closed = true;
      cancel();
      // Nobody counts who hears: a Redis that stands still must not hold up the end.
      void unsubscribe();
      await looking;
    },
  };
}

interface Appended {
  readonly partition: number;
  readonly appended?: AppendedEvents;
}

/** One look at each partition; the first only takes down how things stand. */
function createLook(
  { client, keys, retry }: NoticesOptions,
  seen: readonly Seen[],
  appended: (partition: number) => void,
  tell: (devEui: DevEui, number: number) => void,
  awaited: Set<DevEui>,
): () => Promise<void> {
  const lookAt = async (known: Seen, partition: number): Promise<void> => {
    const { log, enqueues, waiting } = keys.partition(partition);
    const before = known.enqueues;
    const [lastEvent = "", count = "0", ...found] = textsOf(
      await retry(() => client.upchirpNews(log, enqueues, waiting, before)),
    );
    const first = before === "";
    if (!first && lastEvent !== "" && lastEvent !== known.lastEvent) appended(partition);
    known.lastEvent = lastEvent;
    for (let index = 0; index + 1 < found.length; index += 2) {
      const devEui = parseDevEui(found[index] ?? "");
      awaited.add(devEui);
      if (!first) tell(devEui, Number(found[index + 1]));
    }
    // A long list is told in parts: the next look goes on where this one stopped.
    const upTo = found.length >= 4000 ? Number(found.at(-1)) : Number(count);
    known.enqueues = String(upTo);
    for (const number of known.told) if (number <= upTo) known.told.delete(number);
  };
  return async () => {
    await Promise.all(seen.map(lookAt));
  };
}

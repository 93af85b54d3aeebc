import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { type EventPosition, type LoggedEvent, partitionCount, type StateStore } from "../platform/state/store.ts";
import { EventLane } from "./event-lane.ts";
import { parseNetworkEvent } from "./event-record.ts";
import type { ApplicationEvent, DeviceDirectory, EventFeed, EventSink } from "./ports.ts";
import { applicationEvents, type EventTools } from "./uplink.ts";

export interface EventConsumerOptions extends EventTools {
  readonly store: Pick<StateStore, "readEvents" | "onEvents" | "cursor" | "setCursor" | "trimEvents">;
  readonly directory: DeviceDirectory;
  readonly sinks: readonly EventSink[];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How often positions are saved and the log is trimmed; 200. */
  readonly saveIntervalMs?: number;
  /** Deliveries under way at once to one sink; 512. */
  readonly maxInFlight?: number;
}

export interface EventConsumer {
  readonly feed: EventFeed;
  /** Resolves when every sink's position is known and reading has begun. */
  start(): Promise<void>;
  /** Gives deliveries under way up to two seconds, then saves how far every sink got. */
  close(): Promise<void>;
}

const firstRetryMs = 100;
const longestRetryMs = 30_000;
const closingMs = 2000;
const keptDecoded = 4096;

/**
 * Reads the event log, makes application events and delivers each to every sink: in order per device, devices side by
 * side, at least once. Every sink has its own position in every partition, saved after delivery, so that a slow or dead
 * sink delays nobody; what it missed waits in the log, which is trimmed behind the slowest.
 */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  return new Consumer(options);
}

interface SinkLanes {
  readonly sink: EventSink;
  readonly consumerName: string;
  readonly permits: Permits;
  readonly lanes: EventLane[];
}

class Consumer implements EventConsumer {
  readonly #options: EventConsumerOptions;
  readonly #listeners = new Set<(event: ApplicationEvent) => void>();
  readonly #sinks: readonly SinkLanes[];
  readonly #decoded = new Map<string, Promise<readonly ApplicationEvent[]>>();
  readonly #trimmed = new Map<number, EventPosition>();
  readonly #wakers = new Set<() => void>();
  #unsubscribe: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();
  #closing = false;

  readonly feed: EventFeed = {
    subscribe: listener => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
  };

  constructor(options: EventConsumerOptions) {
    this.#options = options;
    const feedSink: EventSink = { name: "feed", deliver: async event => this.#tell(event) };
    this.#sinks = [feedSink, ...options.sinks].map(sink => ({
      sink,
      consumerName: `sink:${sink.name}`,
      permits: new Permits(options.maxInFlight ?? 512),
      lanes: [],
    }));
  }

  async start(): Promise<void> {
    await Promise.all(this.#sinks.map(sink => this.#openLanes(sink)));
    this.#unsubscribe = this.#options.store.onEvents(partition => {
      for (const { lanes } of this.#sinks) lanes[partition]?.wake();
    });
    for (const { lanes } of this.#sinks) for (const lane of lanes) lane.wake();
    this.#planSave();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#unsubscribe?.();
    this.#cancelSave?.();
    const lanes = this.#sinks.flatMap(sink => sink.lanes);
    for (const lane of lanes) lane.close();
    for (const wake of [...this.#wakers]) wake();
    const deadlineUs = this.#options.clock.monotonicUs() + closingMs * 1000;
    while (lanes.some(lane => !lane.idle) && this.#options.clock.monotonicUs() < deadlineUs) {
      await new Promise<void>(resolve => this.#options.clock.after(10, resolve));
      if (this.#sinks.every(sink => sink.permits.inUse === 0)) break;
    }
    await this.#save();
  }

  async #openLanes({ sink, consumerName, permits, lanes }: SinkLanes): Promise<void> {
    const { store } = this.#options;
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
    const positions = await Promise.all(partitions.map(partition => store.cursor(consumerName, partition)));
    for (const [partition, position] of positions.entries()) {
      const reader = {
        read: (after: EventPosition, limit: number) => store.readEvents(partition, after, limit),
        handle: (event: LoggedEvent) => permits.use(() => this.#deliver(sink, partition, event)),
        waitAfterFault: (error: unknown) => {
          this.#options.log.warn({ err: error, partition }, "reading the event log failed; trying again");
          return this.#pause(1000);
        },
      };
      lanes.push(new EventLane(reader, position));
    }
  }

  /** Tries until the sink has every event of this record, in order; an event that it took is not sent again. */
  async #deliver(sink: EventSink, partition: number, record: LoggedEvent): Promise<void> {
    let delivered = 0;
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(2 * retryMs, longestRetryMs)) {
      if (this.#closing) throw new Error("the event consumer is closing");
      try {
        for (const event of (await this.#applicationEvents(partition, record)).slice(delivered)) {
          await sink.deliver(event);
          delivered += 1;
          if (sink.name !== "feed") this.#options.metrics.events.inc({ kind: event.kind });
        }
        return;
      } catch (error) {
        this.#options.metrics.sinkFailures.inc({ sink: sink.name });
        const { devEui } = record;
        this.#options.log.warn({ err: error, sink: sink.name, devEui, retryMs }, "event not delivered; trying again");
        await this.#pause(retryMs);
      }
    }
  }

  /** Sinks that keep pace share one decoding; one that comes late decodes again. */
  #applicationEvents(partition: number, record: LoggedEvent): Promise<readonly ApplicationEvent[]> {
    const key = `${partition}/${record.position}`;
    const known = this.#decoded.get(key);
    if (known !== undefined) return known;
    const events = this.#decode(record);
    this.#decoded.set(key, events);
    events.catch(() => this.#decoded.delete(key));
    const [oldest] = this.#decoded.keys();
    if (this.#decoded.size > keptDecoded && oldest !== undefined) this.#decoded.delete(oldest);
    return events;
  }

  async #decode(record: LoggedEvent): Promise<readonly ApplicationEvent[]> {
    const event = parseNetworkEvent(record.value);
    if (event === undefined || event.devEui !== record.devEui) return this.#skip(record, "malformed");
    const device = await this.#options.directory.device(event.devEui);
    if (device === undefined) return this.#skip(record, "unknown_device");
    // The same DevEUI may have been deleted and added elsewhere: another tenant must not get what was sent before.
    if (device.info.applicationId !== event.applicationId) return this.#skip(record, "other_application");
    return applicationEvents(event, device, this.#options);
  }

  #skip(
    record: LoggedEvent,
    reason: "malformed" | "unknown_device" | "other_application",
  ): readonly ApplicationEvent[] {
    this.#options.metrics.eventsSkipped.inc({ reason });
    this.#options.log.warn({ devEui: record.devEui, position: record.position, reason }, "event record skipped");
    return [];
  }

  #tell(event: ApplicationEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.warn({ err: error }, "a listener of the live feed failed");
      }
    }
  }

  /** Ends early when the consumer closes. */
  #pause(delayMs: number): Promise<void> {
    if (this.#closing) return Promise.resolve();
    return new Promise(resolve => {
      const wake = () => {
        cancel();
        this.#wakers.delete(wake);
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, wake);
      this.#wakers.add(wake);
    });
  }

  #planSave(): void {
    if (this.#closing) return;
    this.#cancelSave = this.#options.clock.after(this.#options.saveIntervalMs ?? 200, () => {
      void this.#save().finally(() => this.#planSave());
    });
  }

  #save(): Promise<void> {
    this.#saving = this.#saving
      .then(() => this.#saveAndTrim())
      .catch(error => {
        this.#options.log.warn({ err: error }, "saving positions in the event log failed; trying again");
      });
    return this.#saving;
  }

  async #saveAndTrim(): Promise<void> {
    const { store } = this.#options;
    const moved = new Set<number>();
    const saves = this.#sinks.flatMap(({ consumerName, lanes }) =>
      lanes.map(async (lane, partition) => {
        const position = lane.unsaved;
        if (position === undefined) return;
        await store.setCursor(consumerName, partition, position);
        lane.saved(position);
        moved.add(partition);
      }),
    );
    await Promise.all(saves);
    await Promise.all([...moved].map(partition => this.#trim(partition)));
  }

  /** Only what every sink has: a crash before the next save repeats what is left, and misses nothing. */
  async #trim(partition: number): Promise<void> {
    const positions = this.#sinks.map(({ lanes }) => lanes[partition]?.doneUpTo ?? "");
    const [slowest = ""] = positions.sort();
    if (slowest === "" || slowest === this.#trimmed.get(partition)) return;
    await this.#options.store.trimEvents(partition, slowest);
    this.#trimmed.set(partition, slowest);
  }
}

/** At most so many pieces of work at once; the others wait in order. */
class Permits {
  #free: number;
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
    this.#limit = limit;
  }

  get inUse(): number {
    return this.#limit - this.#free;
  }

  async use<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

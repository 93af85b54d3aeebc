import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { partitionCount } from "../platform/state/store.ts";
import { createEventDecoder } from "./event-entry.ts";
import { EventPartition, type EventStore, type Outlet } from "./event-partition.ts";
import { LoopShare } from "./loop-share.ts";
import { Pauses } from "./pauses.ts";
import type { ApplicationEvent, DeviceDirectory, EventFeed, EventSink } from "./ports.ts";
import { SinkDispatcher } from "./sink-dispatcher.ts";
import type { EventTools } from "./uplink.ts";

export interface EventConsumerOptions extends EventTools {
  readonly store: EventStore;
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

const closingMs = 2000;

/**
 * Reads the event log, makes application events and delivers each to every sink: in order per device, devices side by
 * side, at least once. Every sink has its own position in every partition, saved after delivery, so that a slow or dead
 * sink delays nobody; what it missed waits in the log, which is trimmed behind the slowest.
 */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  return new Consumer(options);
}

class Consumer implements EventConsumer {
  readonly #options: EventConsumerOptions;
  readonly #listeners = new Set<(event: ApplicationEvent) => void>();
  readonly #pauses: Pauses;
  readonly #share: LoopShare;
  readonly #dispatchers: SinkDispatcher[] = [];
  #partitions: readonly EventPartition[] = [];
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
    this.#pauses = new Pauses(options.clock);
    this.#share = new LoopShare(options.clock);
  }

  async start(): Promise<void> {
    const { store } = this.#options;
    const partitionOptions = {
      ...this.#options,
      decode: createEventDecoder(this.#options),
      outlets: [this.#feedOutlet(), ...this.#options.sinks.map(sink => this.#sinkOutlet(sink))],
      share: this.#share,
      pauses: this.#pauses,
    };
    const numbers = Array.from({ length: partitionCount }, (_, partition) => partition);
    this.#partitions = await Promise.all(numbers.map(partition => EventPartition.open(partition, partitionOptions)));
    this.#unsubscribe = store.onEvents(partition => this.#partitions[partition]?.wake());
    for (const partition of this.#partitions) partition.wake();
    this.#planSave();
  }

  async close(): Promise<void> {
    const { clock } = this.#options;
    this.#closing = true;
    this.#unsubscribe?.();
    this.#cancelSave?.();
    for (const part of [...this.#partitions, ...this.#dispatchers]) part.close();
    this.#pauses.end();
    const deadlineUs = clock.monotonicUs() + closingMs * 1000;
    while (this.#dispatchers.some(({ inFlight }) => inFlight > 0) && clock.monotonicUs() < deadlineUs) {
      await new Promise<void>(resolve => clock.after(10, resolve));
    }
    await this.#save();
  }

  #sinkOutlet(sink: EventSink): Outlet {
    const { metrics } = this.#options;
    const dispatcher = this.#dispatcher(sink, ({ kind }) => metrics.events.inc({ kind }));
    return { consumerName: `sink:${sink.name}`, submit: delivery => dispatcher.submit(delivery) };
  }

  /** Live streams need what comes from now on: no position is saved, and without a listener nothing is even decoded. */
  #feedOutlet(): Outlet {
    const dispatcher = this.#dispatcher({ name: "feed", deliver: async event => this.#tell(event) });
    return {
      submit: delivery => {
        if (this.#listeners.size > 0) dispatcher.submit(delivery);
        else delivery.lane.finished(delivery);
      },
    };
  }

  #dispatcher(sink: EventSink, delivered: (event: ApplicationEvent) => void = () => undefined): SinkDispatcher {
    const { maxInFlight = 512, log, metrics } = this.#options;
    const [share, pauses] = [this.#share, this.#pauses];
    const dispatcher = new SinkDispatcher({ sink, maxInFlight, share, pauses, log, metrics, delivered });
    this.#dispatchers.push(dispatcher);
    return dispatcher;
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

  #planSave(): void {
    if (this.#closing) return;
    this.#cancelSave = this.#options.clock.after(this.#options.saveIntervalMs ?? 200, () => {
      void this.#save().finally(() => this.#planSave());
    });
  }

  #save(): Promise<void> {
    this.#saving = this.#saving
      .then(async () => {
        await Promise.all(this.#partitions.map(partition => partition.save()));
      })
      .catch(error => {
        this.#options.log.warn({ err: error }, "saving positions in the event log failed; trying again");
      });
    return this.#saving;
  }
}

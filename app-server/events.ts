import type { Clock } from "../platform/clock.ts";
import type { LeaseHolder, Leases } from "../platform/leases/leases.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { partitionCount } from "../platform/state/store.ts";
import { BatchOutlet, type EventKeeper } from "./batch-outlet.ts";
import { createEventDecoder } from "./event-entry.ts";
import { EventPartition, type EventStore, type Outlet, type PartitionOptions } from "./event-partition.ts";
import { LoopShare } from "./loop-share.ts";
import { Pauses } from "./pauses.ts";
import type { ApplicationEvent, DeviceDirectory, EventFeed, EventSink } from "./ports.ts";
import { SinkDispatcher } from "./sink-dispatcher.ts";
import type { EventTools } from "./uplink.ts";

export interface EventConsumerOptions extends EventTools {
  readonly store: EventStore;
  /** Which partitions of the log are this process's to deliver. */
  readonly leases: Leases;
  readonly directory: DeviceDirectory;
  readonly sinks: readonly EventSink[];
  /** Whoever else works on the partitions that this process holds; told after the sinks are done with one. */
  readonly followers?: readonly LeaseHolder[];
  /** What keeps events for later, and rests while the process is busy; nothing when absent. */
  readonly history?: EventHistoryOptions;
  /** Who looks at each event as it comes, however busy the process is: they do little with most. */
  readonly observers?: readonly EventKeeper[];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How often positions are saved and the log is trimmed; 500. What was delivered since comes again after a kill -9. */
  readonly saveIntervalMs?: number;
  /** How often observers write down what they have gathered; 5000. So much is looked at again after a crash. */
  readonly flushIntervalMs?: number;
  /** Deliveries under way at once to one sink; 512. */
  readonly maxInFlight?: number;
}

export interface EventHistoryOptions {
  readonly keeper: EventKeeper;
  /** How many events of all partitions may wait for it. */
  readonly maxBacklog: number;
  /** Which share of its time the process was at work since this was last asked; the busier, the longer the history rests. */
  readonly busyShare?: () => number;
}

export interface EventConsumer {
  readonly feed: EventFeed;
  /** Whether observers have had everything that is in this partition of the log; false for one that is not held. */
  isObserved(partition: number): boolean;
  /** Resolves when reading has begun of the partitions that are held at once. */
  start(): Promise<void>;
  /** Gives deliveries under way up to two seconds, then saves how far every sink got, and gives the partitions back. */
  close(): Promise<void>;
}

const closingMs = 2000;
const observersName = "observers";
/** While the history rests events had better wait in the log than in memory. */
const restingWindow = 16;

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
  readonly #history: BatchOutlet | undefined;
  readonly #observers: BatchOutlet | undefined;
  readonly #partitions = new Map<number, EventPartition>();
  /** For partitions whose positions are being read, what tells this time from another. */
  readonly #opening = new Map<number, object>();
  #unsubscribe: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #cancelFlush: (() => void) | undefined;
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
    const { history, observers = [], metrics } = options;
    const [share, tools] = [this.#share, { clock: options.clock, log: options.log }];
    if (history) {
      this.#history = new BatchOutlet({
        ...tools,
        name: "the history",
        keepers: [history.keeper],
        share,
        maxBehind: Math.ceil(history.maxBacklog / partitionCount),
        busyShare: history.busyShare ?? (() => 0),
        leftOut: (reason, count) => metrics.historyLeftOut.inc({ what: "events", reason }, count),
      });
    }
    if (observers.length > 0) {
      this.#observers = new BatchOutlet({
        ...tools,
        name: "alerts and device twins",
        keepers: observers,
        share,
        leftOut: (_reason, count) => metrics.eventsUnobserved.inc(count),
      });
    }
  }

  isObserved(partition: number): boolean {
    return this.#partitions.get(partition)?.isCaughtUp(observersName) ?? false;
  }

  async start(): Promise<void> {
    const { store, leases, followers = [] } = this.#options;
    const partitionOptions = {
      ...this.#options,
      decode: createEventDecoder(this.#options),
      outlets: [
        this.#feedOutlet(),
        ...(this.#history ? [{ ...this.#batchOutlet("history", this.#history), window: restingWindow }] : []),
        ...(this.#observers ? [{ ...this.#batchOutlet(observersName, this.#observers), flush: this.#flushed }] : []),
        ...this.#options.sinks.map(sink => this.#sinkOutlet(sink)),
      ],
      isHeld: (partition: number) => leases.isHeld(partition),
      share: this.#share,
      pauses: this.#pauses,
    };
    this.#unsubscribe = store.onEvents((partition, appended) => this.#partitions.get(partition)?.wake(appended));
    const opened: Promise<void>[] = [];
    await leases.start({
      acquired: partition => {
        opened.push(this.#open(partition, partitionOptions));
      },
      released: async partition => {
        this.#opening.delete(partition);
        const open = this.#partitions.get(partition);
        if (this.#closing || open === undefined) return;
        await open.release().catch(error => this.#reportSave(error));
        this.#partitions.delete(partition);
        await Promise.all(followers.map(follower => follower.released(partition)));
      },
      lost: partition => {
        this.#opening.delete(partition);
        this.#partitions.get(partition)?.close();
        if (!this.#partitions.delete(partition)) return;
        for (const follower of followers) follower.lost(partition);
      },
    });
    await Promise.all(opened);
    this.#planSave();
    this.#planFlush();
  }

  async #open(partition: number, options: PartitionOptions): Promise<void> {
    const opening = {};
    this.#opening.set(partition, opening);
    const isCurrent = (): boolean => this.#opening.get(partition) === opening && !this.#closing;
    while (isCurrent()) {
      try {
        const opened = await EventPartition.open(partition, options);
        if (!isCurrent()) return;
        this.#opening.delete(partition);
        this.#partitions.set(partition, opened);
        // What a position passes over a follower finds: the process before this one may have been too slow to keep the partition,
        // and have written both a moment ago.
        for (const follower of this.#options.followers ?? []) follower.acquired(partition);
        opened.wake();
      } catch (error) {
        this.#options.log.warn({ err: error, partition }, "reading positions in the event log failed; trying again");
        await this.#pauses.pause(1000);
      }
    }
  }

  async close(): Promise<void> {
    const { clock } = this.#options;
    this.#closing = true;
    this.#unsubscribe?.();
    this.#cancelSave?.();
    this.#cancelFlush?.();
    for (const part of [...this.#partitions.values(), ...this.#dispatchers]) part.close();
    this.#pauses.end();
    const closed = [this.#history?.close(), this.#observers?.close()];
    const deadlineUs = clock.monotonicUs() + closingMs * 1000;
    while (this.#dispatchers.some(({ inFlight }) => inFlight > 0) && clock.monotonicUs() < deadlineUs) {
      await new Promise<void>(resolve => clock.after(10, resolve));
    }
    await Promise.all(closed);
    await this.#flush();
    await this.#save();
    await this.#options.leases.close();
  }

  #batchOutlet(consumerName: string, outlet: BatchOutlet): Outlet {
    return { consumerName, submit: delivery => outlet.submit(delivery) };
  }

  readonly #flushed = async (): Promise<void> => {
    for (const observer of this.#options.observers ?? []) await observer.flush?.();
  };

  #sinkOutlet(sink: EventSink): Outlet {
    const { metrics } = this.#options;
    const dispatcher = this.#dispatcher(sink, ({ kind }) => metrics.events.inc({ kind }));
    return {
      consumerName: `sink:${sink.name}`,
      submit: delivery => {
        if (sink.isIdle) delivery.lane.finished(delivery);
        else dispatcher.submit(delivery);
      },
    };
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
    this.#cancelSave = this.#options.clock.after(this.#options.saveIntervalMs ?? 500, () => {
      void this.#save().finally(() => this.#planSave());
    });
  }

  #planFlush(): void {
    if (this.#closing || this.#observers === undefined) return;
    this.#cancelFlush = this.#options.clock.after(this.#options.flushIntervalMs ?? 5000, () => {
      void this.#flush().finally(() => this.#planFlush());
    });
  }

  async #flush(): Promise<void> {
    try {
      await Promise.all(Array.from(this.#partitions.values(), partition => partition.flush()));
    } catch (error) {
      this.#options.log.warn({ err: error }, "what was observed is not written down now; trying again");
    }
  }

  #save(): Promise<void> {
    this.#saving = this.#saving
      .then(async () => {
        await Promise.all(Array.from(this.#partitions.values(), partition => partition.save()));
      })
      .catch(error => this.#reportSave(error));
    return this.#saving;
  }

  #reportSave(error: unknown): void {
    this.#options.log.warn({ err: error }, "saving positions in the event log failed; trying again");
  }
}

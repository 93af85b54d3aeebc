import { restMs } from "../platform/busy-share.ts";
import type { Clock } from "../platform/clock.ts";
import { SqlError } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Delivery } from "./event-lane.ts";
import type { LoopShare } from "./loop-share.ts";
import { Pauses } from "./pauses.ts";
import type { ApplicationEvent } from "./ports.ts";

/** Takes events for good, many at a time. */
export interface EventKeeper {
  /**
   * Resolves when they are kept, those that were kept before once only. Rejects with SqlError, and none is kept then.
   */
  keep(events: readonly ApplicationEvent[]): Promise<void>;
}

/** Several as one: an event is kept when all of them have it. */
export const keptByAll = (keepers: readonly EventKeeper[]): EventKeeper => ({
  async keep(events) {
    for (const keeper of keepers) await keeper.keep(events);
  },
});

export interface HistoryOutletOptions {
  readonly keeper: EventKeeper;
  readonly share: LoopShare;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How many events of one partition of the log may wait for the history; older ones are left out then. */
  readonly maxBehind: number;
  /** Which share of its time the process was at work since this was last asked, 0 to 1. */
  readonly busyShare?: (() => number) | undefined;
}

/** Few enough that what is computed for them at once does not hold up a downlink. */
const maxBatch = 100;
/** Long enough for a batch to be worth its transaction, short enough for people who look. */
const gatherMs = 50;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/**
 * Gives events to the history in batches. It has a position of its own in the log, so that events wait there while the
 * database is away and nobody else waits for them; what would wait behind too many is left out and counted.
 */
export class HistoryOutlet {
  readonly #options: HistoryOutletOptions;
  readonly #pauses: Pauses;
  #waiting: Delivery[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: HistoryOutletOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.clock);
  }

  submit(delivery: Delivery): void {
    if (this.#closed) return;
    if (this.#isTooFar(delivery)) {
      this.#leaveOut([delivery], "backlog");
      return;
    }
    this.#waiting.push(delivery);
    this.#running ??= this.#run();
  }

  /** Begins nothing more; resolves when the batch under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pauses.end();
    await this.#running;
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    await this.#pauses.pause(gatherMs);
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#waiting.splice(0, maxBatch).filter(({ lane }) => lane.isOpen);
      for (const { lane } of batch) lane.inFlight += 1;
      // After each batch the event loop is everybody else's for as long.
      const startedUs = this.#options.clock.monotonicUs();
      await this.#keep(batch);
      const tookMs = (this.#options.clock.monotonicUs() - startedUs) / 1000;
      const isFull = this.#waiting.length >= maxBatch;
      const usualMs = isFull ? Math.min(tookMs, gatherMs) : gatherMs;
      // What is gathered meanwhile waits in the log.
      await this.#pauses.pause(restMs(usualMs, this.#options.busyShare?.() ?? 0));
    }
    this.#running = undefined;
  }

  async #keep(given: readonly Delivery[]): Promise<void> {
    let batch = given;
    for (let retryMs = firstRetryMs; batch.length > 0; retryMs = Math.min(2 * retryMs, longestRetryMs)) {
      try {
        await this.#keepNow(batch);
        this.#finish(batch);
        return;
      } catch (error) {
        if (this.#closed) break;
        this.#options.log.warn({ err: error, retryMs }, "events wait for the history");
        await this.#pauses.pause(retryMs);
        batch = this.#stillDue(batch);
      }
    }
    for (const { lane } of batch) lane.inFlight -= 1;
  }

  async #keepNow(batch: readonly Delivery[]): Promise<void> {
    const { share, keeper } = this.#options;
    const events: ApplicationEvent[] = [];
    for (const { entry } of batch) {
      events.push(...(await entry.events()));
      if (share.spent) await new Promise<void>(resolve => share.later(resolve));
    }
    try {
      await keeper.keep(events);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#keepOneByOne(events);
    }
  }

  /** One that the database will never take must not hold up the others. */
  async #keepOneByOne(events: readonly ApplicationEvent[]): Promise<void> {
    const { keeper, log, metrics } = this.#options;
    for (const event of events) {
      try {
        await keeper.keep([event]);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        metrics.historyLeftOut.inc({ what: "events", reason: "refused" });
        log.error({ err: error, devEui: event.devEui, kind: event.kind }, "the database refused an event");
      }
    }
  }

  #isTooFar({ lane }: Delivery): boolean {
    return lane.behindBy() > this.#options.maxBehind;
  }

  /** Without those that are another process's by now, and those that too many wait behind. */
  #stillDue(batch: readonly Delivery[]): readonly Delivery[] {
    const { due, far, gone } = Object.groupBy(batch, delivery =>
      !delivery.lane.isOpen ? "gone" : this.#isTooFar(delivery) ? "far" : "due",
    );
    for (const { lane } of [...(far ?? []), ...(gone ?? [])]) lane.inFlight -= 1;
    const waiting = Object.groupBy(this.#waiting, delivery => (this.#isTooFar(delivery) ? "far" : "due"));
    this.#waiting = waiting.due ?? [];
    this.#leaveOut([...(far ?? []), ...(waiting.far ?? [])], "backlog");
    return due ?? [];
  }

  #leaveOut(deliveries: readonly Delivery[], reason: "backlog"): void {
    if (deliveries.length === 0) return;
    this.#options.metrics.historyLeftOut.inc({ what: "events", reason }, deliveries.length);
    for (const delivery of deliveries) delivery.lane.finished(delivery);
  }

  #finish(batch: readonly Delivery[]): void {
    for (const delivery of batch) {
      delivery.lane.inFlight -= 1;
      delivery.lane.finished(delivery);
    }
  }
}

/** The values are at fault: another try would end alike. */
const isRefusal = (error: unknown): boolean =>
  error instanceof SqlError && (error.code === "sql_invalid_value" || error.code === "sql_check_violation");

import { createRest } from "../platform/busy-share.ts";
import type { Clock } from "../platform/clock.ts";
import { SqlError } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
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
  /**
   * For one that gathers in memory: resolves when what it was given so far is written down. Where it got to in the log is
   * not saved before.
   */
  flush?(): Promise<void>;
}

export interface BatchOutletOptions {
  /** For whoever reads the log: what events wait for. */
  readonly name: string;
  /** Each gets every event. */
  readonly keepers: readonly EventKeeper[];
  readonly share: LoopShare;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of events that are missing from now on. */
  readonly leftOut: (reason: "backlog" | "refused", count: number) => void;
  /** How many events of one partition of the log may wait; older ones are left out then. Without it all of them do. */
  readonly maxBehind?: number | undefined;
  /** Which share of its time the process was at work since this was last asked, 0 to 1. Without it there is no rest. */
  readonly busyShare?: (() => number) | undefined;
}

/** Few enough that what is computed for them at once does not hold up a downlink. */
const maxBatch = 100;
/** Long enough for a batch to be worth its transaction, short enough for people who look. */
const gatherMs = 50;
const firstRetryMs = 500;
const longestRetryMs = 10_000;

/**
 * Gives events to keepers in batches. It has a position of its own in the log, so that events wait there while the database
 * is away and nobody else waits for them; what would wait behind too many is left out and counted.
 */
export class BatchOutlet {
  readonly #options: BatchOutletOptions;
  readonly #pauses: Pauses;
  /** After a batch that took so long, or that was not a full one. */
  readonly #rest: (tookMs: number, isFull: boolean) => Promise<void>;
  #waiting: Delivery[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: BatchOutletOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.clock);
    const pause = (delayMs: number) => this.#pauses.pause(delayMs);
    const rest = options.busyShare && createRest(options.busyShare, pause);
    this.#rest = rest
      ? // The event loop is everybody else's for as long.
        (tookMs, isFull) => rest(isFull ? Math.min(tookMs, gatherMs) : gatherMs)
      : (_tookMs, isFull) => pause(isFull ? 0 : gatherMs);
  }

  submit(delivery: Delivery): void {
    if (this.#closed) return;
    if (this.#isTooFar(delivery)) {
      this.#leaveOut([delivery]);
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
      const startedUs = this.#options.clock.monotonicUs();
      await this.#keep(batch);
      // What comes meanwhile waits in the log.
      await this.#rest((this.#options.clock.monotonicUs() - startedUs) / 1000, this.#waiting.length >= maxBatch);
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
        const { log, name } = this.#options;
        log.warn({ err: error, retryMs }, `events wait for ${name}`);
        await this.#pauses.pause(retryMs);
        batch = this.#stillDue(batch);
      }
    }
    for (const { lane } of batch) lane.inFlight -= 1;
  }

  async #keepNow(batch: readonly Delivery[]): Promise<void> {
    const { share, keepers } = this.#options;
    const events: ApplicationEvent[] = [];
    for (const { entry } of batch) {
      events.push(...(await entry.events()));
      if (share.spent) await new Promise<void>(resolve => share.later(resolve));
    }
    for (const keeper of keepers) await this.#keepBy(keeper, events);
  }

  async #keepBy(keeper: EventKeeper, events: readonly ApplicationEvent[]): Promise<void> {
    try {
      await keeper.keep(events);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#keepOneByOne(keeper, events);
    }
  }

  /** One that the database will never take must not hold up the others. */
  async #keepOneByOne(keeper: EventKeeper, events: readonly ApplicationEvent[]): Promise<void> {
    const { log, leftOut } = this.#options;
    for (const event of events) {
      try {
        await keeper.keep([event]);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        leftOut("refused", 1);
        log.error({ err: error, devEui: event.devEui, kind: event.kind }, "the database refused an event");
      }
    }
  }

  #isTooFar({ lane }: Delivery): boolean {
    const { maxBehind } = this.#options;
    return maxBehind !== undefined && lane.behindBy() > maxBehind;
  }

  /** Without those that are another process's by now, and those that too many wait behind. */
  #stillDue(batch: readonly Delivery[]): readonly Delivery[] {
    const { due, far, gone } = Object.groupBy(batch, delivery =>
      !delivery.lane.isOpen ? "gone" : this.#isTooFar(delivery) ? "far" : "due",
    );
    for (const { lane } of [...(far ?? []), ...(gone ?? [])]) lane.inFlight -= 1;
    const waiting = Object.groupBy(this.#waiting, delivery => (this.#isTooFar(delivery) ? "far" : "due"));
    this.#waiting = waiting.due ?? [];
    this.#leaveOut([...(far ?? []), ...(waiting.far ?? [])]);
    return due ?? [];
  }

  #leaveOut(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return;
    this.#options.leftOut("backlog", deliveries.length);
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

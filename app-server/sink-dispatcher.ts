import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Delivery } from "./event-lane.ts";
import type { LoopShare } from "./loop-share.ts";
import type { Pauses } from "./pauses.ts";
import type { ApplicationEvent, EventSink } from "./ports.ts";

const firstRetryMs = 100;
const longestRetryMs = 30_000;

export interface DispatcherOptions {
  readonly sink: EventSink;
  /** Deliveries under way at once. */
  readonly maxInFlight: number;
  readonly share: LoopShare;
  readonly pauses: Pauses;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told of each event that the sink took. */
  readonly delivered: (event: ApplicationEvent) => void;
}

/** Gives one sink what its lanes submit: so many at a time, and each again until the sink has it. */
export class SinkDispatcher {
  readonly #options: DispatcherOptions;
  readonly #ready: Delivery[] = [];
  #inFlight = 0;
  #waitsForTurn = false;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  submit(delivery: Delivery): void {
    this.#ready.push(delivery);
    this.#run();
  }

  /** Begins nothing more; what is in flight comes to its end, or stays undone if the sink does not take it now. */
  close(): void {
    this.#closed = true;
    this.#ready.length = 0;
  }

  #run(): void {
    const { share, maxInFlight } = this.#options;
    while (this.#inFlight < maxInFlight && !this.#waitsForTurn && !this.#closed) {
      const delivery = this.#ready.shift();
      if (delivery === undefined) return;
      if (!delivery.lane.isOpen) continue;
      this.#inFlight += 1;
      delivery.lane.inFlight += 1;
      void this.#deliver(delivery);
      if (share.spent) this.#waitForTurn();
    }
  }

  #waitForTurn(): void {
    this.#waitsForTurn = true;
    this.#options.share.later(() => {
      this.#waitsForTurn = false;
      this.#run();
    });
  }

  /** Tries until the sink has every event of this entry, in order; an event that it took is not sent again. */
  async #deliver(delivery: Delivery): Promise<void> {
    const { sink, pauses, delivered } = this.#options;
    const { lane } = delivery;
    let taken = 0;
    for (let retryMs = firstRetryMs; !this.#closed && lane.isOpen; retryMs = Math.min(2 * retryMs, longestRetryMs)) {
      try {
        const events = await delivery.entry.events();
        for (const event of events.slice(taken)) {
          // Decoding takes time, in which the partition may have gone to another process.
          if (taken === 0 && !lane.isOpen) break;
          await sink.deliver(event);
          taken += 1;
          delivered(event);
        }
        if (taken < events.length) break;
        this.#inFlight -= 1;
        lane.inFlight -= 1;
        lane.finished(delivery);
        this.#run();
        return;
      } catch (error) {
        this.#report(error, delivery, retryMs);
        await pauses.pause(retryMs);
      }
    }
    this.#inFlight -= 1;
    lane.inFlight -= 1;
    this.#run();
  }

  #report(error: unknown, { entry }: Delivery, retryMs: number): void {
    const { sink, log, metrics } = this.#options;
    metrics.sinkFailures.inc({ sink: sink.name });
    log.warn({ err: error, sink: sink.name, devEui: entry.devEui, retryMs }, "event not delivered; trying again");
  }
}

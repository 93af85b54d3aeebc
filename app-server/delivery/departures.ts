import type { Log } from "../../platform/log.ts";
import type { DeliveryQueue, Departure } from "../integration-ports.ts";
import type { Pauses } from "../pauses.ts";

const maxAtOnce = 1000;
/** Many leave at once, and a statement costs the same for all of them. */
const gatherMs = 10;
const retryMs = 1000;

interface Leaving {
  readonly departure: Departure;
  readonly done: () => void;
}

/** Takes messages of every integration out of the durable queue, many at a time, and tries until it has. */
export class Departures {
  readonly #queue: DeliveryQueue;
  readonly #pauses: Pauses;
  readonly #log: Log;
  readonly #leaving: Leaving[] = [];
  #working: Promise<void> | undefined;

  constructor(queue: DeliveryQueue, pauses: Pauses, log: Log) {
    this.#queue = queue;
    this.#pauses = pauses;
    this.#log = log;
  }

  /** `done` once it is out of the queue. */
  add(departure: Departure, done: () => void): void {
    this.#leaving.push({ departure, done });
    this.#working ??= this.#work();
  }

  /** Resolves when all of them are out, or cannot be taken out now. */
  async flush(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    await this.#pauses.pause(gatherMs);
    while (this.#leaving.length > 0) {
      const batch = this.#leaving.slice(0, maxAtOnce);
      try {
        await this.#queue.depart(batch.map(({ departure }) => departure));
        this.#leaving.splice(0, batch.length);
        for (const { done } of batch) done();
      } catch (error) {
        this.#log.warn({ err: error }, "delivered messages cannot be taken out of their queues; trying again");
        // What stays is delivered a second time, under the same identifier.
        if (this.#pauses.ended) break;
        await this.#pauses.pause(retryMs);
      }
    }
    this.#working = undefined;
  }
}

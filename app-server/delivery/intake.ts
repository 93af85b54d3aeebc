import { partitionOf } from "../../platform/state/store.ts";
import type { DeliveryQueue, NewMessage, QueuedMessage } from "../integration-ports.ts";
import type { ApplicationEvent, EventSink } from "../ports.ts";
import type { Matcher } from "./match.ts";

const maxAtOnce = 500;

interface Arrival {
  readonly messages: readonly NewMessage[];
  readonly taken: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The one place where events enter the durable queues. An event is taken once it is in the queue of every integration that
 * it is for. What comes while a statement is under way goes with the next, and there is one at a time: so the numbers of a
 * partition's messages become visible in their order.
 */
export class Intake implements EventSink {
  readonly name = "integrations";
  readonly #queue: DeliveryQueue;
  readonly #matcher: Matcher;
  readonly #stored: (messages: readonly QueuedMessage[]) => void;
  readonly #arrivals: Arrival[] = [];
  #working = false;

  constructor(queue: DeliveryQueue, matcher: Matcher, stored: (messages: readonly QueuedMessage[]) => void) {
    this.#queue = queue;
    this.#matcher = matcher;
    this.#stored = stored;
  }

  get isIdle(): boolean {
    return this.#matcher.isEmpty;
  }

  deliver(event: ApplicationEvent): Promise<void> {
    const ids = this.#matcher.match(event);
    if (ids.length === 0) return Promise.resolve();
    const { kind, tenantId, applicationId, devEui, json } = event;
    const message = { partition: partitionOf(devEui), devEui, applicationId, tenantId, kind, event: json };
    return new Promise((taken, failed) => {
      this.#arrivals.push({ messages: ids.map(integrationId => ({ integrationId, ...message })), taken, failed });
      if (this.#working) return;
      this.#working = true;
      // The rest of what this turn of the event loop brings goes along.
      setImmediate(() => void this.#work());
    });
  }

  async #work(): Promise<void> {
    while (this.#arrivals.length > 0) {
      const batch = this.#arrivals.splice(0, maxAtOnce);
      try {
        this.#stored(await this.#queue.append(batch.flatMap(({ messages }) => messages)));
        for (const { taken } of batch) taken();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#working = false;
  }
}

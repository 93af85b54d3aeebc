import type { IntegrationId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { DeliveryQueue, IntegrationLimits, QueueSize } from "../integration-ports.ts";

export interface KeeperOptions {
  readonly queue: DeliveryQueue;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly everyMs: number;
  /** One process of the installation is. */
  readonly isOnDuty: () => boolean;
}

interface Kept {
  readonly kind: string;
  readonly limits: IntegrationLimits;
}

const maxLetters = 10_000;
const maxLetterAgeHours = 30 * 24;
const trimLettersEvery = 30;
/** Counting queues of millions takes seconds: no more than this part of the time goes into it. */
const maxShare = 1 / 20;
/** What takes less is no matter. */
const shortMs = 500;

/** Keeps every queue within its integration's limits, and tells how long they are. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #kept = new Map<IntegrationId, Kept>();
  #rounds = 0;
  #countingMs = 0;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  keep(id: IntegrationId, kind: string, limits: IntegrationLimits): void {
    this.#kept.set(id, { kind, limits });
  }

  forget(id: IntegrationId): void {
    this.#kept.delete(id);
  }

  start(): void {
    this.#plan(this.#options.everyMs);
  }

  #plan(delayMs: number): void {
    if (this.#closed) return;
    const { clock, everyMs } = this.#options;
    this.#cancel = clock.after(delayMs, () => {
      void this.#round().finally(() => {
        const countingMs = this.#countingMs < shortMs ? 0 : this.#countingMs;
        this.#plan(Math.max(everyMs, countingMs / maxShare));
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #round(): Promise<void> {
    const { log, isOnDuty } = this.#options;
    this.#countingMs = 0;
    if (this.#kept.size === 0 || !isOnDuty()) return this.#show([]);
    const sizes: QueueSize[] = [];
    for (const id of [...this.#kept.keys()]) {
      try {
        const size = await this.#size(id);
        sizes.push(size);
        await this.#keepWithin(size);
      } catch (error) {
        log.warn({ err: error, integrationId: id }, "looking after an integration's queue failed; trying again");
      }
    }
    this.#show(sizes);
    if (this.#rounds % trimLettersEvery === 0) await this.#trimLetters();
    this.#rounds += 1;
  }

  async #size(id: IntegrationId): Promise<QueueSize> {
    const { queue, clock } = this.#options;
    const startUs = clock.monotonicUs();
    try {
      return await queue.size(id);
    } finally {
      this.#countingMs += (clock.monotonicUs() - startUs) / 1000;
    }
  }

  #show(sizes: readonly QueueSize[]): void {
    const { integrationQueueMessages, integrationQueueBytes, integrationQueueAge } = this.#options.metrics;
    const gauges = [integrationQueueMessages, integrationQueueBytes, integrationQueueAge];
    for (const gauge of gauges) gauge.reset();
    const waiting = sizes.filter(({ messages }) => messages > 0);
    const byKind = Map.groupBy(waiting, ({ integrationId }) => this.#kept.get(integrationId)?.kind ?? "unknown");
    for (const [kind, ones] of byKind) {
      integrationQueueMessages.set(
        { kind },
        ones.reduce((sum, { messages }) => sum + messages, 0),
      );
      integrationQueueBytes.set(
        { kind },
        ones.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      integrationQueueAge.set({ kind }, Math.max(...ones.map(({ oldestAgeMs }) => oldestAgeMs)) / 1000);
    }
  }

  async #keepWithin({ integrationId, messages, bytes, oldestAgeMs }: QueueSize): Promise<void> {
    const { queue, log, metrics } = this.#options;
    const kept = this.#kept.get(integrationId);
    if (kept === undefined) return;
    const { kind, limits } = kept;
    const isWithin =
      messages <= limits.maxMessages &&
      bytes <= limits.maxMegabytes * 1_000_000 &&
      oldestAgeMs <= limits.maxAgeHours * 3_600_000;
    if (isWithin) return;
    const moved = await queue.trim(integrationId, limits);
    if (moved === 0) return;
    const dropped = limits.onOverflow === "drop" ? moved : 0;
    const fate = limits.onOverflow === "drop" ? "dropped" : "dead_letter";
    metrics.integrationOverflow.inc({ kind, fate }, moved);
    log.error({ integrationId, kind, messages: moved, fate }, "an integration's queue is over its limits");
    const what = limits.onOverflow === "drop" ? "were dropped" : "became dead letters";
    const lastError = {
      atMs: this.#options.clock.nowMs(),
      message: `${moved} messages ${what}: the queue is over its limits`,
    };
    await queue.report([
      { integrationId, circuit: "open", delivered: 0, dropped, lastDeliveredAtMs: undefined, lastError },
    ]);
  }

  async #trimLetters(): Promise<void> {
    const { queue, metrics, log } = this.#options;
    try {
      const dropped = await queue.trimDeadLetters(maxLetters, maxLetterAgeHours);
      if (dropped === 0) return;
      metrics.integrationOverflow.inc({ kind: "all", fate: "dead_letter_dropped" }, dropped);
      log.error({ letters: dropped }, "dead letters of integrations were dropped: too many or too old");
    } catch (error) {
      log.warn({ err: error }, "looking after dead letters failed; trying again");
    }
  }
}

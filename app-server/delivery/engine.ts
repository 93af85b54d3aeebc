import type { IntegrationId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { LeaseHolder, Leases } from "../../platform/leases/leases.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type {
  ConfiguredIntegration,
  DeliveryQueue,
  IntegrationCatalog,
  QueuedMessage,
  SinkFactory,
  StateReport,
} from "../integration-ports.ts";
import { LoopShare } from "../loop-share.ts";
import { Pauses } from "../pauses.ts";
import type { EventSink } from "../ports.ts";
import type { BackOff } from "./circuit.ts";
import { Departures } from "./departures.ts";
import { Intake } from "./intake.ts";
import { Keeper } from "./keeper.ts";
import { Matcher } from "./match.ts";
import { IntegrationRunner } from "./runner.ts";

export interface DeliveryOptions {
  readonly catalog: IntegrationCatalog;
  readonly queue: DeliveryQueue;
  readonly sinks: SinkFactory;
  readonly leases: Pick<Leases, "isHeld">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Between tries; 1 s to 60 s by default. */
  readonly backOff?: BackOff;
  /** How often limits are looked after; 10 s. */
  readonly keepEveryMs?: number;
  /** How often states are written down; 2 s. */
  readonly reportEveryMs?: number;
  /** A delivery that takes longer has failed; 30 s. */
  readonly timeLimitMs?: number;
}

export interface Delivery {
  /** Takes events into the durable queues. */
  readonly sink: EventSink;
  /** To be told of the partitions that this process holds. */
  readonly holder: LeaseHolder;
  /** Resolves when the integrations are known. */
  start(): Promise<void>;
  /** Gives deliveries under way up to two seconds. */
  close(): Promise<void>;
}

const defaultBackOff: BackOff = { firstMs: 1000, longestMs: 60_000, random: Math.random };
const closingMs = 2000;
/** Short: the partition's other sinks wait for it. What is cut off is sent again. */
const releasingMs = 500;
const loadRetryMs = 1000;

/**
 * Takes events into a durable queue for each integration and sends each queue's messages with its sink: nothing waits for
 * anything but the events of one device to one receiver.
 */
export function createDelivery(options: DeliveryOptions): Delivery {
  return new Engine(options);
}

class Engine implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #matcher = new Matcher();
  readonly #pauses: Pauses;
  readonly #share: LoopShare;
  readonly #departures: Departures;
  readonly #keeper: Keeper;
  readonly #runners = new Map<IntegrationId, IntegrationRunner>();
  readonly #held = new Set<number>();
  /** Changes of one integration are put into effect one after the other. */
  readonly #changing = new Map<IntegrationId, Promise<void>>();
  readonly #unsubscribe: (() => Promise<void>)[] = [];
  #cancelReport: () => void = () => undefined;
  #resyncPlanned = false;
  #closed = false;
  readonly sink: Intake;

  readonly holder: LeaseHolder = {
    acquired: partition => {
      this.#held.add(partition);
      this.#planResync();
    },
    released: async partition => {
      this.#held.delete(partition);
      const runners = [...this.#runners.values()];
      await Promise.all(runners.map(runner => runner.release(partition, releasingMs)));
      if (runners.length > 0) await this.#departures.flush();
    },
    lost: partition => {
      this.#held.delete(partition);
      for (const runner of this.#runners.values()) runner.lost(one => one === partition);
    },
  };

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { queue, clock, log, metrics, leases, keepEveryMs = 10_000 } = options;
    this.#pauses = new Pauses(clock);
    this.#share = new LoopShare(clock);
    this.#departures = new Departures(queue, this.#pauses, log);
    this.sink = new Intake(queue, this.#matcher, messages => this.#stored(messages));
    this.#keeper = new Keeper({ queue, clock, log, metrics, everyMs: keepEveryMs, isOnDuty: () => leases.isHeld(0) });
  }

  async start(): Promise<void> {
    const { catalog, queue } = this.#options;
    this.#unsubscribe.push(await catalog.onChange(id => this.#changed(id)));
    this.#unsubscribe.push(
      await queue.onChange(id => {
        for (const [one, runner] of this.#runners) if (id === undefined || one === id) runner.resync();
      }),
    );
    for (const configured of await catalog.all()) this.#put(configured);
    this.#keeper.start();
    this.#planReport();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelReport();
    this.#keeper.close();
    await Promise.all(this.#unsubscribe.map(unsubscribe => unsubscribe()));
    await Promise.all(this.#changing.values());
    await Promise.all(Array.from(this.#runners.values(), runner => runner.close(closingMs)));
    this.#pauses.end();
    await this.#departures.flush();
    await this.#report();
  }

  #stored(messages: readonly QueuedMessage[]): void {
    const byIntegration = Map.groupBy(messages, ({ integrationId }) => integrationId);
    for (const [id, ones] of byIntegration) this.#runners.get(id)?.stored(ones);
  }

  /** Partitions come in dozens, and one reading is enough for all of them. */
  #planResync(): void {
    if (this.#resyncPlanned) return;
    this.#resyncPlanned = true;
    setImmediate(() => {
      this.#resyncPlanned = false;
      for (const runner of this.#runners.values()) runner.resync();
    });
  }

  #changed(id: IntegrationId | undefined): void {
    if (id !== undefined) {
      this.#queueChange(id);
      return;
    }
    for (const one of this.#runners.keys()) this.#queueChange(one);
    // Others may have been added while no news came through.
    void this.#known().then(all => {
      for (const { integration } of all) if (!this.#runners.has(integration.id)) this.#queueChange(integration.id);
    });
  }

  async #known(): Promise<readonly ConfiguredIntegration[]> {
    for (;;) {
      try {
        return this.#closed ? [] : await this.#options.catalog.all();
      } catch (error) {
        this.#options.log.warn({ err: error }, "reading the integrations failed; trying again");
        await this.#pauses.pause(loadRetryMs);
      }
    }
  }

  #queueChange(id: IntegrationId): void {
    const changed = (this.#changing.get(id) ?? Promise.resolve()).then(() => this.#applyChange(id));
    this.#changing.set(id, changed);
    void changed.finally(() => {
      if (this.#changing.get(id) === changed) this.#changing.delete(id);
    });
  }

  async #applyChange(id: IntegrationId): Promise<void> {
    while (!this.#closed) {
      try {
        const configured = await this.#options.catalog.one(id);
        await this.#retire(id);
        if (configured === undefined) this.#matcher.delete(id);
        else if (!this.#closed) this.#put(configured);
        return;
      } catch (error) {
        this.#options.log.warn({ err: error, integrationId: id }, "reading an integration failed; trying again");
        await this.#pauses.pause(loadRetryMs);
      }
    }
  }

  async #retire(id: IntegrationId): Promise<void> {
    const before = this.#runners.get(id);
    if (before === undefined) return;
    this.#runners.delete(id);
    this.#keeper.forget(id);
    await before.close(closingMs);
    await this.#departures.flush();
    const last = before.report();
    if (last !== undefined) await this.#options.queue.report([last]);
  }

  #put(configured: ConfiguredIntegration): void {
    const { queue, sinks, leases, catalog, clock, log, metrics } = this.#options;
    const { backOff = defaultBackOff, timeLimitMs = 30_000 } = this.#options;
    const { id, limits, kind } = configured.integration;
    this.#matcher.set(configured.integration);
    this.#keeper.keep(id, kind, limits);
    const runner = new IntegrationRunner({
      configured,
      sinks,
      queue,
      departures: this.#departures,
      held: () => [...this.#held],
      isHeld: partition => leases.isHeld(partition),
      onGone: gone => {
        log.error({ integrationId: gone, kind }, "an integration was paused: its receiver wants no messages any more");
        catalog.pause(gone).catch(error => log.warn({ err: error }, "an integration could not be paused"));
      },
      backOff,
      timeLimitMs,
      share: this.#share,
      pauses: this.#pauses,
      clock,
      log,
      metrics,
    });
    this.#runners.set(id, runner);
  }

  #planReport(): void {
    this.#cancelReport = this.#options.clock.after(this.#options.reportEveryMs ?? 2000, () => {
      void this.#report().finally(() => {
        if (!this.#closed) this.#planReport();
      });
    });
  }

  async #report(): Promise<void> {
    const { queue, metrics, log } = this.#options;
    const reports: StateReport[] = [];
    const open = new Map<string, number>();
    for (const runner of this.#runners.values()) {
      open.set(runner.kind, (open.get(runner.kind) ?? 0) + Number(runner.circuitIsOpen));
      const report = runner.report();
      if (report) reports.push(report);
    }
    metrics.integrationCircuitsOpen.reset();
    for (const [kind, count] of open) metrics.integrationCircuitsOpen.set({ kind }, count);
    try {
      if (reports.length > 0) await queue.report(reports);
    } catch (error) {
      log.debug({ err: error }, "states of integrations could not be written down");
    }
  }
}

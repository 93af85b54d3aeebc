import type { IntegrationId } from "../../lorawan/ids.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type {
  ConfiguredIntegration,
  DeathReason,
  DeliveryQueue,
  OpenedSink,
  QueuedMessage,
  SinkFactory,
  SinkMessage,
  SinkOutcome,
  StateReport,
} from "../integration-ports.ts";
import type { LoopShare } from "../loop-share.ts";
import type { Pauses } from "../pauses.ts";
import { type BackOff, backOffMs, Circuit } from "./circuit.ts";
import type { Departures } from "./departures.ts";
import { SeenMessages } from "./seen.ts";
import { type Waiting, WaitingMessages } from "./waiting.ts";

export interface RunnerOptions {
  readonly configured: ConfiguredIntegration;
  readonly sinks: SinkFactory;
  readonly queue: DeliveryQueue;
  readonly departures: Departures;
  /** Partitions whose messages are this process's to send. */
  readonly held: () => readonly number[];
  readonly isHeld: (partition: number) => boolean;
  /** The receiver wants nothing any more. */
  readonly onGone: (id: IntegrationId) => void;
  readonly backOff: BackOff;
  /** A delivery that takes longer has failed. */
  readonly timeLimitMs: number;
  readonly share: LoopShare;
  readonly pauses: Pauses;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const readFaultPauseMs = 1000;
const idlePollMs = 10;

interface UnderWay {
  readonly batch: readonly Waiting[];
  readonly abort: AbortController;
}

/** Sends what waits for one integration, as far as it is this process's: order per device, retries, dead letters. */
export class IntegrationRunner {
  readonly #options: RunnerOptions;
  readonly #id: IntegrationId;
  readonly #waiting = new WaitingMessages();
  readonly #circuit: Circuit;
  readonly #underWay = new Set<UnderWay>();
  readonly #seen = new SeenMessages();
  readonly #timers = new Set<() => void>();
  #sink: OpenedSink | undefined;
  /** The durable queue may have messages after `#readUpTo` that are not in memory. */
  #behind = true;
  #readUpTo = 0;
  /** Counts what came into the durable queue while it may have been read. */
  #arrivals = 0;
  /** Counts how often reading began anew. */
  #epoch = 0;
  #reading = false;
  #waitsForTurn = false;
  #closed = false;
  #delivered = 0;
  #lastDeliveredAtMs: number | undefined;
  #lastError: StateReport["lastError"];
  #reported = "";

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#id = options.configured.integration.id;
    this.#circuit = new Circuit(options.clock, options.backOff, () => {
      this.#waiting.retryAll();
      this.#pump();
    });
    if (this.#isActive && options.sinks.staysOpen(options.configured.integration)) this.#openSink();
    this.#fill();
  }

  get #isActive(): boolean {
    return this.#options.configured.integration.mode === "active";
  }

  get kind(): string {
    return this.#options.configured.integration.kind;
  }

  /** New in the durable queue, by this process, in its order. */
  stored(messages: readonly QueuedMessage[]): void {
    if (!this.#isActive) return;
    if (this.#behind || this.#waiting.isFull) {
      for (const { seq } of messages) this.#seen.wasRead(seq);
      this.#arrivals += 1;
      this.#behind = true;
      this.#fill();
      return;
    }
    for (const message of messages) {
      if (!this.#seen.wasRead(message.seq)) this.#waiting.add(message);
      this.#readUpTo = Math.max(this.#readUpTo, message.seq);
    }
    this.#pump();
  }

  /** The durable queue has changed in other ways: what is in memory is read anew. */
  resync(): void {
    this.#waiting.forget();
    this.#readUpTo = 0;
    this.#epoch += 1;
    this.#behind = true;
    this.#fill();
  }

  /** Another process may send these from now on. */
  lost(isLost: (partition: number) => boolean): void {
    this.#waiting.forget(isLost);
    for (const { batch, abort } of this.#underWay) {
      if (batch.some(({ message }) => isLost(message.partition))) abort.abort();
    }
  }

  /** Begins nothing more in a partition, and gives what is under way there so long. */
  async release(partition: number, graceMs: number): Promise<void> {
    const isMeant = (one: number): boolean => one === partition;
    this.#waiting.forget(isMeant);
    await this.#idle(graceMs, isMeant);
    this.lost(isMeant);
  }

  /** Resolves when nothing is under way, or when the time is over. */
  async #idle(graceMs: number, isMeant: (partition: number) => boolean = () => true): Promise<void> {
    const { clock } = this.#options;
    const endUs = clock.monotonicUs() + graceMs * 1000;
    const isBusy = (): boolean =>
      [...this.#underWay].some(({ batch }) => batch.some(({ message }) => isMeant(message.partition)));
    while (isBusy() && clock.monotonicUs() < endUs) await sleep(clock, idlePollMs);
  }

  /** Begins nothing more, and gives what is under way so long. What was not taken by then is sent again by whoever comes next. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#circuit.close();
    for (const cancel of this.#timers) cancel();
    await this.#idle(graceMs);
    for (const { abort } of this.#underWay) abort.abort();
    await this.#sink?.close().catch(error => this.#options.log.debug({ err: error }, "a sink did not close cleanly"));
  }

  /** What has changed since the last report, if anything. */
  report(): StateReport | undefined {
    const circuit = this.#circuit.isClosed ? "closed" : "open";
    const report: StateReport = {
      integrationId: this.#id,
      circuit,
      delivered: this.#delivered,
      dropped: 0,
      lastDeliveredAtMs: this.#lastDeliveredAtMs,
      lastError: this.#lastError,
    };
    const isNews = this.#delivered > 0 || this.#lastError !== undefined || this.#reported !== circuit;
    if (!isNews) return undefined;
    this.#reported = circuit;
    this.#delivered = 0;
    this.#lastError = undefined;
    return report;
  }

  get circuitIsOpen(): boolean {
    return !this.#circuit.isClosed;
  }

  #openSink(): OpenedSink | undefined {
    try {
      this.#sink ??= this.#options.sinks.open(this.#options.configured);
      return this.#sink;
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : "the sink cannot be opened");
      return undefined;
    }
  }

  #fill(): void {
    if (this.#reading || this.#closed || !this.#isActive) return;
    this.#reading = true;
    void this.#read();
  }

  async #read(): Promise<void> {
    const { queue, held, isHeld, pauses, log } = this.#options;
    for (let { room } = this.#waiting; this.#behind && room > 0 && !this.#closed; { room } = this.#waiting) {
      const [arrivals, epoch] = [this.#arrivals, this.#epoch];
      try {
        this.#seen.readBegins();
        const messages = await queue.read(this.#id, held(), this.#readUpTo, room);
        if (epoch !== this.#epoch) continue;
        for (const message of messages) {
          if (!this.#seen.isLeaving(message.seq) && isHeld(message.partition)) this.#waiting.add(message);
          this.#readUpTo = message.seq;
        }
        if (messages.length < room && arrivals === this.#arrivals) this.#behind = false;
      } catch (error) {
        log.warn({ err: error, integrationId: this.#id }, "reading an integration's queue failed; trying again");
        await pauses.pause(readFaultPauseMs);
      } finally {
        this.#seen.readEnds();
      }
      this.#pump();
    }
    this.#reading = false;
  }

  #pump(): void {
    const { share } = this.#options;
    while (!this.#closed && this.#isActive && !this.#waitsForTurn) {
      const sink = this.#waiting.size === 0 ? undefined : this.#openSink();
      if (sink === undefined || this.#underWay.size >= sink.maxInFlight) return;
      const { allows } = this.#circuit;
      if (allows === "none") return;
      const batch = this.#waiting.take(allows === "one" ? 1 : sink.maxBatch);
      if (batch.length === 0) return;
      this.#circuit.tried();
      void this.#send(sink, batch);
      if (!share.spent) continue;
      this.#waitsForTurn = true;
      share.later(() => {
        this.#waitsForTurn = false;
        this.#pump();
      });
    }
  }

  async #send(sink: OpenedSink, batch: readonly Waiting[]): Promise<void> {
    const underWay = { batch, abort: new AbortController() };
    this.#underWay.add(underWay);
    const formatted = this.#format(batch);
    const outcome = formatted && (await this.#outcome(sink, formatted, underWay.abort));
    this.#underWay.delete(underWay);
    if (this.#closed) {
      if (outcome?.kind === "delivered") this.#leave(batch);
      return;
    }
    if (outcome === undefined) {
      this.#circuit.undecided();
      this.#waiting.returned(batch);
      this.#waiting.retry(batch);
    } else if (batch.every(({ message }) => this.#options.isHeld(message.partition)) || outcome.kind === "delivered") {
      this.#conclude(batch, outcome);
    } else {
      this.#circuit.undecided();
      this.#waiting.returned(batch);
      this.#waiting.forget(partition => !this.#options.isHeld(partition));
      this.#waiting.retry(batch);
    }
    if (this.#behind) this.#fill();
    this.#pump();
  }

  /** Undefined when one of them makes no message: that one is dead, and the others go again without it. */
  #format(batch: readonly Waiting[]): readonly SinkMessage[] | undefined {
    const { sinks, configured } = this.#options;
    const messages: SinkMessage[] = [];
    for (const waiting of batch) {
      try {
        messages.push(sinks.format(configured.integration, waiting.message));
      } catch (error) {
        if (batch.length > 1) for (const one of batch) one.alone = true;
        else this.#bury(batch, "mapping", error instanceof Error ? error.message : "no message can be made of it");
        return undefined;
      }
    }
    return messages;
  }

  async #outcome(
    sink: OpenedSink,
    messages: readonly SinkMessage[],
    abort: AbortController,
  ): Promise<SinkOutcome | undefined> {
    const { clock, timeLimitMs, metrics } = this.#options;
    const late = Promise.withResolvers<SinkOutcome>();
    const cancel = clock.after(timeLimitMs, () => {
      late.resolve({ kind: "unavailable", message: `no answer within ${timeLimitMs / 1000} s` });
      abort.abort();
    });
    const startUs = clock.monotonicUs();
    const outcome = await Promise.race([late.promise, delivered(sink, messages, abort.signal)]).finally(cancel);
    metrics.integrationDeliverySeconds.observe({ kind: this.kind }, (clock.monotonicUs() - startUs) / 1e6);
    metrics.integrationDeliveries.inc({ kind: this.kind, outcome: outcome.kind }, messages.length);
    return outcome;
  }

  #conclude(batch: readonly Waiting[], outcome: SinkOutcome): void {
    switch (outcome.kind) {
      case "delivered":
        this.#circuit.succeeded();
        this.#delivered += batch.length;
        this.#lastDeliveredAtMs = this.#options.clock.nowMs();
        this.#leave(batch);
        return;
      case "rejected":
        // The receiver is there and said something.
        this.#circuit.succeeded();
        if (batch.length > 1) this.#separate(batch);
        else this.#bury(batch, "rejected", outcome.message);
        return;
      case "failed":
        this.#retry(batch, outcome, true);
        return;
      case "unavailable":
        this.#retry(batch, outcome, false);
        return;
      case "gone":
        this.#failed(outcome.message);
        this.#waiting.returned(batch);
        this.#circuit.failed(this.#options.backOff.longestMs);
        this.#options.onGone(this.#id);
    }
  }

  #separate(batch: readonly Waiting[]): void {
    for (const waiting of batch) waiting.alone = true;
    this.#waiting.returned(batch);
    this.#waiting.retry(batch);
  }

  #retry(batch: readonly Waiting[], outcome: SinkOutcome & { readonly message: string }, isItsFault: boolean): void {
    const { backOff, clock, log, configured } = this.#options;
    this.#failed(outcome.message);
    const wishMs = outcome.kind === "unavailable" ? outcome.retryAfterMs : undefined;
    if (this.#circuit.failed(wishMs)) {
      log.warn(
        { integrationId: this.#id, kind: this.kind, reason: outcome.message },
        "an integration's receiver is away",
      );
    }
    if (isItsFault) for (const waiting of batch) waiting.attempts += 1;
    const [first] = batch;
    const attempts = first?.attempts ?? 0;
    if (isItsFault && batch.length === 1 && attempts >= configured.integration.limits.maxAttempts) {
      this.#bury(batch, "attempts", outcome.message);
      return;
    }
    if (isItsFault && batch.length > 1) for (const waiting of batch) waiting.alone = true;
    this.#waiting.returned(batch);
    const cancel = clock.after(backOffMs(backOff, Math.max(1, attempts)), () => {
      this.#timers.delete(cancel);
      this.#waiting.retry(batch);
      this.#pump();
    });
    this.#timers.add(cancel);
  }

  #failed(message: string): void {
    this.#lastError = { atMs: this.#options.clock.nowMs(), message };
  }

  #bury(batch: readonly Waiting[], reason: DeathReason, message: string): void {
    const { log, metrics } = this.#options;
    this.#failed(message);
    metrics.integrationDeadLetters.inc({ kind: this.kind, reason }, batch.length);
    const [first] = batch;
    const { devEui, seq } = first?.message ?? {};
    log.warn({ integrationId: this.#id, kind: this.kind, devEui, seq, reason, message }, "a message is a dead letter");
    this.#leave(batch, { reason, message, attempts: first?.attempts ?? 0 });
  }

  #leave(batch: readonly Waiting[], death?: { reason: DeathReason; message: string; attempts: number }): void {
    this.#waiting.left(batch);
    for (const { message } of batch) {
      const { seq } = message;
      this.#seen.leaves(seq);
      const departure = { integrationId: this.#id, seq, ...(death && { death }) };
      this.#options.departures.add(departure, () => this.#seen.hasLeft(seq));
    }
  }
}

async function delivered(
  sink: OpenedSink,
  messages: readonly SinkMessage[],
  signal: AbortSignal,
): Promise<SinkOutcome> {
  try {
    return await sink.deliver(messages, signal);
  } catch (error) {
    return { kind: "unavailable", message: error instanceof Error ? error.message : "the sink failed" };
  }
}

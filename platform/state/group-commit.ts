import { type Clock, sleep, systemClock } from "../clock.ts";
import { StateStoreError } from "./errors.ts";

/** Runs `work` as one transaction: all of it is durable once the promise resolves, none of it if `work` throws. */
export type Transact = (work: () => void) => Promise<void>;

export interface GroupCommit {
  /**
   * Runs `operation` inside a write transaction and resolves with its result once that is durable. Operations run in the
   * order of the calls, one at a time, so each sees what those before it wrote. `after` runs just before the promise
   * resolves.
   */
  write<Result>(operation: () => Result, after?: (result: Result) => void): Promise<Result>;
  /** Resolves when everything that was asked for is done; refuses more. */
  close(): Promise<void>;
}

export interface GroupCommitOptions {
  readonly transact: Transact;
  /** Makes what rejects the operations of a transaction that failed. */
  readonly onFault: (error: unknown) => unknown;
  /** Whether a transaction that failed so, of which nothing was kept, is worth a second try. By default none is. */
  readonly isPassing?: (fault: unknown) => boolean;
  readonly clock?: Clock;
  /** From the start of one transaction to that of the next. */
  readonly leastIntervalMs?: number;
  /** The same while fewer than `enough` operations wait, if the last transaction had more than one. By default there is no such wait. */
  readonly gathering?: { readonly enough: number; readonly intervalMs: number };
}

/** Keeps the time that one transaction holds the main thread to a few milliseconds. */
const maxOperations = 500;

const nothing = (): void => {};

/**
 * Group commit: while one transaction is on its way to the disk, and for the rest of the interval after a quick one,
 * operations gather for the next, so that a busy store pays one flush for many. A lone operation waits for nothing, and who asks for one
 * thing after the other waits for nobody else. A fault rejects every operation of its transaction.
 */
export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { transact, onFault, isPassing = () => false, clock = systemClock, leastIntervalMs = 0, gathering } = options;
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let beganAtUs = Number.NEGATIVE_INFINITY;
  let lastSize = 0;
  let closed = false;
  let endGathering = nothing;

  const commitOnce = async (): Promise<void> => {
    let taken: readonly Waiting[] = [];
    const work = (): void => {
      if (taken.length === 0) {
        taken = waiting.slice(0, maxOperations);
        waiting = waiting.slice(maxOperations);
      }
      for (const operation of taken) operation.run();
    };
    const attempt = async (): Promise<{ readonly fault: unknown } | undefined> => {
      try {
        await transact(work);
        return undefined;
      } catch (error) {
        return { fault: await onFault(error) };
      }
    };

    let failed = await attempt();
    lastSize = taken.length;
    if (failed !== undefined && taken.length > 0 && isPassing(failed.fault)) failed = await attempt();
    if (failed === undefined) {
      for (const operation of taken) operation.done();
      return;
    }
    // The transaction did not even begin: whoever waits would wait for ever.
    if (taken.length === 0) {
      taken = waiting;
      waiting = [];
    }
    for (const operation of taken) operation.failed(failed.fault);
  };

  /** Until so long after the start of the last transaction. */
  const restMs = (intervalMs: number): number => intervalMs - (clock.monotonicUs() - beganAtUs) / 1000;
  const hasEnough = (): boolean =>
    closed || gathering === undefined || lastSize <= 1 || waiting.length >= gathering.enough;
  const gather = async (forMs: number): Promise<void> => {
    await new Promise<void>(resolve => {
      const cancel = clock.after(forMs, resolve);
      endGathering = () => {
        cancel();
        resolve();
      };
    });
    endGathering = nothing;
  };

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const leastMs = restMs(leastIntervalMs);
      if (leastMs > 0 && !closed) await sleep(clock, leastMs);
      const moreMs = hasEnough() ? 0 : restMs(gathering?.intervalMs ?? 0);
      if (moreMs > 0) await gather(moreMs);
      beganAtUs = clock.monotonicUs();
      await commitOnce();
    }
    running = undefined;
  };

  return {
    write<Result>(operation: () => Result, after?: (result: Result) => void): Promise<Result> {
      if (closed) return Promise.reject(new StateStoreError("state_closed", "The state store is closed."));
      return new Promise<Result>((resolve, reject) => {
        waiting.push(new Write(operation, after, resolve, reject));
        if (running === undefined) running = run();
        else if (hasEnough()) endGathering();
      });
    },
    async close() {
      closed = true;
      endGathering();
      await running;
    },
  };
}

interface Waiting {
  run(): void;
  done(): void;
  failed(reason: unknown): void;
}

class Write<Result> implements Waiting {
  readonly #operation: () => Result;
  readonly #after: ((result: Result) => void) | undefined;
  readonly #resolve: (result: Result) => void;
  readonly failed: (reason: unknown) => void;
  #outcome: { readonly result: Result } | undefined;

  constructor(
    operation: () => Result,
    after: ((result: Result) => void) | undefined,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#operation = operation;
    this.#after = after;
    this.#resolve = resolve;
    this.failed = reject;
  }

  run(): void {
    this.#outcome = { result: this.#operation() };
  }

  done(): void {
    if (this.#outcome === undefined) return;
    this.#after?.(this.#outcome.result);
    this.#resolve(this.#outcome.result);
  }
}

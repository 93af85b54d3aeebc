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

interface Waiting {
  readonly run: () => void;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Keeps the time that one transaction holds the main thread to a few milliseconds. */
const maxOperations = 500;

/**
 * Group commit: while one transaction is on its way to the disk, operations gather for the next, so that a busy store
 * pays one flush for many. A fault rejects every operation of its transaction with what `onFault` makes of it, perhaps by a
 * promise.
 */
export function createGroupCommit(transact: Transact, onFault: (error: unknown) => unknown): GroupCommit {
  const waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  const commitOnce = async (): Promise<void> => {
    let taken: readonly Waiting[] = [];
    try {
      await transact(() => {
        taken = waiting.splice(0, maxOperations);
        for (const operation of taken) operation.run();
      });
    } catch (error) {
      const reason = await onFault(error);
      // The transaction did not even begin: whoever waits would wait for ever.
      if (taken.length === 0) taken = waiting.splice(0);
      for (const operation of taken) operation.failed(reason);
      return;
    }
    for (const operation of taken) operation.done();
  };

  const run = async (): Promise<void> => {
    while (waiting.length > 0) await commitOnce();
    running = undefined;
  };

  return {
    write<Result>(operation: () => Result, after?: (result: Result) => void): Promise<Result> {
      if (closed) return Promise.reject(new StateStoreError("state_closed", "The state store is closed."));
      return new Promise<Result>((resolve, reject) => {
        let outcome: { readonly result: Result } | undefined;
        waiting.push({
          run: () => {
            outcome = { result: operation() };
          },
          done: () => {
            if (outcome === undefined) return;
            after?.(outcome.result);
            resolve(outcome.result);
          },
          failed: reject,
        });
        running ??= run();
      });
    },
    async close() {
      closed = true;
      await running;
    },
  };
}

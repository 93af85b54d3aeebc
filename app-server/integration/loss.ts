import { PassingMap } from "../../platform/passing-map.ts";

/**
 * What ends a connection, for everybody who waits on it. A promise that lives as long as the connection, raced with each
 * answer, would keep something of every answer until then; this keeps nothing of those who wait no more.
 */
export class Loss<Reason> {
  readonly #waiting = new PassingMap<(reason: Reason) => void, true>();
  #lost: { readonly reason: Reason } | undefined;

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Tells everybody. The first reason is the one that counts. */
  readonly tell = (reason: Reason): void => {
    if (this.#lost) return;
    this.#lost = { reason };
    for (const heard of [...this.#waiting.keys()]) {
      this.#waiting.delete(heard);
      heard(reason);
    }
  };

  /** Calls `heard` once, at once where it is lost already. Returns what ends the waiting. */
  when(heard: (reason: Reason) => void): () => void {
    if (this.#lost) heard(this.#lost.reason);
    else this.#waiting.set(heard, true);
    return () => this.#waiting.delete(heard);
  }

  /** The answer, or why there will be none, whichever comes first. Rejects when `answer` does first. */
  or<Answer>(answer: Promise<Answer>): Promise<Answer | Reason> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer | Reason>();
    const stop = this.when(resolve);
    answer.then(resolve, reject).finally(stop);
    return promise;
  }
}

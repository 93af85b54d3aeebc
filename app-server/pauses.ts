import type { Clock } from "../platform/clock.ts";

/** Waits that all end early when their owner closes. */
export class Pauses {
  readonly #clock: Clock;
  readonly #wakers = new Set<() => void>();
  #ended = false;

  get ended(): boolean {
    return this.#ended;
  }

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  pause(delayMs: number): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise(resolve => {
      const wake = () => {
        cancel();
        this.#wakers.delete(wake);
        resolve();
      };
      const cancel = this.#clock.after(delayMs, wake);
      this.#wakers.add(wake);
    });
  }

  end(): void {
    this.#ended = true;
    for (const wake of [...this.#wakers]) wake();
  }
}

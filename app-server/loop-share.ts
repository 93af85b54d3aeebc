import type { Clock } from "../platform/clock.ts";

/** Short against the second that a device waits for its answer. */
const sliceUs = 4000;

/**
 * The share of the event loop that one kind of work may take: a few milliseconds, then everybody else's turn. Without it
 * a backlog whose every step ends within promises would hold up timers and sockets until it is gone.
 */
export class LoopShare {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #untilUs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether work has to wait for the next turn of the event loop. */
  get spent(): boolean {
    const nowUs = this.#clock.monotonicUs();
    if (this.#untilUs === undefined) {
      this.#untilUs = nowUs + sliceUs;
      setImmediate(() => this.#nextTurn());
    }
    return nowUs >= this.#untilUs;
  }

  /** Calls `work` in the next turn; only right after `spent` was true. */
  later(work: () => void): void {
    this.#waiting.push(work);
  }

  #nextTurn(): void {
    this.#untilUs = undefined;
    for (const work of this.#waiting.splice(0)) work();
  }
}

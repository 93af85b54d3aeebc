import type { Clock } from "../../platform/clock.ts";

/** How long is waited after failures: twice as long after each, a random part of it less, so that many do not come back at once. */
export interface BackOff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

/** Before the next try, after so many failures in a row. */
export const backOffMs = ({ firstMs, longestMs, random }: BackOff, failures: number): number =>
  Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + random() / 2);

const failuresThatOpen = 5;
/** No receiver is left alone for longer, whatever it asks for. */
const longestWishMs = 3_600_000;

/**
 * Closed, everything goes out. Five failures in a row open it: nothing goes out until a pause is over; then one message
 * tries whether the receiver is back, and the next pause is longer if it is not.
 */
export class Circuit {
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #onRetry: () => void;
  #failures = 0;
  #pauses = 0;
  #state: "closed" | "open" | "trying" | "tried" = "closed";
  #cancel: () => void = () => undefined;

  /** `onRetry` is called when a message may try again. */
  constructor(clock: Clock, backOff: BackOff, onRetry: () => void) {
    this.#clock = clock;
    this.#backOff = backOff;
    this.#onRetry = onRetry;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** How many deliveries may begin now. */
  get allows(): "any" | "one" | "none" {
    if (this.#state === "closed") return "any";
    return this.#state === "trying" ? "one" : "none";
  }

  /** The one that tries is on its way. */
  tried(): void {
    if (this.#state === "trying") this.#state = "tried";
  }

  succeeded(): void {
    this.#failures = 0;
    this.#pauses = 0;
    this.#state = "closed";
    this.#cancel();
  }

  /** `wishMs`: how long the receiver asked to be left alone. Gives true when this opened it. */
  failed(wishMs?: number): boolean {
    this.#failures += 1;
    const wasClosed = this.#state === "closed";
    if (wasClosed && this.#failures < failuresThatOpen && wishMs === undefined) return false;
    // Others that were under way when it opened say nothing new.
    if (this.#state === "open" && wishMs === undefined) return false;
    this.#pauses += 1;
    this.#state = "open";
    this.#cancel();
    const pauseMs = Math.max(backOffMs(this.#backOff, this.#pauses), Math.min(wishMs ?? 0, longestWishMs));
    this.#cancel = this.#clock.after(pauseMs, () => {
      this.#state = "trying";
      this.#onRetry();
    });
    return wasClosed;
  }

  /** Whoever tried came to no outcome: another one may. */
  undecided(): void {
    if (this.#state !== "tried") return;
    this.#state = "trying";
    this.#onRetry();
  }

  close(): void {
    this.#cancel();
  }
}

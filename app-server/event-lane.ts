import type { DevEui } from "../lorawan/ids.ts";
import type { EventPosition, LoggedEvent } from "../platform/state/store.ts";

export interface LaneReader {
  /** Events after `position`, at most `limit`. */
  read(position: EventPosition, limit: number): Promise<readonly LoggedEvent[]>;
  /** Resolves when the sink has the event, or when it is to be skipped; rejects only when the consumer is closing. */
  handle(event: LoggedEvent): Promise<void>;
  /** Called when reading failed; resolves when it is worth another try. */
  waitAfterFault(error: unknown): Promise<void>;
}

/** Events of one lane under way at once; further ones stay in the log. */
const window = 64;

/**
 * One partition as one sink sees it: reads ahead within a window, handles the events of each device one after the other
 * and different devices side by side, and knows up to where everything is done.
 */
export class EventLane {
  readonly #reader: LaneReader;
  readonly #lastOfDevice = new Map<DevEui, Promise<void>>();
  readonly #underWay: { readonly position: EventPosition; done: boolean }[] = [];
  #readUpTo: EventPosition;
  #doneUpTo: EventPosition;
  #saved: EventPosition;
  #pumping = false;
  #pumpAgain = false;
  #closed = false;

  constructor(reader: LaneReader, start: EventPosition) {
    this.#reader = reader;
    this.#readUpTo = start;
    this.#doneUpTo = start;
    this.#saved = start;
  }

  /** Everything up to here is with the sink. */
  get doneUpTo(): EventPosition {
    return this.#doneUpTo;
  }

  /** The position to save, if it moved since the last one that was saved. */
  get unsaved(): EventPosition | undefined {
    return this.#doneUpTo === this.#saved ? undefined : this.#doneUpTo;
  }

  saved(position: EventPosition): void {
    this.#saved = position;
  }

  get idle(): boolean {
    return !this.#pumping && this.#underWay.length === 0;
  }

  close(): void {
    this.#closed = true;
  }

  /** There may be something to read. */
  wake(): void {
    this.#pumpAgain = true;
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    void this.#pump().finally(() => {
      this.#pumping = false;
      if (this.#pumpAgain && this.#hasRoom()) this.wake();
    });
  }

  #hasRoom(): boolean {
    return this.#underWay.length <= window / 2;
  }

  async #pump(): Promise<void> {
    while (this.#pumpAgain && this.#hasRoom() && !this.#closed) {
      this.#pumpAgain = false;
      const limit = window - this.#underWay.length;
      try {
        const events = await this.#reader.read(this.#readUpTo, limit);
        if (events.length === limit) this.#pumpAgain = true;
        for (const event of events) this.#accept(event);
      } catch (error) {
        this.#pumpAgain = true;
        await this.#reader.waitAfterFault(error);
      }
    }
  }

  #accept(event: LoggedEvent): void {
    const entry = { position: event.position, done: false };
    this.#underWay.push(entry);
    this.#readUpTo = event.position;
    const before = this.#lastOfDevice.get(event.devEui) ?? Promise.resolve();
    const handled = before.then(async () => {
      await this.#reader.handle(event);
      entry.done = true;
      this.#advance();
    });
    // A rejection means that the consumer is closing: the device's later events reject with it and nothing moves on.
    const settled = handled.catch(() => undefined);
    this.#lastOfDevice.set(event.devEui, handled);
    void settled.then(() => {
      if (this.#lastOfDevice.get(event.devEui) === handled) this.#lastOfDevice.delete(event.devEui);
    });
  }

  #advance(): void {
    let first = this.#underWay[0];
    while (first?.done) {
      this.#doneUpTo = first.position;
      this.#underWay.shift();
      first = this.#underWay[0];
    }
    if (this.#pumpAgain && this.#hasRoom()) this.wake();
  }
}

import type { DevEui } from "../lorawan/ids.ts";
import { PassingMap } from "../platform/passing-map.ts";
import type { EventPosition } from "../platform/state/store.ts";
import type { EventEntry } from "./event-entry.ts";

/** An event on its way to one sink. */
export interface Delivery {
  readonly entry: EventEntry;
  readonly lane: EventLane;
  done: boolean;
  /** The device's next event, which waits for this one. */
  next: Delivery | undefined;
}

/** Events of one lane under way at once, unless it has a number of its own; further ones stay in the log. */
const usualWindow = 64;

/**
 * One partition as one sink sees it: the events of each device one after the other and different devices side by side,
 * within a window, and up to where everything is done.
 */
export class EventLane {
  /** Under this name the position is saved; without one it is not. */
  readonly consumerName: string | undefined;
  /** There may be something in the log after `readUpTo`. */
  behind = true;
  readonly #window: number;
  readonly #isHeld: () => boolean;
  readonly #submit: (delivery: Delivery) => void;
  readonly #flush: (() => Promise<void>) | undefined;
  readonly #onRoom: () => void;
  readonly #underWay: Delivery[] = [];
  readonly #lastOfDevice = new PassingMap<DevEui, Delivery>();
  #readUpTo: EventPosition;
  #doneUpTo: EventPosition;
  #flushedUpTo: EventPosition;

  /** Since this process began to read for it. */
  #accepted = 0;
  readonly #foremost: () => number;

  /** `submit` gets each delivery when its turn has come; `finished` tells that it is done. */
  constructor(options: {
    readonly consumerName: string | undefined;
    /** Events under way at once. */
    readonly window: number | undefined;
    readonly start: EventPosition;
    /** False when another process may deliver these events. */
    readonly isHeld: () => boolean;
    readonly submit: (delivery: Delivery) => void;
    /** For a sink that gathers what it has: resolves when it is written down. */
    readonly flush: (() => Promise<void>) | undefined;
    /** How many entries the lane that is furthest has accepted. */
    readonly foremost: () => number;
    /** Called when there is room again and the log may have more. */
    readonly onRoom: () => void;
  }) {
    this.consumerName = options.consumerName;
    this.#window = options.window ?? usualWindow;
    this.#isHeld = options.isHeld;
    this.#submit = options.submit;
    this.#flush = options.flush;
    this.#foremost = options.foremost;
    this.#onRoom = options.onRoom;
    this.#readUpTo = options.start;
    this.#doneUpTo = options.start;
    this.#flushedUpTo = options.start;
  }

  /** Deliveries that a sink is working on. */
  inFlight = 0;
  #closed = false;

  /** False: what is not with the sink yet is not for this process to deliver. */
  get isOpen(): boolean {
    return !this.#closed && this.#isHeld();
  }

  close(): void {
    this.#closed = true;
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** How many entries others have had of this process that are not done here. */
  behindBy(): number {
    return this.#foremost() - this.#accepted + this.#underWay.length;
  }

  get readUpTo(): EventPosition {
    return this.#readUpTo;
  }

  /** Everything up to here is with the sink, whatever dies: the position to save. */
  get safeUpTo(): EventPosition {
    return this.#flush === undefined ? this.#doneUpTo : this.#flushedUpTo;
  }

  /** Nothing of what was read waits for the sink, and the log had no more. */
  get isCaughtUp(): boolean {
    return !this.behind && this.#underWay.length === 0;
  }

  /** Makes all that is done now safe. */
  async flush(): Promise<void> {
    if (this.#flush === undefined) return;
    const upTo = this.#doneUpTo;
    await this.#flush();
    if (upTo > this.#flushedUpTo) this.#flushedUpTo = upTo;
  }

  /** How many events may be read now: none until half of the window is free, so that reads are worth their while. */
  get room(): number {
    const { length } = this.#underWay;
    return length > this.#window / 2 ? 0 : this.#window - length;
  }

  accept(entry: EventEntry): void {
    const delivery: Delivery = { entry, lane: this, done: false, next: undefined };
    this.#underWay.push(delivery);
    this.#accepted += 1;
    this.#readUpTo = entry.position;
    const before = this.#lastOfDevice.get(entry.devEui);
    this.#lastOfDevice.set(entry.devEui, delivery);
    if (before === undefined) this.#submit(delivery);
    else before.next = delivery;
  }

  finished(delivery: Delivery): void {
    delivery.done = true;
    const { next } = delivery;
    // One that is done keeps nothing alive that is not.
    delivery.next = undefined;
    if (next === undefined) this.#lastOfDevice.delete(delivery.entry.devEui);
    else this.#submit(next);
    for (let first = this.#underWay[0]; first?.done; first = this.#underWay[0]) {
      this.#doneUpTo = first.entry.position;
      this.#underWay.shift();
    }
    if (this.behind && this.room > 0) this.#onRoom();
  }
}

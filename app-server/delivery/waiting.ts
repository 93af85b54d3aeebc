import type { DevEui } from "../../lorawan/ids.ts";
import type { QueuedMessage } from "../integration-ports.ts";

/** A message in memory. */
export interface Waiting {
  readonly message: QueuedMessage;
  /** Failures over this message. */
  attempts: number;
  /** Not in one batch with others: one of a batch that was refused. */
  alone: boolean;
}

const maxMessages = 2000;
const maxBytes = 8_000_000;

interface Lane {
  readonly messages: Waiting[];
  /** So many, from the front, are under way. */
  underWay: number;
}

/** The front part of one integration's queue, as much as fits in memory: per device in order, devices side by side. */
export class WaitingMessages {
  readonly #lanes = new Map<DevEui, Lane>();
  /** Devices whose first message may go, in the order in which they came to be so. */
  readonly #ready = new Set<DevEui>();
  readonly #known = new Map<number, Waiting>();
  /** Attempts of messages that were forgotten and may be read again. */
  #attempts = new Map<number, number>();
  #bytes = 0;

  get size(): number {
    return this.#known.size;
  }

  /** How many may be read: none until half is free, so that reads are worth their while. */
  get room(): number {
    if (this.#bytes > maxBytes / 2 || this.#known.size > maxMessages / 2) return 0;
    return maxMessages - this.#known.size;
  }

  get isFull(): boolean {
    return this.#bytes >= maxBytes || this.#known.size >= maxMessages;
  }

  /** One that is there already is passed over. */
  add(message: QueuedMessage): void {
    if (this.#known.has(message.seq)) return;
    const waiting = { message, attempts: this.#attempts.get(message.seq) ?? 0, alone: false };
    const lane = this.#lanes.get(message.devEui);
    this.#known.set(message.seq, waiting);
    this.#bytes += message.event.length;
    if (lane !== undefined) {
      lane.messages.push(waiting);
      return;
    }
    this.#lanes.set(message.devEui, { messages: [waiting], underWay: 0 });
    this.#ready.add(message.devEui);
  }

  /** Up to `max` messages to deliver at once; those of one device in order. Empty when none may go. */
  take(max: number): readonly Waiting[] {
    const batch: Waiting[] = [];
    for (const devEui of this.#ready) {
      const lane = this.#lanes.get(devEui);
      if (lane === undefined) continue;
      const isAlone = lane.messages[0]?.alone === true;
      if (isAlone && batch.length > 0) continue;
      const first = lane.messages.findIndex(({ alone }) => alone);
      const end = isAlone ? 1 : Math.min(max - batch.length, first < 0 ? lane.messages.length : first);
      batch.push(...lane.messages.slice(0, end));
      lane.underWay = end;
      this.#ready.delete(devEui);
      if (isAlone || batch.length >= max) break;
    }
    return batch;
  }

  /** These have left: the next of their devices may go. */
  left(batch: readonly Waiting[]): void {
    for (const { message } of batch) {
      this.#forget(message);
      const lane = this.#lanes.get(message.devEui);
      if (lane === undefined) continue;
      lane.messages.shift();
      lane.underWay -= 1;
      if (lane.messages.length === 0) this.#lanes.delete(message.devEui);
      else if (lane.underWay === 0) this.#ready.add(message.devEui);
    }
  }

  /** These were not taken; their devices wait until `retry`. */
  returned(batch: readonly Waiting[]): void {
    for (const devEui of devicesOf(batch)) {
      const lane = this.#lanes.get(devEui);
      if (lane) lane.underWay = 0;
    }
  }

  retry(batch: readonly Waiting[]): void {
    for (const devEui of devicesOf(batch)) if (this.#lanes.get(devEui)?.underWay === 0) this.#ready.add(devEui);
  }

  /** Every device that waits for a retry may go. */
  retryAll(): void {
    for (const [devEui, lane] of this.#lanes) if (lane.underWay === 0) this.#ready.add(devEui);
  }

  /** Drops what is not under way, of some partitions or all. */
  forget(isMeant: (partition: number) => boolean = () => true): void {
    const kept = new Map<number, number>();
    for (const [devEui, lane] of this.#lanes) {
      if (!isMeant(lane.messages[0]?.message.partition ?? -1)) continue;
      for (const { message, attempts } of lane.messages.splice(lane.underWay)) {
        if (attempts > 0) kept.set(message.seq, attempts);
        this.#forget(message);
      }
      if (lane.messages.length > 0) continue;
      this.#lanes.delete(devEui);
      this.#ready.delete(devEui);
    }
    this.#attempts = kept;
  }

  #forget({ seq, event }: QueuedMessage): void {
    if (this.#known.delete(seq)) this.#bytes -= event.length;
  }
}

const devicesOf = (batch: readonly Waiting[]): ReadonlySet<DevEui> =>
  new Set(batch.map(({ message }) => message.devEui));

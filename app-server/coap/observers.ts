import type { DevEui } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ApplicationEvent } from "../ports.ts";
import { writeResponse } from "./message.ts";
import { type Content, contentOf, pieceOf, type Value } from "./representation.ts";
import type { Resource } from "./resources.ts";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Who is told of what a resource becomes (RFC 7641), and how. */
export interface Registration {
  readonly endpoint: Endpoint;
  readonly token: Buffer;
  readonly resource: Resource;
  readonly username: string;
  readonly accept: number | undefined;
  readonly blockSize: number | undefined;
}

interface Observer extends Registration {
  /** What it is told next, or was told last; undefined before it is known. */
  content: Content | undefined;
  sentAtMs: number;
  confirmedAtMs: number;
  sinceConfirmed: number;
  /** Message id of the last notification. */
  messageId: number | undefined;
  /** A confirmable notification is under way. */
  attempt: { readonly number: number; readonly timeoutMs: number } | undefined;
  hasNews: boolean;
  /** What was sent last. */
  bytes: Buffer | undefined;
  cancel: () => void;
}

export interface ObserversOptions {
  readonly send: (bytes: Buffer, to: Endpoint) => void;
  readonly nextMessageId: () => number;
  readonly valueIn: (event: ApplicationEvent, resource: Resource) => Value | undefined;
  /** Whether somebody who is not told of anything for long may still be told. Rejects when nobody knows now. */
  readonly mayStill: (registration: Registration) => Promise<boolean>;
  readonly maxObservers: number;
  /** The first observer came, or the last is gone. */
  readonly onNeed: (isNeeded: boolean) => void;
  readonly sent: (type: "confirmable" | "non-confirmable" | "repeated") => void;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** RFC 7252 4.8: ACK_TIMEOUT, ACK_RANDOM_FACTOR, MAX_RETRANSMIT. */
const ackTimeoutMs = 2_000;
const ackRandomFactor = 1.5;
const maxRetransmit = 4;
/** RFC 7641 4.5.1: no more often to a client whose round-trip time is unknown. */
const spacingMs = 3_000;
/** One of so many has to be confirmed, and one after so long. */
const confirmEvery = 8;
const confirmAfterMs = 900_000;
/** Without news it is told the same again, so that who is gone is found out, and who is there knows that it is. */
const refreshMs = 1_800_000;
const lookEveryMs = 60_000;
/** What a client has may be taken for current for longer than the next word takes. */
export const maxAgeSeconds = 2_700;
/** Behind a border router many readers have one address. */
const shareOfAddress = 0.25;

const nameOf = ({ endpoint, token }: Pick<Registration, "endpoint" | "token">): string =>
  `${placeOf(endpoint)} ${token.toString("hex")}`;
export const placeOf = ({ address, port }: Endpoint): string => `${address} ${port}`;

/** Tells observers what resources become: the latest value, never a queue of them. */
export class Observers {
  readonly #options: ObserversOptions;
  readonly #all = new Map<string, Observer>();
  readonly #byDevice = new Map<DevEui, Set<Observer>>();
  readonly #byMessage = new Map<string, Observer>();
  readonly #byAddress = new Map<string, number>();
  #sequence = 0;
  #cancelLook: () => void;

  constructor(options: ObserversOptions) {
    this.#options = options;
    this.#cancelLook = options.clock.after(lookEveryMs, () => this.#look());
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicUs() / 1000;
  }

  get size(): number {
    return this.#all.size;
  }

  usernames(): ReadonlySet<string> {
    return new Set(Array.from(this.#all.values(), ({ username }) => username));
  }

  /** RFC 7641 4.4: rises with time, in 24 bits. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) & 0xffffff;
    return this.#sequence;
  }

  /** False: there are too many, and it gets a plain answer. Who registers again takes the place of before. */
  add(registration: Registration): boolean {
    const { maxObservers, onNeed } = this.#options;
    const name = nameOf(registration);
    this.remove(registration);
    const { address } = registration.endpoint;
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const isFull = this.#all.size >= maxObservers || ofAddress >= Math.max(1, maxObservers * shareOfAddress);
    if (isFull) return false;
    const nowMs = this.#nowMs;
    const observer: Observer = {
      ...registration,
      content: undefined,
      sentAtMs: nowMs,
      confirmedAtMs: nowMs,
      sinceConfirmed: 0,
      messageId: undefined,
      attempt: undefined,
      hasNews: false,
      bytes: undefined,
      cancel: () => undefined,
    };
    this.#all.set(name, observer);
    this.#byAddress.set(address, ofAddress + 1);
    const { devEui } = registration.resource;
    const ofDevice = this.#byDevice.get(devEui) ?? new Set();
    this.#byDevice.set(devEui, ofDevice.add(observer));
    if (this.#all.size === 1) onNeed(true);
    return true;
  }

  /** What the answer to the registration says: what came while it was looked up is newer. */
  begin(registration: Registration, content: Content): Content {
    const observer = this.#all.get(nameOf(registration));
    if (observer === undefined) return content;
    observer.content ??= content;
    observer.hasNews = false;
    observer.sentAtMs = this.#nowMs;
    return observer.content;
  }

  remove(registration: Pick<Registration, "endpoint" | "token">): void {
    const observer = this.#all.get(nameOf(registration));
    if (observer !== undefined) this.#drop(observer);
  }

  /** An event of a device, in any application. */
  tell(event: ApplicationEvent, isOf: (registration: Registration) => boolean): void {
    for (const observer of this.#byDevice.get(event.devEui) ?? []) {
      if (!isOf(observer)) continue;
      const value = this.#options.valueIn(event, observer.resource);
      const content = value === undefined ? undefined : contentOf(value, observer.accept);
      if (content === undefined || observer.content?.payload.equals(content.payload)) continue;
      const isFirst = observer.content === undefined;
      observer.content = content;
      observer.hasNews = true;
      // The answer to its registration is on its way, and will have it.
      if (!isFirst) this.#sendWhenDue(observer);
    }
  }

  acknowledged(endpoint: Endpoint, messageId: number): void {
    const observer = this.#byMessage.get(`${placeOf(endpoint)} ${messageId}`);
    if (observer?.attempt === undefined) return;
    observer.cancel();
    observer.attempt = undefined;
    observer.sinceConfirmed = 0;
    observer.confirmedAtMs = this.#nowMs;
    if (observer.hasNews) this.#sendWhenDue(observer);
  }

  /** RFC 7641 3.6: it does not want to hear of it any more. */
  refused(endpoint: Endpoint, messageId: number): void {
    const observer = this.#byMessage.get(`${placeOf(endpoint)} ${messageId}`);
    if (observer !== undefined) this.#drop(observer);
  }

  /** Ends those of a login, or of all, with a last word (RFC 7641 4.2). */
  end(isMeant: (registration: Registration) => boolean, code: string): void {
    for (const observer of [...this.#all.values()]) {
      if (!isMeant(observer)) continue;
      const { send, nextMessageId } = this.#options;
      const { token, endpoint } = observer;
      send(writeResponse({ type: "non-confirmable", messageId: nextMessageId(), token, code }), endpoint);
      this.#drop(observer);
    }
  }

  close(): void {
    this.#cancelLook();
    for (const observer of [...this.#all.values()]) this.#drop(observer);
  }

  #drop(observer: Observer): void {
    observer.cancel();
    const { endpoint, resource, messageId } = observer;
    if (!this.#all.delete(nameOf(observer))) return;
    if (messageId !== undefined) this.#byMessage.delete(`${placeOf(endpoint)} ${messageId}`);
    const left = (this.#byAddress.get(endpoint.address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(endpoint.address, left);
    else this.#byAddress.delete(endpoint.address);
    const ofDevice = this.#byDevice.get(resource.devEui);
    ofDevice?.delete(observer);
    if (ofDevice?.size === 0) this.#byDevice.delete(resource.devEui);
    if (this.#all.size === 0) this.#options.onNeed(false);
  }

  #sendWhenDue(observer: Observer): void {
    // What is under way is repeated with the news, or the news follows its acknowledgement.
    if (observer.attempt !== undefined) return;
    const { clock } = this.#options;
    const waitMs = observer.sentAtMs + spacingMs - this.#nowMs;
    observer.cancel();
    if (waitMs <= 0) this.#send(observer, false);
    else observer.cancel = clock.after(waitMs, () => this.#send(observer, false));
  }

  #send(observer: Observer, mustConfirm: boolean): void {
    const { random = Math.random } = this.#options;
    const isConfirmable =
      mustConfirm ||
      observer.sinceConfirmed + 1 >= confirmEvery ||
      this.#nowMs - observer.confirmedAtMs >= confirmAfterMs;
    observer.sinceConfirmed += 1;
    this.#options.sent(isConfirmable ? "confirmable" : "non-confirmable");
    this.#write(observer, isConfirmable);
    if (!isConfirmable) return;
    const timeoutMs = ackTimeoutMs * (1 + (ackRandomFactor - 1) * random());
    this.#await(observer, 0, timeoutMs);
  }

  #await(observer: Observer, number: number, timeoutMs: number): void {
    observer.attempt = { number, timeoutMs };
    observer.cancel = this.#options.clock.after(timeoutMs, () => {
      if (number >= maxRetransmit) return this.#drop(observer);
      this.#options.sent("repeated");
      // With news it is a message of its own; without, the same again (RFC 7641 4.5.2).
      if (observer.hasNews || observer.bytes === undefined) this.#write(observer, true);
      else this.#options.send(observer.bytes, observer.endpoint);
      this.#await(observer, number + 1, 2 * timeoutMs);
    });
  }

  #write(observer: Observer, isConfirmable: boolean): void {
    const { send, nextMessageId } = this.#options;
    const { endpoint, token, content, blockSize } = observer;
    const piece = content && pieceOf(content, blockSize === undefined ? undefined : { number: 0, size: blockSize });
    if (piece === undefined) return;
    const messageId = nextMessageId();
    if (observer.messageId !== undefined) this.#byMessage.delete(`${placeOf(endpoint)} ${observer.messageId}`);
    observer.messageId = messageId;
    observer.hasNews = false;
    observer.sentAtMs = this.#nowMs;
    this.#byMessage.set(`${placeOf(endpoint)} ${messageId}`, observer);
    const options = { ...piece.options, maxAge: maxAgeSeconds, observe: this.nextSequence() };
    const type = isConfirmable ? "confirmable" : "non-confirmable";
    observer.bytes = writeResponse({ type, messageId, token, code: "2.05", options, payload: piece.payload });
    send(observer.bytes, endpoint);
  }

  #look(): void {
    const { clock, mayStill } = this.#options;
    this.#cancelLook = clock.after(lookEveryMs, () => this.#look());
    for (const observer of this.#all.values()) {
      if (observer.attempt !== undefined || this.#nowMs - observer.sentAtMs < refreshMs) continue;
      mayStill(observer).then(
        may => {
          if (this.#all.get(nameOf(observer)) !== observer || observer.attempt !== undefined) return;
          if (may) this.#send(observer, true);
          else this.end(one => one === observer, "4.04");
        },
        // The next look comes in a minute.
        () => undefined,
      );
    }
  }
}

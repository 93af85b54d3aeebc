import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { EventFeed, MqttCredentials } from "../ports.ts";
import { type AccessControl, Bucket, createAccessControl } from "./access.ts";
import { type CoapRequest, type Response, readDatagram, writeReset, writeResponse } from "./message.ts";
import { type Endpoint, maxAgeSeconds, Observers, placeOf, type Registration } from "./observers.ts";
import { contentOf, pieceOf } from "./representation.ts";
import { deviceOf, type ReaderTools, type Resource, readValue, resourceOf, valueIn } from "./resources.ts";
import type { DatagramSocket } from "./socket.ts";

export interface CoapServerOptions extends ReaderTools {
  readonly socket: DatagramSocket;
  readonly credentials: MqttCredentials;
  /** Of all processes of the installation. */
  readonly feed: EventFeed;
  readonly maxObservers: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly random?: () => number;
}

export interface CoapServer {
  /** Tells observers nothing more, and frees the port. */
  close(): Promise<void>;
}

/** Requests that are looked after at once; further ones are left to be repeated. */
const maxAtWork = 64;
/** What one login may read: so many at once, and then one every so often. */
const reads = { burst: 100, everyMs: 20 };
const maxReaders = 10_000;

/** RFC 7252 12.1.2 and RFC 8516. */
const codes = {
  content: "2.05",
  valid: "2.03",
  unauthorized: "4.01",
  badOption: "4.02",
  notFound: "4.04",
  methodNotAllowed: "4.05",
  notAcceptable: "4.06",
  tooManyRequests: "4.29",
  unavailable: "5.03",
} as const;
type Answer = Pick<Response, "options" | "payload"> & { readonly code: (typeof codes)[keyof typeof codes] };

/**
 * Serves the latest values of devices over CoAP (RFC 7252, RFC 7641, RFC 7959) to whoever has MQTT credentials. Refusals carry
 * nothing: none is longer than what it answers, so that false sender addresses gain nothing.
 */
export function startCoapServer(options: CoapServerOptions): CoapServer {
  return new Server(options);
}

class Server implements CoapServer {
  readonly #options: CoapServerOptions;
  readonly #access: AccessControl;
  readonly #observers: Observers;
  readonly #atWork = new Set<string>();
  readonly #readers = new Map<string, Bucket>();
  readonly #forgetLogins: () => void;
  #messageId: number;
  #unsubscribe: (() => void) | undefined;
  #closed = false;

  constructor(options: CoapServerOptions) {
    this.#options = options;
    const { socket, credentials, clock, metrics, random = Math.random } = options;
    this.#messageId = Math.floor(random() * 0x10000);
    this.#access = createAccessControl(credentials, clock);
    this.#observers = new Observers({
      send: (bytes, to) => socket.send(bytes, to),
      nextMessageId: () => this.#nextMessageId(),
      valueIn: (event, resource) => valueIn(event, resource, options),
      mayStill: async registration => this.#mayStill(registration),
      maxObservers: options.maxObservers,
      onNeed: isNeeded => this.#listen(isNeeded),
      sent: type => metrics.coapNotifications.inc({ type }),
      clock,
      random,
    });
    this.#forgetLogins = credentials.onChange(changed => this.#loginsChanged(changed));
    socket.onMessage((bytes, from) => this.#receive(bytes, from));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#observers.close();
    this.#forgetLogins();
    this.#access.close();
    await this.#options.socket.close();
  }

  #nextMessageId(): number {
    this.#messageId = (this.#messageId + 1) & 0xffff;
    return this.#messageId;
  }

  #receive(bytes: Buffer, from: Endpoint): void {
    const datagram = readDatagram(bytes);
    if (datagram.kind === "acknowledgement") this.#observers.acknowledged(from, datagram.messageId);
    else if (datagram.kind === "reset") this.#observers.refused(from, datagram.messageId);
    else if (datagram.kind === "rejected") this.#options.socket.send(writeReset(datagram.messageId), from);
    else if (datagram.kind === "request") this.#take(datagram.request, from);
  }

  #take(request: CoapRequest, from: Endpoint): void {
    const name = `${placeOf(from)} ${request.messageId}`;
    // The same again while it is being answered (RFC 7252 4.5); later it is answered anew, which does no harm to a GET.
    if (this.#atWork.has(name)) return;
    if (this.#atWork.size >= maxAtWork) {
      this.#options.metrics.coapRequests.inc({ code: "dropped" });
      return;
    }
    this.#atWork.add(name);
    void this.#answer(request, from)
      .catch((error: unknown): Answer => {
        this.#options.log.warn({ err: error }, "a CoAP request could not be answered");
        return { code: codes.unavailable };
      })
      .then(answer => {
        this.#atWork.delete(name);
        if (this.#closed) return;
        this.#options.metrics.coapRequests.inc({ code: answer.code });
        const { isConfirmable, token } = request;
        const messageId = isConfirmable ? request.messageId : this.#nextMessageId();
        const type = isConfirmable ? "acknowledgement" : "non-confirmable";
        this.#options.socket.send(writeResponse({ type, messageId, token, ...answer }), from);
      });
  }

  async #answer(request: CoapRequest, from: Endpoint): Promise<Answer> {
    if (request.code !== "0.01") return { code: codes.methodNotAllowed };
    if (request.hasBadOption) return { code: codes.badOption };
    const access = await this.#access.check(from.address, request.query);
    if (access.kind === "refused") return { code: codes.unauthorized };
    if (access.kind === "too-many" || !this.#mayRead(access.username)) return { code: codes.tooManyRequests };
    const resource = resourceOf(request.path);
    const owner = access.login.applicationId;
    const device = resource && (await deviceOf(resource, owner, this.#options));
    if (resource === undefined || device === undefined) return { code: codes.notFound };
    const ofOwner: Resource = { ...resource, applicationId: owner };
    const registration = {
      ...{ endpoint: from, token: request.token, resource: ofOwner, username: access.username },
      ...{ accept: request.accept, blockSize: request.block?.size },
    };
    const isObserved = this.#register(request, registration);
    try {
      const value = await readValue(resource, device, this.#options);
      const content = contentOf(value, request.accept);
      const answer =
        content === undefined ? { code: codes.notAcceptable } : this.#piece(request, registration, content, isObserved);
      if (isObserved && answer.code !== codes.content && answer.code !== codes.valid)
        this.#observers.remove(registration);
      return answer;
    } catch (error) {
      if (isObserved) this.#observers.remove(registration);
      throw error;
    }
  }

  /** Before the value is looked up, so that nothing is missed in between. True when it is told of news from now on. */
  #register({ observe, block }: CoapRequest, registration: Registration): boolean {
    if (observe === 1) this.#observers.remove(registration);
    // Further blocks are of what was told already (RFC 7959 3.4).
    return observe === 0 && (block?.number ?? 0) === 0 && this.#observers.add(registration);
  }

  #piece(
    { eTags, block }: CoapRequest,
    registration: Registration,
    read: NonNullable<ReturnType<typeof contentOf>>,
    isObserved: boolean,
  ): Answer {
    const content = isObserved ? this.#observers.begin(registration, read) : read;
    const more = { maxAge: maxAgeSeconds, ...(isObserved && { observe: this.#observers.nextSequence() }) };
    if (eTags.some(eTag => eTag.equals(content.eTag))) {
      return { code: codes.valid, options: { eTag: content.eTag, ...more } };
    }
    const piece = pieceOf(content, block);
    if (piece === undefined) return { code: codes.badOption };
    return { code: codes.content, options: { ...piece.options, ...more }, payload: piece.payload };
  }

  #mayRead(username: string): boolean {
    const bucket = this.#readers.get(username) ?? new Bucket(reads, this.#options.clock);
    this.#readers.delete(username);
    this.#readers.set(username, bucket);
    const [oldest] = this.#readers.keys();
    if (this.#readers.size > maxReaders && oldest !== undefined) this.#readers.delete(oldest);
    return bucket.take();
  }

  /** Nothing is decoded for nobody. */
  #listen(isNeeded: boolean): void {
    this.#unsubscribe?.();
    this.#unsubscribe = isNeeded
      ? this.#options.feed.subscribe(event => {
          if (event.kind !== "up") return;
          this.#observers.tell(event, ({ resource }) => resource.applicationId === event.applicationId);
        })
      : undefined;
  }

  async #mayStill({ resource, username }: Registration): Promise<boolean> {
    const { credentials, directory } = this.#options;
    const device = await directory.device(resource.devEui);
    return device?.info.applicationId === resource.applicationId && (await credentials.exists(username));
  }

  /** Whoever has the new password registers again. */
  #loginsChanged(changed: string | undefined): void {
    if (changed !== undefined) this.#observers.end(({ username }) => username === changed, codes.unauthorized);
    else void this.#endThoseGone().catch(error => this.#options.log.warn({ err: error }, "logins cannot be checked"));
  }

  /** Which logins were changed is not known: changes were missed. */
  async #endThoseGone(): Promise<void> {
    for (const name of this.#observers.usernames()) {
      if (await this.#options.credentials.exists(name)) continue;
      this.#observers.end(({ username }) => username === name, codes.unauthorized);
    }
  }
}

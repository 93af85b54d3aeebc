import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";
import type { Clock } from "../../platform/clock.ts";
import { listenFault } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { openRecordStore, type RecordStore } from "../../platform/state/record-store.ts";
import type { ApplicationCommands, ApplicationEvent, EventSink, MqttCredentials } from "../ports.ts";
import type { TwinOutlet, TwinRequests } from "../twin-ports.ts";
import { type MqttScope, mayRead, mayReceive, maySend, scopedClientId, scopeNameOf } from "./access.ts";
import { BrokerSessions } from "./broker-sessions.ts";
import { packetLengthGuard } from "./packet-length.ts";
import { makeNumbersWhenNeeded } from "./packet-numbers.ts";
import { eventTopic, parseRequestTopic, type TopicRequest, twinTopic } from "./topics.ts";

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly credentials: MqttCredentials;
  /** Reads and commands everything; none by default. */
  readonly administrator?: { readonly username: string; readonly password: string };
  readonly commands: ApplicationCommands;
  /** Without it nobody may ask for twins. */
  readonly twins?: TwinRequests;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** Where sessions, waiting and retained messages survive the process. Without one they end with it. */
  readonly sessionFolder?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly limits?: Partial<EmbeddedBrokerLimits>;
}

export interface EmbeddedBrokerLimits {
  /** TCP and WebSocket together; 1000. */
  readonly maxConnections: number;
  /** Of a packet from a client; 65,536. */
  readonly maxPacketBytes: number;
  /** A client that does not read is disconnected when this much waits for it; 4 MiB. */
  readonly maxUnreadBytes: number;
  /** Sessions kept for clients that are away; 1000. */
  readonly maxSessions: number;
  /** Messages kept for each of them; 1000. */
  readonly maxQueuedPerSession: number;
  /** 10,000. */
  readonly maxRetained: number;
}

export interface EmbeddedBroker {
  readonly sink: EventSink;
  readonly tellOfTwin: TwinOutlet;
  readonly port: number;
  /** For an HTTP server's `upgrade` event at `/mqtt`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

const defaultLimits: EmbeddedBrokerLimits = {
  maxConnections: 1000,
  maxPacketBytes: 64 * 1024,
  maxUnreadBytes: 4 * 1024 * 1024,
  maxSessions: 1000,
  maxQueuedPerSession: 1000,
  maxRetained: 10_000,
};

/** How long a publish waits for sockets that are full before the event counts as handed over. */
const handOverMs = 50;

/**
 * An MQTT 3.1.1 broker in the process. Clients log in with an application's credentials, never anonymously, read that
 * application's topics and send commands to its devices. `deliver` resolves when the event is in the session of every
 * subscriber that asked for QoS 1 with a lasting session, and in the socket of every other one: as with any broker, a
 * clean session that breaks loses what was on its way. Throws UpchirpError when the port is taken, StateStoreError when
 * the folder for sessions cannot be used.
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { sessionFolder: folder, log } = options;
  const store = folder === undefined ? undefined : openRecordStore({ folder, log });
  try {
    const broker = new Broker(options, store);
    await broker.start();
    return broker;
  } catch (error) {
    await store?.close();
    throw error;
  }
}

class Broker implements EmbeddedBroker {
  readonly #options: EmbeddedBrokerOptions;
  readonly #limits: EmbeddedBrokerLimits;
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;
  readonly #scopes = new WeakMap<Client, MqttScope>();
  readonly #connections = new Set<Duplex>();
  /** User names of clients that are connected or about to be. */
  readonly #usernames = new Map<Client, string>();
  readonly #unlisten: () => void;
  readonly #store: RecordStore | undefined;
  readonly #sessions: BrokerSessions;

  readonly sink: EventSink = { name: "mqtt-embedded", deliver: event => this.#deliver(event) };
  readonly tellOfTwin: TwinOutlet = message => this.#send(twinTopic(message), message.json, false);

  constructor(options: EmbeddedBrokerOptions, store: RecordStore | undefined) {
    this.#options = options;
    this.#store = store;
    this.#unlisten = options.credentials.onChange(username => this.#loginsChanged(username));
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#sessions = new BrokerSessions({
      limits: this.#limits,
      mayRead: mayReadByClientId,
      store,
      onDropped: clientId => this.#dropped(clientId),
    });
    makeNumbersWhenNeeded();
    this.#aedes = new Aedes({
      // One subscriber that does not read must not make the emitter queue what others wait for.
      concurrency: 0,
      connectTimeout: 10_000,
      drainTimeout: 10_000,
      maxTopicLevels: 16,
      persistence: this.#sessions,
      authenticate: (client, username, password, done) => this.#authenticate(client, username, password, done),
      authorizeSubscribe: (client, subscription, done) => {
        const scope = this.#scopes.get(client);
        if (scope !== undefined && mayRead(scope, subscription.topic)) return done(null, subscription);
        this.#refuse("subscribe", client, { filter: subscription.topic });
        // Without a subscription the SUBACK carries 128 for this filter.
        done(null, null);
      },
      authorizePublish: (client, packet, done) => this.#authorizePublish(client, packet, done),
      authorizeForward: (client, packet) => {
        const scope = this.#scopes.get(client);
        return scope !== undefined && mayReceive(scope, packet.topic) && this.#keepsUp(client) ? packet : null;
      },
    });
    this.#aedes.on("clientError", (client, error) => this.#clientFault(client, error));
    this.#aedes.on("connectionError", (client, error) => this.#clientFault(client, error));
    this.#server = createServer(socket => this.#accept(socket));
    this.#webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: this.#limits.maxPacketBytes,
      handleProtocols: protocols => (protocols.has("mqtt") ? "mqtt" : false),
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    await this.#aedes.listen();
    const listening = Promise.withResolvers<void>();
    this.#server.once("error", listening.reject);
    this.#server.listen(port, host, () => listening.resolve());
    try {
      await listening.promise;
    } catch (error) {
      await new Promise<void>(resolve => this.#aedes.close(resolve));
      throw listenFault(error, "the MQTT broker", port, "--mqtt-port");
    }
    this.#server.off("error", listening.reject);
    this.#server.on("error", error => this.#options.log.error({ err: error }, "the MQTT listener failed"));
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#webSockets.handleUpgrade(request, socket, head, webSocket => {
      const stream = createWebSocketStream(webSocket);
      webSocket.on("error", () => stream.destroy());
      this.#serve(stream, request);
    });
  }

  async close(): Promise<void> {
    this.#unlisten();
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    await new Promise<void>(resolve => this.#aedes.close(resolve));
    for (const connection of this.#connections) connection.destroy();
    this.#webSockets.close();
    await closed;
    await this.#store?.close();
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    // For clients that asked for no MQTT keep-alive.
    socket.setKeepAlive(true, 60_000);
    this.#serve(socket);
  }

  #serve(connection: Duplex, request?: IncomingMessage): void {
    if (this.#connections.size >= this.#limits.maxConnections) {
      this.#options.metrics.mqttRefused.inc({ what: "connection" });
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    connection.once("close", () => this.#connections.delete(connection));
    connection.on("error", () => undefined);
    this.#limitPackets(connection);
    this.#aedes.handle(connection, request);
  }

  /**
   * The broker would buffer a packet of any announced length: 256 MB for a client that has not even logged in. And it
   * takes one `read()` for all that is there, which from Node 26 on is one chunk: the rest of a packet would lie unread.
   */
  #limitPackets(connection: Duplex): void {
    const tooLong = packetLengthGuard(this.#limits.maxPacketBytes);
    const read = connection.read.bind(connection);
    connection.read = size => {
      if (typeof size === "number") return read(size);
      const chunks: Uint8Array[] = [];
      for (let chunk: unknown = read(); chunk instanceof Uint8Array; chunk = read()) chunks.push(chunk);
      if (chunks.length === 0) return null;
      if (!chunks.some(tooLong)) return Buffer.concat(chunks);
      this.#options.metrics.mqttRefused.inc({ what: "packet" });
      connection.destroy();
      return null;
    };
  }

  #authenticate(
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const { log, metrics } = this.#options;
    this.#usernames.set(client, username ?? "");
    client.conn.once("close", () => this.#usernames.delete(client));
    this.#scopeOf(username ?? "", password?.toString("utf8") ?? "").then(
      scope => {
        if (scope === undefined) {
          metrics.mqttRefused.inc({ what: "login" });
          log.warn({ username }, "MQTT login refused");
          return done(connectError("bad user name or password", 4), null);
        }
        this.#scopes.set(client, scope);
        client.id = scopedClientId(scope, client.id);
        done(null, true);
      },
      (error: unknown) => {
        log.error({ err: error }, "MQTT credentials cannot be checked");
        done(connectError("server unavailable", 3), null);
      },
    );
  }

  async #scopeOf(username: string, password: string): Promise<MqttScope | undefined> {
    const { administrator, credentials } = this.#options;
    if (username === "" || password === "") return undefined;
    if (administrator?.username === username) {
      return sameText(administrator.password, password) ? { kind: "administrator" } : undefined;
    }
    const login = await credentials.verify(username, password);
    return login && { kind: "application", ...login };
  }

  /** Whoever has the new password comes back by himself. */
  #loginsChanged(username: string | undefined): void {
    if (username === undefined) {
      this.#recheckLogins().catch((error: unknown) =>
        this.#options.log.error({ err: error }, "MQTT credentials cannot be checked"),
      );
      return;
    }
    for (const [client, name] of this.#usernames) {
      if (name !== username) continue;
      this.#options.log.info({ client: client.id, username }, "MQTT client disconnected: its login was changed");
      client.conn.destroy();
    }
  }

  async #recheckLogins(): Promise<void> {
    const { administrator, credentials } = this.#options;
    for (const username of new Set(this.#usernames.values())) {
      if (username !== administrator?.username && !(await credentials.exists(username))) this.#loginsChanged(username);
    }
  }

  /** Runs before the PUBACK, so that an acknowledged command is durable. A refused topic ends the connection. */
  #authorizePublish(
    client: Client | null,
    packet: { topic: string; payload: string | Buffer; retain: boolean },
    done: (error?: Error | null) => void,
  ): void {
    const scope = client === null ? undefined : this.#scopes.get(client);
    const request = parseRequestTopic(packet.topic);
    const isTaken = request?.kind === "down" || this.#options.twins !== undefined;
    if (scope === undefined || request === undefined || !isTaken || !maySend(scope, request)) {
      this.#refuse("publish", client, { topic: packet.topic });
      done(new Error("this topic is not open to you"));
      return;
    }
    // A command that stayed on the broker would be given to subscribers, and look new, for ever.
    packet.retain = false;
    this.#carryOut(request, Buffer.from(packet.payload)).then(
      () => done(null),
      (error: unknown) => {
        this.#options.log.warn(
          { err: error },
          "a downlink command could not be stored; the client is told by a disconnect",
        );
        done(new Error("the command could not be stored"));
      },
    );
  }

  async #carryOut({ kind, applicationId, devEui }: TopicRequest, body: Buffer): Promise<void> {
    if (kind !== "down") {
      const answer = await this.#options.twins?.take(kind, applicationId, devEui, body);
      if (answer !== undefined) await this.tellOfTwin(answer);
      return;
    }
    const outcome = await this.#options.commands.down(applicationId, devEui, body);
    if (outcome.kind === "enqueued") return;
    this.#options.log.warn({ applicationId, devEui, reason: outcome.message }, "downlink command refused");
    if (outcome.answer !== undefined) await this.#deliver(outcome.answer);
  }

  #deliver(event: ApplicationEvent): Promise<void> {
    return this.#send(eventTopic(event), event.json, this.#options.retain);
  }

  async #send(topic: string, json: string, retain: boolean): Promise<void> {
    if (this.#aedes.closed) throw new Error("the MQTT broker is closed");
    const everywhere = await this.#publish(topic, Buffer.from(json), retain);
    if (!everywhere || retain) await this.#sessions.durable();
  }

  /** False when sockets are full: that is their subscribers' affair, who are bounded and disconnected on their own. */
  #publish(topic: string, payload: Buffer, retain: boolean): Promise<boolean> {
    const { qos, clock } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(handOverMs, () => resolve(false));
      this.#aedes.publish({ cmd: "publish", topic, payload, qos, retain, dup: false }, error => {
        cancel();
        if (error) reject(error);
        else resolve(true);
      });
    });
  }

  #keepsUp(client: Client): boolean {
    if (client.conn.writableLength <= this.#limits.maxUnreadBytes) return true;
    this.#refuse("unread", client, {});
    client.conn.destroy();
    return false;
  }

  #dropped(clientId: string): void {
    this.#options.metrics.mqttDropped.inc();
    this.#options.log.debug({ client: clientId }, "a message was dropped: too many wait for this MQTT client");
  }

  #refuse(
    what: "publish" | "subscribe" | "unread",
    client: Client | null,
    details: Readonly<Record<string, string>>,
  ): void {
    this.#options.metrics.mqttRefused.inc({ what });
    this.#options.log.warn({ what, client: client?.id, ...details }, "MQTT client refused");
  }

  #clientFault(client: Client, error: Error): void {
    this.#options.log.debug({ client: client.id, reason: error.message }, "MQTT connection ended by a fault");
  }
}

function mayReadByClientId(clientId: string, filter: string): boolean {
  const scopeName = scopeNameOf(clientId);
  if (scopeName === "administrator") return mayRead({ kind: "administrator" }, filter);
  return filter.startsWith(`application/${scopeName}/`) || filter.startsWith("application/+/");
}

function sameText(expected: string, given: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(expected), hash(given));
}

const connectError = (message: string, returnCode: 3 | 4): AuthenticateError =>
  Object.assign(new Error(message), { returnCode });

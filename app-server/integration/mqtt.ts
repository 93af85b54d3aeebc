import { connect, type IClientOptions, type MqttClient } from "mqtt";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { PassingMap } from "../../platform/passing-map.ts";
import type { ApplicationCommands, ApplicationEvent, EventSink } from "../ports.ts";
import type { TwinOutlet, TwinRequests } from "../twin-ports.ts";
import { createInFlightStore } from "./in-flight-store.ts";
import { makeNumbersWhenNeeded } from "./packet-numbers.ts";
import { commandFilter, eventTopic, parseRequestTopic, twinFilters, twinTopic } from "./topics.ts";

export interface MqttIntegrationOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`, with host and port. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /**
   * With one, the broker keeps commands while the server is away; it must then be unique to this instance. Without, each
   * connection has a name of its own and commands sent meanwhile are lost.
   */
  readonly clientId?: string;
  /** With one, each command goes to one of all integrations that name it: a shared subscription, as MQTT 5 has it. */
  readonly commandGroup?: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly commands: ApplicationCommands;
  /** Without it nobody may ask for twins. */
  readonly twins?: TwinRequests;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Between attempts to connect; 1000. */
  readonly reconnectMs?: number;
}

export interface MqttIntegration {
  readonly sink: EventSink;
  readonly tellOfTwin: TwinOutlet;
  /** True while events can be published. */
  connected(): boolean;
  /** Resolves when events can be published and commands arrive; does not give up. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Events to an external MQTT broker and commands from it. `deliver` resolves once the broker has acknowledged (QoS 0: once
 * written), and waits while there is no connection. Commands come over a connection of their own and are acknowledged
 * after they are in the device's queue, so that a slow command holds up no event and a crash loses no command.
 */
export function createMqttIntegration(options: MqttIntegrationOptions): MqttIntegration {
  makeNumbersWhenNeeded();
  return new Integration(options);
}

class Integration implements MqttIntegration {
  readonly #options: MqttIntegrationOptions;
  readonly #events: MqttClient;
  readonly #commands: MqttClient;
  readonly #closed = Promise.withResolvers<never>();
  /** How to end the deliveries that are under way. */
  readonly #waiting = new PassingMap<(reason: Error) => void, true>();

  readonly sink: EventSink = { name: "mqtt", deliver: event => this.#deliver(event) };
  readonly tellOfTwin: TwinOutlet = message => this.#publish(twinTopic(message), message.json, false);

  constructor(options: MqttIntegrationOptions) {
    this.#options = options;
    this.#events = this.#open("events");
    this.#commands = this.#open("commands");
    this.#closed.promise.catch(() => undefined);
    // Called for each message before it is acknowledged; without an acknowledgement the broker gives it again.
    this.#commands.handleMessage = (packet, done) => {
      if (packet.cmd !== "publish") return done();
      this.#command(packet.topic, Buffer.from(packet.payload)).then(
        () => done(),
        (error: unknown) => this.#giveUp(error),
      );
    };
    this.#commands.on("connect", () => this.#subscribe());
  }

  connected(): boolean {
    return this.#events.connected;
  }

  async ready(): Promise<void> {
    const subscribed = Promise.withResolvers<void>();
    this.#commands.on("packetreceive", packet => packet.cmd === "suback" && subscribed.resolve());
    const connected = Promise.withResolvers<void>();
    this.#events.once("connect", () => connected.resolve());
    if (this.#events.connected) connected.resolve();
    await Promise.race([Promise.all([subscribed.promise, connected.promise]), this.#closed.promise]);
  }

  async close(): Promise<void> {
    const reason = new Error("the MQTT integration is closing");
    this.#closed.reject(reason);
    for (const reject of this.#waiting.keys()) reject(reason);
    await Promise.all([this.#events.endAsync(true), this.#commands.endAsync(true)]);
  }

  #open(purpose: "events" | "commands"): MqttClient {
    const { url, username, password, ca, clientCertificate, clientKey, clientId, reconnectMs = 1000 } = this.#options;
    const clientOptions: IClientOptions = {
      protocolVersion: 4,
      reconnectPeriod: reconnectMs,
      connectTimeout: 10_000,
      // A session that the broker keeps only makes sense for commands; events are kept in the event log.
      clean: clientId === undefined || purpose === "events",
      resubscribe: false,
      // Its own puts a list of arguments together for each packet, for nobody.
      log: () => undefined,
      outgoingStore: createInFlightStore(),
      ...(clientId === undefined ? {} : { clientId: `${clientId}-${purpose}` }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ca }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
    };
    const client = connect(url, clientOptions);
    this.#watch(client, purpose);
    return client;
  }

  #watch(client: MqttClient, purpose: string): void {
    const { log, metrics } = this.#options;
    let lastError = "";
    client.on("connect", () => {
      lastError = "";
      log.info({ purpose }, "connected to the MQTT broker");
    });
    client.on("close", () => {
      // The client publishes again by itself: this is all that tells of a broker that is away.
      if (purpose === "events" && this.#waiting.size > 0) metrics.sinkFailures.inc({ sink: this.sink.name });
      if (lastError === "") log.warn({ purpose }, "connection to the MQTT broker is closed");
      lastError = "closed";
    });
    client.on("error", error => {
      if (error.message !== lastError) log.warn({ purpose, reason: error.message }, "MQTT broker cannot be used now");
      lastError = error.message;
    });
  }

  #subscribe(): void {
    const { commandGroup, twins, metrics, log } = this.#options;
    const own = [commandFilter, ...(twins === undefined ? [] : twinFilters)];
    const filters = commandGroup === undefined ? own : own.map(filter => `$share/${commandGroup}/${filter}`);
    // A session that the broker has kept may have the subscriptions of a time when this server was alone.
    if (commandGroup !== undefined) this.#commands.unsubscribe(own);
    this.#commands.subscribe(filters, { qos: 1 }, (error, granted) => {
      if (error === null && granted?.every(({ qos }) => qos <= 2)) return;
      metrics.mqttRefused.inc({ what: "own_subscription" });
      log.error({ filters }, "the MQTT broker refuses a subscription for commands or twins");
    });
  }

  #deliver(event: ApplicationEvent): Promise<void> {
    return this.#publish(eventTopic(event), event.json, this.#options.retain);
  }

  #publish(topic: string, json: string, retain: boolean): Promise<void> {
    const { qos } = this.#options;
    return new Promise((resolve, reject) => {
      this.#waiting.set(reject, true);
      this.#events.publish(topic, json, { qos, retain }, error => {
        this.#waiting.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  async #command(topic: string, body: Uint8Array): Promise<void> {
    const request = parseRequestTopic(topic);
    if (request === undefined) return;
    const { kind, ...ids } = request;
    if (kind !== "down") {
      const answer = await this.#options.twins?.take(kind, ids.applicationId, ids.devEui, body);
      if (answer !== undefined) this.tellOfTwin(answer).catch(() => undefined);
      return;
    }
    const outcome = await this.#options.commands.down(ids.applicationId, ids.devEui, body);
    if (outcome.kind === "enqueued") return;
    this.#options.log.warn({ ...ids, reason: outcome.message }, "downlink command refused");
    if (outcome.answer === undefined) return;
    // Nobody waits for this: the answer must not keep the next command from being taken.
    this.#deliver(outcome.answer).catch(() => undefined);
  }

  /** The command could not be stored. Without an acknowledgement the broker repeats it to the next connection. */
  #giveUp(error: unknown): void {
    this.#options.log.warn({ err: error }, "a downlink command could not be stored; the broker gives it again");
    this.#commands.stream.destroy();
  }
}

import type { MqttClient } from "mqtt";
import Type, { type Static } from "typebox";
import type { SettingFault, Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { filled } from "../placeholders.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, urlFaults, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";
import { commandFilterOf, commandOf } from "./mqtt-commands.ts";
import { openMqtt, published } from "./mqtt-connection.ts";
import { HomeAssistantDiscovery } from "./mqtt-home-assistant.ts";

const Topic = Type.String({ minLength: 1, maxLength: 1000, pattern: "^[^#+\\0]+$" });

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^mqtts?://[^/@{}\\s]+/?$",
      maxLength: 500,
      description: "The broker: mqtt://broker.example.com:1883, or mqtts:// for TLS.",
    }),
    username,
    clientId: Type.Optional(
      Type.String({ pattern: "^[!-~]{1,100}$", description: "Made up unless given; one for each server of yours." }),
    ),
    topic: Type.Optional(
      Type.String({ ...Topic, description: "With placeholders; that of the format's own system unless given." }),
    ),
    qos: Type.Optional(Type.Enum([0, 1], { description: "1 unless given. With 0 what a broker loses is lost." })),
    retain: Type.Optional(Type.Boolean({ description: "Whether messages are retained." })),
    protocolVersion: Type.Optional(Type.Enum([4, 5], { description: "4 (MQTT 3.1.1) unless given, or 5." })),
    caCertificate,
    takesCommands: Type.Optional(
      Type.Boolean({
        description: "Downlinks are taken from the broker's topics as well; for an integration of one application.",
      }),
    ),
    commandGroup: Type.Optional(
      Type.String({
        pattern: "^[^/+#$]{1,100}$",
        description:
          "Shared subscription by which one of several application servers gets each command; upchirp unless given.",
      }),
    ),
    homeAssistantPrefix: Type.Optional(
      Type.String({
        ...Topic,
        maxLength: 200,
        description: "Devices and their measurements are announced to Home Assistant under it; usually homeassistant.",
      }),
    ),
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type MqttSecrets = Static<typeof secretsSchema>;

const topics = {
  chirpstack: "application/{applicationId}/device/{devEui}/event/{kind}",
  "ttn-v3": "v3/{applicationId}@{tenantId}/devices/eui-{devEui}/{ttnKind}",
} as const;

const reconnectMs = { first: 1000, longest: 60_000 };

/** A value is one level of a topic, whatever it holds. */
const levelOf = (value: string): string => value.replace(/[/+#\0]/g, "_");

function faults(settings: Settings): readonly SettingFault[] {
  return [
    ...placeholderFaults("/settings/topic", settings.topic),
    ...urlFaults(settings.url, "mqtts://broker.example.com"),
  ];
}

class MqttSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: MqttSecrets;
  readonly #context: SinkContext;
  readonly #discovery: HomeAssistantDiscovery | undefined;
  #client: MqttClient | undefined;
  #connecting: Promise<MqttClient> | undefined;
  #cancelReconnect: () => void = () => undefined;
  #reconnectMs = reconnectMs.first;
  #closed = false;

  constructor(settings: Settings, secrets: MqttSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    const { homeAssistantPrefix } = settings;
    if (homeAssistantPrefix !== undefined) {
      this.#discovery = new HomeAssistantDiscovery(homeAssistantPrefix, context.format);
    }
    if (settings.takesCommands && context.applicationId === null) {
      throw new Error("commands are taken by an integration of one application");
    }
    if (settings.takesCommands) this.#stayConnected();
  }

  async deliver([message]: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const client = await this.#connected();
    const { topic = topics[this.#context.format], qos = 1, retain = false } = this.#settings;
    const stateTopic = filled(topic, message, levelOf);
    for (const entity of this.#discovery?.announcements(message, stateTopic) ?? []) {
      const outcome = await published(client, entity.topic, entity.body, { qos: 1, retain: true }, signal);
      if (outcome.kind !== "delivered") return outcome;
      this.#discovery?.announced(entity);
    }
    return published(client, stateTopic, message.body, { qos, retain }, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelReconnect();
    await this.#connecting?.catch(() => undefined);
    await this.#client?.endAsync(true);
  }

  #connected(): Promise<MqttClient> {
    if (this.#client?.connected) return Promise.resolve(this.#client);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** A connection that ended is never used again: what it had under way fails, and the queue has it. */
  async #connect(): Promise<MqttClient> {
    const { username, clientId, protocolVersion = 4, takesCommands = false } = this.#settings;
    const { password } = this.#secrets;
    const options = {
      protocolVersion,
      ...(clientId !== undefined && { clientId }),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    };
    const place = { ...this.#settings, ...this.#secrets };
    const client = await openMqtt(this.#context.outbound, place, options, ended => {
      if (this.#client === ended) this.#client = undefined;
      if (takesCommands) this.#reconnectLater();
    });
    this.#client = client;
    this.#reconnectMs = reconnectMs.first;
    if (takesCommands) this.#takeCommands(client);
    return client;
  }

  #stayConnected(): void {
    this.#connected().catch(error => {
      this.#context.log.debug({ reason: error instanceof Error ? error.message : "" }, "the broker is away");
    });
  }

  #reconnectLater(): void {
    if (this.#closed) return;
    this.#cancelReconnect();
    this.#cancelReconnect = this.#context.clock.after(this.#reconnectMs, () => this.#stayConnected());
    this.#reconnectMs = Math.min(2 * this.#reconnectMs, reconnectMs.longest);
  }

  #takeCommands(client: MqttClient): void {
    const { applicationId, tenantId, format, isShared, log } = this.#context;
    if (applicationId === null) return;
    const own = { applicationId, tenantId, format };
    const { commandGroup = "upchirp" } = this.#settings;
    const filter = commandFilterOf(own);
    // Called for each message before it is acknowledged; without an acknowledgement the broker gives it again.
    client.handleMessage = (packet, done) => {
      if (packet.cmd !== "publish") return done();
      this.#command(commandOf(own, packet.topic, Buffer.from(packet.payload))).then(
        () => done(),
        error => {
          log.warn({ err: error }, "a downlink command could not be stored; the broker gives it again");
          client.stream.destroy();
        },
      );
    };
    client.subscribe(isShared ? `$share/${commandGroup}/${filter}` : filter, { qos: 1 }, error => {
      if (error) log.warn({ reason: error.message }, "the broker refuses the subscription for commands");
    });
  }

  async #command(commands: ReturnType<typeof commandOf>): Promise<void> {
    for (const { applicationId, devEui, body } of commands) {
      const outcome = await this.#context.commands.down(applicationId, devEui, body);
      if (outcome.kind === "refused")
        this.#context.log.warn({ devEui, reason: outcome.message }, "downlink command refused");
    }
  }
}

/** Another MQTT broker. */
export const mqttSink = defineSink({
  kind: "mqtt",
  title: "MQTT broker",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults,
  staysOpen: ({ takesCommands = false }) => takesCommands,
  open: (settings, secrets, context) => new MqttSink(settings, secrets, context),
});

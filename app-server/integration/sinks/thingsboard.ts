import type { MqttClient } from "mqtt";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { isObject, objectAt, textAt } from "../json.ts";
import { filled } from "../placeholders.ts";
import { telemetryOf } from "../readings.ts";
import { Connection } from "./connection.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, urlFaults, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";
import { openMqtt, published } from "./mqtt-connection.ts";

const Template = Type.String({ minLength: 1, maxLength: 200 });

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^mqtts?://[^/@{}\\s]+/?$",
      maxLength: 500,
      description: "ThingsBoard's MQTT transport: mqtts://thingsboard.example.com:8883.",
    }),
    deviceName: Type.Optional({
      ...Template,
      description: "What a device is called there, with placeholders; {deviceName} unless given.",
    }),
    deviceType: Type.Optional({
      ...Template,
      description:
        "Device profile of devices that are new there, with placeholders; ThingsBoard's default one unless given.",
    }),
    username,
    clientId: Type.Optional(
      Type.String({ pattern: "^[!-~]{1,100}$", description: "For MQTT basic credentials that have one." }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object(
  {
    token: Type.Optional(
      Type.String({ pattern: "^[!-~]+$", maxLength: 1000, description: "Access token of the gateway device." }),
    ),
    password,
    ...clientTls,
  },
  strict,
);
type Settings = Static<typeof settingsSchema>;
type ThingsboardSecrets = Static<typeof secretsSchema>;

const maxKnown = 50_000;

interface Opened {
  readonly client: MqttClient;
  /** What was told of devices over this connection: the topic, and what it said. ThingsBoard forgets it with the connection. */
  readonly told: Set<string>;
}

interface Told {
  readonly topic: string;
  readonly body: string;
}

class ThingsboardSink implements Sink {
  readonly #settings: Settings;
  readonly #connection: Connection<Opened>;

  constructor(settings: Settings, secrets: ThingsboardSecrets, { outbound }: SinkContext) {
    this.#settings = settings;
    const { username = secrets.token, clientId } = settings;
    const { password } = secrets;
    const options = {
      ...(clientId !== undefined && { clientId }),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    };
    this.#connection = new Connection(
      async lost => ({
        client: await openMqtt(outbound, { ...settings, ...secrets }, options, lost),
        told: new Set(),
      }),
      ({ client }) => client.endAsync(true),
    );
  }

  async deliver([message]: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const telemetry = this.#telemetry(message);
    if (telemetry === undefined) return { kind: "rejected", message: "it has no value that ThingsBoard could keep" };
    const { client, told } = await this.#connection.get();
    for (const one of this.#introduction(message)) {
      const key = `${one.topic} ${one.body}`;
      if (told.has(key)) continue;
      const outcome = await published(client, one.topic, one.body, { qos: 1, retain: false }, signal);
      if (outcome.kind !== "delivered") return outcome;
      if (told.size >= maxKnown) told.clear();
      told.add(key);
    }
    return published(client, "v1/gateway/telemetry", telemetry, { qos: 1, retain: false }, signal);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #nameOf(message: SinkMessage): string {
    const { deviceName = "{deviceName}" } = this.#settings;
    return filled(deviceName, message, String) || message.devEui;
  }

  #telemetry(message: SinkMessage): string | undefined {
    const ts = Date.parse(message.time);
    const values = Object.fromEntries(telemetryOf(message));
    if (!Number.isFinite(ts) || Object.keys(values).length === 0) return undefined;
    return JSON.stringify({ [this.#nameOf(message)]: [{ ts, values }] });
  }

  /** Before the first telemetry, and again when something of it has changed. */
  #introduction(message: SinkMessage): readonly Told[] {
    const { deviceType } = this.#settings;
    const device = this.#nameOf(message);
    const info = objectAt(message.event, "deviceInfo");
    const type = deviceType === undefined ? "" : filled(deviceType, message, String);
    const attributes = {
      ...(isObject(info.tags) && info.tags),
      devEui: message.devEui,
      applicationId: message.applicationId,
      applicationName: textAt(info, "applicationName"),
      deviceProfileName: textAt(info, "deviceProfileName"),
    };
    return [
      { topic: "v1/gateway/connect", body: JSON.stringify({ device, ...(type !== "" && { type }) }) },
      { topic: "v1/gateway/attributes", body: JSON.stringify({ [device]: attributes }) },
    ];
  }
}

/** ThingsBoard, by its MQTT gateway API: one login for all devices, which ThingsBoard makes as they come. */
export const thingsboardSink = defineSink({
  kind: "thingsboard",
  title: "ThingsBoard",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults: ({ url, deviceName, deviceType, username }, { token }) => [
    ...urlFaults(url, "mqtts://thingsboard.example.com"),
    ...placeholderFaults("/settings/deviceName", deviceName),
    ...placeholderFaults("/settings/deviceType", deviceType),
    ...(username !== undefined && token !== undefined
      ? [{ path: "/secrets/token", message: "the token is the user name: give one of the two" }]
      : []),
  ],
  open: (settings, secrets, context) => new ThingsboardSink(settings, secrets, context),
});

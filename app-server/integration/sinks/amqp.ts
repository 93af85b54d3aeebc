import { type ChannelModel, type ConfirmChannel, connect, type Options } from "amqplib";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { Loss } from "../loss.ts";
import { filled } from "../placeholders.ts";
import { Connection, placeOf, urlParts } from "./connection.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, tlsOptionsOf, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^amqps?://[^/@{}\\s]+(/[^/\\s]*)?$",
      maxLength: 500,
      description: "The broker with its virtual host: amqps://rabbit.example.com/iot.",
    }),
    username,
    exchange: Type.Optional(
      Type.String({ maxLength: 255, description: "Exchange that is there; the default one unless given." }),
    ),
    routingKey: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: "With placeholders; {applicationId}.{devEui}.{kind} unless given.",
      }),
    ),
    mandatory: Type.Optional(
      Type.Boolean({
        description: "Messages that no queue takes are dead letters: true unless given; else they are lost.",
      }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type AmqpSecrets = Static<typeof secretsSchema>;

const connectMs = 10_000;
/** A routing key is words with dots between, and a value is one of them. */
const wordOf = (value: string): string => value.replace(/[.\s#*]/g, "_");

interface Opened {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Messages that came back because no queue took them: told before they are acknowledged. */
  readonly returned: Set<string>;
  /** Tells everybody who waits that no answer will come. */
  readonly loss: Loss<string>;
}

class AmqpSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: AmqpSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;

  constructor(settings: Settings, secrets: AmqpSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      ({ model }) => model.close(),
    );
  }

  async deliver([message]: readonly SinkMessage[]): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const opened = await this.#connection.get();
    const { exchange = "", routingKey = "{applicationId}.{devEui}.{kind}" } = this.#settings;
    const key = filled(routingKey, message, wordOf);
    const { deduplicationId: messageId } = message;
    const refused = await opened.loss.or(this.#publish(opened, exchange, key, message));
    if (opened.returned.delete(messageId))
      return { kind: "rejected", message: `no queue takes the routing key ${key}` };
    return refused === undefined ? { kind: "delivered" } : { kind: "unavailable", message: refused };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Undefined when the broker has taken responsibility, else why it has not. */
  #publish(
    { channel }: Opened,
    exchange: string,
    key: string,
    { deduplicationId: messageId, kind: type, devEui, applicationId, body, time }: SinkMessage,
  ): Promise<string | undefined> {
    const { mandatory = true } = this.#settings;
    const timestamp = Math.floor(Date.parse(time) / 1000);
    const options: Options.Publish = {
      mandatory,
      persistent: true,
      contentType: "application/json",
      messageId,
      type,
      ...(Number.isFinite(timestamp) && { timestamp }),
      headers: { devEui, applicationId },
    };
    return new Promise(resolve => {
      channel.publish(exchange, key, Buffer.from(body), options, (error: unknown) => {
        if (!error) resolve(undefined);
        else resolve(error instanceof Error ? error.message : "the broker did not take it");
      });
    });
  }

  async #open(lost: () => void): Promise<Opened> {
    const { url, username = "guest" } = this.#settings;
    const { host, port, path, scheme } = urlParts(url, url.startsWith("amqps:") ? 5671 : 5672);
    const { address, serverName } = await placeOf(this.#context.outbound, host, port);
    const where = {
      protocol: scheme,
      hostname: address,
      port,
      username,
      password: this.#secrets.password ?? "guest",
      vhost: path.length > 1 ? decodeURIComponent(path.slice(1)) : "/",
    };
    const tls = { servername: serverName, ...tlsOptionsOf({ ...this.#settings, ...this.#secrets }) };
    const model = await connect(where, { timeout: connectMs, noDelay: true, ...(scheme === "amqps" && tls) });
    const loss = new Loss<string>();
    let reason = "the broker closed the connection";
    const end = (): void => {
      lost();
      loss.tell(reason);
    };
    const note = (error: unknown): void => {
      if (error instanceof Error) reason = error.message;
    };
    model.on("error", note).on("close", end);
    const channel = await model.createConfirmChannel();
    // A channel ends alone, for example when there is no such exchange.
    channel.on("error", note).on("close", () => {
      end();
      model.close().catch(() => undefined);
    });
    const returned = new Set<string>();
    channel.on("return", ({ properties }: { readonly properties: { readonly messageId?: unknown } }) => {
      if (typeof properties.messageId === "string") returned.add(properties.messageId);
    });
    return { model, channel, returned, loss };
  }
}

/** AMQP 0-9-1: RabbitMQ and others. */
export const amqpSink = defineSink({
  kind: "amqp",
  title: "AMQP 0-9-1",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults: ({ routingKey }) => placeholderFaults("/settings/routingKey", routingKey),
  open: (settings, secrets, context) => new AmqpSink(settings, secrets, context),
});

import type { Socket } from "node:net";
import rhea, { type Connection as AmqpConnection, type AmqpError, type Delivery, type Sender } from "rhea";
import Type, { type Static } from "typebox";
import type { Clock } from "../../../platform/clock.ts";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { Loss } from "../loss.ts";
import { filled } from "../placeholders.ts";
import { Connection, urlParts } from "./connection.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, tlsOptionsOf, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^amqps?://[^/@{}\\s]+/?$",
      maxLength: 500,
      description: "The broker: amqps://broker.example.com:5671.",
    }),
    username,
    address: Type.String({
      minLength: 1,
      maxLength: 500,
      description: "Where messages go, as the broker spells it: a queue, a topic, /exchange/name of RabbitMQ.",
    }),
    subject: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        description: "With placeholders; {applicationId}.{devEui}.{kind} unless given. RabbitMQ's routing key.",
      }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type Amqp1Secrets = Static<typeof secretsSchema>;

const connectMs = 10_000;
const closeMs = 1000;
const idleMs = 30_000;
/** A subject is words with dots between where it is a routing key, and a value is one of them. */
const wordOf = (value: string): string => value.replace(/[.\s#*]/g, "_");

interface Opened {
  readonly sender: Sender;
  /** Told what the broker has done with a message. */
  readonly waiting: Map<Delivery, (outcome: SinkOutcome) => void>;
  /** Resolves when the broker will take another message, or when it never will. */
  credit(): Promise<void>;
  /** Why no answer will come any more. */
  readonly loss: Loss<string>;
  readonly connection: AmqpConnection;
  readonly socket: Socket;
}

class Amqp1Sink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: Amqp1Secrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;

  constructor(settings: Settings, secrets: Amqp1Secrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      async ({ connection, socket, loss }) => {
        connection.close();
        const cancel = context.clock.after(closeMs, () => socket.destroy(new Error("it did not answer")));
        await new Promise(resolve => loss.when(resolve));
        cancel();
      },
    );
  }

  async deliver([message]: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const opened = await this.#connection.get();
    while (!opened.sender.sendable()) {
      if (opened.socket.destroyed || signal.aborted) {
        return { kind: "unavailable", message: await new Promise<string>(resolve => opened.loss.when(resolve)) };
      }
      await opened.credit();
    }
    // What nobody waits for any more must not be sent after what another process sends.
    if (signal.aborted) return { kind: "unavailable", message: "the broker gave no credit in time" };
    const { subject = "{applicationId}.{devEui}.{kind}" } = this.#settings;
    const delivery = opened.sender.send(messageOf(message, filled(subject, message, wordOf)));
    const answered = new Promise<SinkOutcome>(resolve => opened.waiting.set(delivery, resolve));
    const outcome = await opened.loss.or(answered);
    opened.waiting.delete(delivery);
    return typeof outcome === "string" ? { kind: "unavailable", message: outcome } : outcome;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(lost: () => void): Promise<Opened> {
    const { url, username: user, address: target } = this.#settings;
    const { outbound, integrationId, clock } = this.#context;
    const isTls = url.startsWith("amqps:");
    const { host, port } = urlParts(url, isTls ? 5671 : 5672);
    const tls = tlsOptionsOf({ ...this.#settings, ...this.#secrets });
    const socket = outbound.connect({ host, port, ...(isTls && { tls }) });
    socket.setNoDelay(true);
    const connection = rhea.create_connection({
      container_id: `upchirp-${integrationId}`,
      hostname: host,
      reconnect: false,
      idle_time_out: idleMs,
      ...(user !== undefined && { username: user, password: this.#secrets.password ?? "" }),
      // Who shows a certificate and no name is who it says.
      ...(user === undefined && "cert" in tls && { enable_sasl_external: true }),
      host,
      port,
      connection_details: () => ({
        host,
        port,
        connect: (_port: number, _host: string, _options: unknown, connected: () => void) =>
          socket.once(isTls ? "secureConnect" : "connect", connected),
      }),
    });
    return attached(connection, target, socket, clock, lost);
  }
}

/** Resolves once the broker has opened the link; rejects with what it has against that. */
function attached(
  connection: AmqpConnection,
  target: string,
  socket: Socket,
  clock: Clock,
  lost: () => void,
): Promise<Opened> {
  const waiting: Opened["waiting"] = new Map();
  const loss = new Loss<string>();
  let flow = Promise.withResolvers<void>();
  let reason = "";
  const flows = (): void => {
    flow.resolve();
    flow = Promise.withResolvers();
  };
  // What is said first is the cause of the rest.
  const end = (error?: AmqpError | Error): void => {
    reason ||= (error instanceof Error ? error.message : (error?.description ?? error?.condition)) ?? "";
    // With an error, so that the connection's timers end as well.
    socket.destroy(new Error(reason));
  };
  connection.on("error", end).on("protocol_error", end);
  connection.on("disconnected", ({ error }) => end(error));
  connection.on("connection_error", ({ error }) => end(error)).on("connection_close", () => end());
  connection.on("session_error", ({ session }) => end(session?.error)).on("session_close", () => end());
  connection.on("sender_error", ({ sender }) => end(sender?.error)).on("sender_close", () => end());
  connection.on("sendable", flows);
  for (const state of ["accepted", "rejected", "released", "modified"] as const) {
    connection.on(state, ({ delivery }) => {
      if (delivery !== undefined) waiting.get(delivery)?.(outcomeOf(state, delivery.remote_state ?? {}));
    });
  }
  const cancel = clock.after(connectMs, () => end(new Error(`no answer within ${connectMs / 1000} s`)));
  socket.on("close", () => {
    cancel();
    lost();
    loss.tell(reason || "the broker closed the connection");
    flows();
  });
  connection.connect();
  const link = { target: { address: target }, treat_modified_as_released: false };
  const sender = connection.open_sender(link);
  return new Promise((resolve, reject) => {
    connection.once("sender_open", () => {
      // A broker that refuses opens a link without a target, and says then why.
      if (!sender.target) return;
      cancel();
      resolve({ sender, waiting, connection, socket, loss, credit: () => flow.promise });
    });
    loss.when(text => reject(new Error(text)));
  });
}

const messageOf = ({ deduplicationId, kind, applicationId, devEui, body, time }: SinkMessage, subject: string) => {
  const timeMs = Date.parse(time);
  return {
    durable: true,
    message_id: deduplicationId,
    subject,
    content_type: "application/json",
    ...(Number.isFinite(timeMs) && { creation_time: new Date(timeMs) }),
    application_properties: { kind, devEui, applicationId },
    body: rhea.message.data_section(Buffer.from(body)),
  };
};

/** OASIS AMQP 1.0, part 3, 3.4: what became of a message. */
function outcomeOf(
  state: "accepted" | "rejected" | "released" | "modified",
  detail: NonNullable<Delivery["remote_state"]>,
): SinkOutcome {
  switch (state) {
    case "accepted":
      return { kind: "delivered" };
    case "rejected": {
      const { description, condition } = detail.error ?? {};
      return { kind: "rejected", message: String(description ?? condition ?? "the broker rejected it") };
    }
    case "modified":
      if (detail.undeliverable_here === true) return { kind: "rejected", message: "it cannot be delivered there" };
      return { kind: "failed", message: "the broker could not deliver it" };
    case "released":
      return { kind: "failed", message: "the broker released it: nothing takes it there" };
  }
}

/** AMQP 1.0: ActiveMQ, Azure Service Bus, RabbitMQ and others. */
export const amqp1Sink = defineSink({
  kind: "amqp1",
  title: "AMQP 1.0",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults: ({ subject }) => placeholderFaults("/settings/subject", subject),
  open: (settings, secrets, context) => new Amqp1Sink(settings, secrets, context),
});

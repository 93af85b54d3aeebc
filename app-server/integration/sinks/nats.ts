import { JetStreamApiError, type JetStreamClient, jetstream } from "@nats-io/jetstream";
import {
  connect,
  credsAuthenticator,
  headers,
  type NatsConnection,
  NoRespondersError,
  nkeyAuthenticator,
  RequestError,
} from "@nats-io/transport-node";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { filled } from "../placeholders.ts";
import { Connection, placeOf, urlParts } from "./connection.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, tlsOptionsOf, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^(nats|tls)://[^/@{}\\s]+/?$",
      maxLength: 500,
      description: "The server: nats://nats.example.com:4222, or tls:// where TLS is a must.",
    }),
    username,
    subject: Type.Optional(
      Type.String({
        pattern: "^[^*>\\s]+$",
        maxLength: 500,
        description:
          "With placeholders; upchirp.{applicationId}.{devEui}.{kind} unless given. A stream has to be there for it.",
      }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object(
  {
    password,
    token: Type.Optional(Type.String({ maxLength: 10_000, description: "Instead of user name and password." })),
    credentials: Type.Optional(Type.String({ maxLength: 20_000, description: "Or text of a credentials file." })),
    nkeySeed: Type.Optional(Type.String({ maxLength: 200, description: "Or seed of an NKey." })),
    ...clientTls,
  },
  strict,
);
type Settings = Static<typeof settingsSchema>;
type NatsSecrets = Static<typeof secretsSchema>;

const connectMs = 10_000;
const answerMs = 10_000;
/** A value is one token of a subject. */
const tokenOf = (value: string): string => value.replace(/[.*>\s]/g, "_") || "_";

interface Opened {
  readonly connection: NatsConnection;
  readonly stream: JetStreamClient;
}

class NatsSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: NatsSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;

  constructor(settings: Settings, secrets: NatsSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      ({ connection }) => connection.close(),
    );
  }

  async deliver([message]: readonly SinkMessage[]): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const { stream } = await this.#connection.get();
    const { subject = "upchirp.{applicationId}.{devEui}.{kind}" } = this.#settings;
    const head = headers();
    head.set("Upchirp-Event", message.kind);
    // The stream itself drops a second copy within its window.
    const options = { msgID: message.deduplicationId, headers: head, timeout: answerMs };
    try {
      await stream.publish(filled(subject, message, tokenOf), message.body, options);
      return { kind: "delivered" };
    } catch (error) {
      return outcomeOf(error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(lost: () => void): Promise<Opened> {
    const { url, username: user } = this.#settings;
    const { host, port, scheme } = urlParts(url, 4222);
    const { address, serverName } = await placeOf(this.#context.outbound, host, port);
    const { password: pass, token, credentials, nkeySeed } = this.#secrets;
    const certificates = tlsOptionsOf({ ...this.#settings, ...this.#secrets });
    const isTls = scheme === "tls" || Object.keys(certificates).length > 0;
    const tls = { servername: serverName, ...certificates };
    const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
    const connection = await connect({
      servers: `${address.includes(":") ? `[${address}]` : address}:${port}`,
      // Others that the server tells of have addresses that nobody checked.
      ignoreClusterUpdates: true,
      resolve: false,
      reconnect: false,
      timeout: connectMs,
      ...(user !== undefined && { user, pass: pass ?? "" }),
      ...(token !== undefined && { token }),
      ...(credentials !== undefined && { authenticator: credsAuthenticator(bytesOf(credentials)) }),
      ...(nkeySeed !== undefined && { authenticator: nkeyAuthenticator(bytesOf(nkeySeed)) }),
      ...(isTls && { tls }),
    });
    void connection.closed().then(lost);
    return { connection, stream: jetstream(connection) };
  }
}

function outcomeOf(error: unknown): SinkOutcome {
  const message = error instanceof Error ? error.message : "the server did not take it";
  const cause = error instanceof RequestError ? error.cause : error;
  if (error instanceof NoRespondersError || cause instanceof NoRespondersError) {
    return { kind: "unavailable", message: "no stream takes this subject" };
  }
  // The server says of this message that it is too large or not in the order that the stream wants.
  if (error instanceof JetStreamApiError && error.status === 400) return { kind: "rejected", message };
  return { kind: "unavailable", message };
}

/** NATS JetStream. */
export const natsSink = defineSink({
  kind: "nats",
  title: "NATS JetStream",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults: ({ subject }) => placeholderFaults("/settings/subject", subject),
  open: (settings, secrets, context) => new NatsSink(settings, secrets, context),
});

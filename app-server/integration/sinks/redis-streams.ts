import { Redis, ReplyError } from "ioredis";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { filled } from "../placeholders.ts";
import { Connection, placeOf, urlParts } from "./connection.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, tlsOptionsOf, username } from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^rediss?://[^/@{}\\s]+(/\\d{1,5})?$",
      maxLength: 500,
      description: "The server and the number of a database: rediss://redis.example.com:6380/0.",
    }),
    username,
    key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        description: "Name of the stream, with placeholders; upchirp:{applicationId} unless given.",
      }),
    ),
    maxLength: Type.Optional(
      Type.Integer({ minimum: 1, description: "About so many entries are kept in a stream; 100000 unless given." }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type RedisSecrets = Static<typeof secretsSchema>;

const connectMs = 10_000;

/** What says that the entry is in the stream. */
const entryId = /^\d+-\d+$/;

class RedisStreamsSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: RedisSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Redis>;

  constructor(settings: Settings, secrets: RedisSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      async client => client.disconnect(),
    );
  }

  async deliver([message]: readonly SinkMessage[]): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const client = await this.#connection.get();
    const { key = "upchirp:{applicationId}", maxLength = 100_000 } = this.#settings;
    const { deduplicationId, kind, devEui, applicationId, time, body } = message;
    const entry = Object.entries({ deduplicationId, kind, devEui, applicationId, time, body }).flat();
    try {
      const id = await client.xadd(filled(key, message, String), "MAXLEN", "~", maxLength, "*", ...entry);
      if (id !== null && entryId.test(id)) return { kind: "delivered" };
      this.#connection.drop();
      return { kind: "unavailable", message: "the server's answer is none of Redis" };
    } catch (error) {
      return outcomeOf(error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(lost: () => void): Promise<Redis> {
    const { url, username: user } = this.#settings;
    const { host, port, path, scheme } = urlParts(url, 6379);
    const { address, serverName } = await placeOf(this.#context.outbound, host, port);
    const { password: word } = this.#secrets;
    const client = new Redis({
      host: address,
      port,
      db: Number(path.slice(1)) || 0,
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: connectMs,
      // Connections are made anew by whoever needs one.
      retryStrategy: () => null,
      ...(user !== undefined && { username: user }),
      ...(word !== undefined && { password: word }),
      ...(scheme === "rediss" && {
        tls: { servername: serverName, ...tlsOptionsOf({ ...this.#settings, ...this.#secrets }) },
      }),
    });
    let reason: Error | undefined;
    client.on("error", error => {
      reason = error;
    });
    client.on("end", lost);
    try {
      await client.connect();
      return client;
    } catch (error) {
      client.disconnect();
      // What the client itself says is only that the connection is closed.
      throw reason ?? error;
    }
  }
}

function outcomeOf(error: unknown): SinkOutcome {
  const message = error instanceof Error ? error.message : "the server did not take it";
  if (!(error instanceof ReplyError)) return { kind: "unavailable", message };
  // The key holds something else, which no other try changes; the rest is the server's state or its rules.
  return { kind: message.startsWith("WRONGTYPE") ? "rejected" : "unavailable", message };
}

/** Streams of Redis and Valkey. */
export const redisStreamsSink = defineSink({
  kind: "redis-streams",
  title: "Redis Streams",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults: ({ key }) => placeholderFaults("/settings/key", key),
  open: (settings, secrets, context) => new RedisStreamsSink(settings, secrets, context),
});

import type { Document, MongoClient } from "mongodb";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { Loss } from "../loss.ts";
import { filled } from "../placeholders.ts";
import { Connection, hostsOf } from "./connection.ts";
import {
  caCertificate,
  clientTls,
  hostFaults,
  hosts,
  password,
  placeholderFaults,
  strict,
  tlsOptionsOf,
  username,
} from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";
import { startRelay } from "./mongodb-relay.ts";

const settingsSchema = Type.Object(
  {
    hosts: hosts(
      "Every server of the replica set, with commas between: db-1.example.com:27017,db-2.example.com:27017.",
    ),
    database: Type.String({ pattern: '^[^/\\\\. "$*<>:|?\\x00]{1,63}$', description: "Name of the database." }),
    collection: Type.Optional(
      Type.String({
        pattern: "^[^$\\x00]{1,200}$",
        description: "With placeholders; upchirp_events unless given. It comes to be with the first event.",
      }),
    ),
    tls: Type.Optional(Type.Boolean({ description: "Whether connections are encrypted: true unless given." })),
    username,
    authSource: Type.Optional(
      Type.String({ minLength: 1, maxLength: 63, description: "Database that knows the user; admin unless given." }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type MongoSecrets = Static<typeof secretsSchema>;

const connectMs = 5000;
const answerMs = 20_000;
/** Kinds of servers that take writes, as the client calls them. */
const writable: readonly string[] = ["RSPrimary", "Standalone", "Mongos", "LoadBalancer"];
/** Codes by which the server says that the document itself is at fault: BadValue, TypeMismatch, DocumentValidationFailure ... */
const refusals: readonly unknown[] = [2, 14, 52, 57, 121, 10334, 11000, 17280, 17419, 17420];

type Mongo = typeof import("mongodb");

interface Opened {
  readonly mongo: Mongo;
  readonly client: MongoClient;
  /** Why the server does not answer any more. */
  readonly loss: Loss<Error>;
  readonly drop: (reason: Error) => void;
}

class MongoSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: MongoSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;

  constructor(settings: Settings, secrets: MongoSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      async ({ drop }) => drop(new Error("the sink is closed")),
    );
  }

  async deliver(messages: readonly SinkMessage[]): Promise<SinkOutcome> {
    const opened = await this.#connection.get();
    const { collection: template = "upchirp_events" } = this.#settings;
    const collections = Map.groupBy(messages, message => filled(template, message, value => value));
    for (const [collection, some] of collections) {
      const outcome = await this.#insert(opened, collection, some.map(documentOf));
      if (outcome.kind !== "delivered") return outcome;
    }
    return { kind: "delivered" };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** In order; what is there already was stored by an earlier try whose answer was lost. */
  async #insert(opened: Opened, collection: string, documents: readonly Document[]): Promise<SinkOutcome> {
    const { mongo, client, loss } = opened;
    const target = client.db(this.#settings.database).collection(collection);
    for (let rest = documents; rest.length > 0; ) {
      try {
        const options = { ordered: true, writeConcern: { w: "majority", wtimeoutMS: answerMs } } as const;
        const answer = await loss.or(target.insertMany([...rest], options));
        if (answer instanceof Error) throw answer;
        break;
      } catch (error) {
        const stopped = error instanceof mongo.MongoBulkWriteError ? writeErrorOf(error) : undefined;
        if (stopped === undefined || !stopped.isStored) return this.#outcomeOf(opened, error);
        rest = rest.slice(stopped.index + 1);
      }
    }
    return { kind: "delivered" };
  }

  #outcomeOf({ mongo, drop }: Opened, error: unknown): SinkOutcome {
    const { message } = toError(error);
    const { code } = error instanceof mongo.MongoServerError ? error : {};
    const isRefused = refusals.includes(code) || error instanceof mongo.BSON.BSONError;
    if (isRefused) return { kind: "rejected", message };
    // Another of the replica set may be the one to write to by now.
    drop(toError(error));
    return { kind: "unavailable", message };
  }

  /** The one that takes writes. Each is asked by itself: those that servers tell of have addresses that nobody checked. */
  async #open(lost: () => void): Promise<Opened> {
    const mongo = await import("mongodb");
    let reason = new Error("no server takes writes");
    for (const { host, port } of hostsOf(this.#settings.hosts, 27_017)) {
      try {
        const opened = await this.#ask(mongo, host, port);
        if (opened === undefined) continue;
        opened.loss.when(lost);
        return opened;
      } catch (error) {
        if (error instanceof Error) reason = error;
      }
    }
    throw reason;
  }

  /** What is connected to this server, if it is one to write to. */
  async #ask(mongo: Mongo, host: string, port: number): Promise<Opened | undefined> {
    const { tls = true, username: user, authSource = "admin" } = this.#settings;
    const { outbound } = this.#context;
    const certificates = tlsOptionsOf({ ...this.#settings, ...this.#secrets });
    const loss = new Loss<Error>();
    const relay = await startRelay(
      () => outbound.connect({ host, port, ...(tls && { tls: certificates }) }),
      loss.tell,
    );
    const client = new mongo.MongoClient(`mongodb://${relay.place}/`, {
      directConnection: true,
      // By a server that is alone they are refused; the queue tries again itself.
      retryWrites: false,
      serverSelectionTimeoutMS: connectMs,
      connectTimeoutMS: connectMs,
      socketTimeoutMS: answerMs,
      maxPoolSize: 4,
      ...(user !== undefined && { auth: { username: user, password: this.#secrets.password ?? "" }, authSource }),
    });
    const end = async (): Promise<void> => {
      await client.close().catch(() => undefined);
      await relay.close();
    };
    // The client itself would wait for the server to come back; the queue does that.
    client.on("serverHeartbeatFailed", ({ failure }) => loss.tell(failure));
    loss.when(() => void end());
    let type = "";
    client.on("serverDescriptionChanged", ({ newDescription }) => {
      type = newDescription.type;
    });
    const answer = await loss.or(client.connect().catch(toError));
    if (!(answer instanceof Error) && writable.includes(type)) return { mongo, client, loss, drop: loss.tell };
    await end();
    if (answer instanceof Error) throw answer;
    return undefined;
  }
}

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error("it cannot be reached"));

const documentOf = (message: SinkMessage): Document => {
  const { deduplicationId: _id, kind, tenantId, applicationId, devEui, body } = message;
  const time = new Date(message.time);
  return { _id, kind, time, tenantId, applicationId, devEui, message: JSON.parse(body) };
};

/** The document at which an ordered insertion stopped. */
function writeErrorOf({ writeErrors }: InstanceType<Mongo["MongoBulkWriteError"]>) {
  const [first] = Array.isArray(writeErrors) ? writeErrors : [writeErrors];
  if (first === undefined) return undefined;
  const { code, index, errmsg = "" } = first;
  return { index, isStored: code === 11000 && errmsg.includes("_id_") };
}

/** MongoDB. */
export const mongodbSink = defineSink({
  kind: "mongodb",
  title: "MongoDB",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxBatch: 100,
  maxInFlight: 4,
  faults: ({ hosts: text, collection }) => [
    ...hostFaults("/settings/hosts", text),
    ...placeholderFaults("/settings/collection", collection),
  ],
  open: (settings, secrets, context) => new MongoSink(settings, secrets, context),
});

import { isIP } from "node:net";
import type {
  Broker,
  CallbackWithPromise,
  ConnectionPool,
  Connection as KafkaConnection,
  MessageToProduce,
  Producer,
} from "@platformatic/kafka";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import type { Outbound } from "../outbound.ts";
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

const settingsSchema = Type.Object(
  {
    brokers: hosts("Brokers to ask first, with commas between: kafka-1.example.com:9092,kafka-2.example.com:9092."),
    topic: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 249,
        description: "Topic that is there, with placeholders; upchirp.{applicationId} unless given.",
      }),
    ),
    tls: Type.Optional(Type.Boolean({ description: "Whether connections are encrypted: false unless given." })),
    mechanism: Type.Optional(
      Type.Union([Type.Literal("PLAIN"), Type.Literal("SCRAM-SHA-256"), Type.Literal("SCRAM-SHA-512")], {
        description: "How the password is shown; PLAIN unless given.",
      }),
    ),
    username,
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type KafkaSecrets = Static<typeof secretsSchema>;

const connectMs = 5000;
const requestMs = 10_000;
/** Half of what brokers take unless they are told otherwise (`message.max.bytes`). */
const requestBytes = 500_000;
const defaultPort = 9092;
const topicTemplate = "upchirp.{applicationId}";
/** What a topic's name may have. */
const nameOf = (value: string): string => value.replace(/[^a-zA-Z0-9._-]/g, "_");
/** Of these the broker says that the message itself is at fault. */
const refusals = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_TOPIC_EXCEPTION", "INVALID_RECORD"];

type Kafka = typeof import("@platformatic/kafka");
type KafkaRecord = MessageToProduce<string, string, string, string>;

interface Opened {
  readonly kafka: Kafka;
  readonly producer: Producer<string, string, string, string>;
  readonly lost: () => void;
}

class KafkaSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: KafkaSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;
  /** Of a batch that was taken in part, what was: by `deduplicationId`. */
  readonly #taken = new Set<string>();

  constructor(settings: Settings, secrets: KafkaSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      ({ producer }) => producer.close(true),
    );
  }

  async deliver(messages: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    const opened = await this.#connection.get();
    const drop = (): void => {
      opened.lost();
      opened.producer.close(true).catch(() => undefined);
    };
    // What nobody waits for any more must not be sent after what another process sends.
    signal.addEventListener("abort", drop, { once: true });
    try {
      const faults = await this.#send(opened, messages);
      const [first] = faults;
      if (first === undefined) return { kind: "delivered" };
      // The next producer begins with a number and a sequence of its own.
      drop();
      return faults.find(({ kind }) => kind === "unavailable") ?? first;
    } catch (error) {
      drop();
      return outcomeOf(opened.kafka, error);
    } finally {
      signal.removeEventListener("abort", drop);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Requests for each partition, since each takes its own or not; what came of those that were not taken. */
  async #send({ kafka, producer }: Opened, messages: readonly SinkMessage[]): Promise<readonly SinkOutcome[]> {
    const { topic: template = topicTemplate } = this.#settings;
    const records = messages
      .filter(({ deduplicationId }) => !this.#taken.has(deduplicationId))
      .map(message => ({ message, record: recordOf(message, filled(template, message, nameOf)) }));
    const { topics } = await producer.metadata({ topics: [...new Set(records.map(({ record }) => record.topic))] });
    const partitionOf = (record: KafkaRecord): number => {
      // Where Java's clients would put it.
      const hash = kafka.compatibilityPartitioner(record, Buffer.from(record.key ?? ""));
      return hash % (topics.get(record.topic)?.partitionsCount ?? 1);
    };
    const parts = Map.groupBy(records, ({ record }) => `${record.topic}:${partitionOf(record)}`);
    const outcomes = await Promise.all(
      [...parts.values()].map(async part => {
        try {
          for (const some of requestsOf(part)) {
            await producer.send({
              messages: some.map(({ record }) => ({ ...record, partition: partitionOf(record) })),
            });
            for (const { message } of some) this.#taken.add(message.deduplicationId);
          }
          return [];
        } catch (error) {
          return [outcomeOf(kafka, error)];
        }
      }),
    );
    const faults = outcomes.flat();
    if (faults.length === 0) for (const { deduplicationId } of messages) this.#taken.delete(deduplicationId);
    return faults;
  }

  async #open(lost: () => void): Promise<Opened> {
    const kafka = await import("@platformatic/kafka");
    const { brokers, tls = false, mechanism = "PLAIN", username: user } = this.#settings;
    const { outbound } = this.#context;
    const bootstrapBrokers = [...hostsOf(brokers, defaultPort)];
    const producer: Opened["producer"] = new kafka.Producer({
      clientId: "upchirp",
      bootstrapBrokers,
      serializers: kafka.stringSerializers,
      // Stored by all replicas in sync, and no second copy when only an answer was lost.
      idempotent: true,
      retries: 2,
      retryDelay: 100,
      connectTimeout: connectMs,
      requestTimeout: requestMs,
      ...(tls && {
        tls: { ...tlsOptionsOf({ ...this.#settings, ...this.#secrets }), lookup: outbound.lookup },
        tlsServerName: bootstrapBrokers.every(({ host }) => isIP(host) === 0),
      }),
      ...(user !== undefined && { sasl: { mechanism, username: user, password: this.#secrets.password ?? "" } }),
    });
    guard(producer.connections, outbound, tls, message => new kafka.NetworkError(message, { canRetry: false }));
    return { kafka, producer, lost };
  }
}

const recordOf = (
  { deduplicationId, kind, applicationId, devEui, body, time }: SinkMessage,
  topic: string,
): KafkaRecord => {
  const timeMs = Date.parse(time);
  return {
    topic,
    // One device's messages are in one partition, in order.
    key: devEui,
    value: body,
    headers: { deduplicationId, kind, applicationId },
    ...(Number.isFinite(timeMs) && { timestamp: BigInt(timeMs) }),
  };
};

interface Placed {
  readonly message: SinkMessage;
  readonly record: KafkaRecord;
}

/** In order, as many in each as a broker is sure to take. */
function requestsOf(part: readonly Placed[]): readonly (readonly Placed[])[] {
  const requests: Placed[][] = [];
  let bytes = requestBytes;
  for (const placed of part) {
    bytes += placed.message.body.length;
    if (bytes > requestBytes) {
      requests.push([]);
      bytes = placed.message.body.length;
    }
    requests.at(-1)?.push(placed);
  }
  return requests;
}

/** The brokers tell of each other: every connection goes to an address that was checked, whoever named it. */
function guard(pool: ConnectionPool, outbound: Outbound, tls: boolean, faultOf: (message: string) => Error): void {
  const get: (broker: Broker) => Promise<KafkaConnection> = pool.get.bind(pool);
  const checked = async (broker: Broker): Promise<Broker> => {
    try {
      const [first] = await outbound.resolve(broker.host);
      // With TLS the name is needed; it is looked up and checked once more.
      return tls || first === undefined ? broker : { ...broker, host: first.address };
    } catch (error) {
      throw faultOf(error instanceof Error ? error.message : `${broker.host} has no address`);
    }
  };
  function getChecked(broker: Broker, callback: CallbackWithPromise<KafkaConnection>): void;
  function getChecked(broker: Broker): Promise<KafkaConnection>;
  function getChecked(broker: Broker, callback?: CallbackWithPromise<KafkaConnection>): Promise<KafkaConnection> {
    // The client asks for nothing when its picture of the cluster is old, and is told so.
    const got = broker === undefined ? get(broker) : checked(broker).then(get);
    if (callback !== undefined) {
      got.then(
        connection => callback(null, connection),
        (error: Error) => callback(error, undefined),
      );
    }
    return got;
  }
  pool.get = getChecked;
}

function outcomeOf({ findErrorBy }: Kafka, error: unknown): SinkOutcome {
  const message = reasonOf(error);
  const isRefused = error instanceof Error && refusals.some(id => findErrorBy(error, "apiId", id) !== null);
  return isRefused ? { kind: "rejected", message } : { kind: "unavailable", message };
}

/** The last try's innermost error: the outer ones say no more than that it failed so often. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors.at(-1));
  if (error instanceof Error && error.cause instanceof Error) return reasonOf(error.cause);
  return error instanceof Error ? error.message : "the broker did not take it";
}

/** Apache Kafka and what speaks its protocol. */
export const kafkaSink = defineSink({
  kind: "kafka",
  title: "Apache Kafka",
  settings: settingsSchema,
  secrets: secretsSchema,
  // A producer that leaves no second copy has one request under way.
  maxBatch: 500,
  maxInFlight: 1,
  faults: ({ brokers, topic }) => [
    ...hostFaults("/settings/brokers", brokers),
    ...placeholderFaults("/settings/topic", topic),
  ],
  open: (settings, secrets, context) => new KafkaSink(settings, secrets, context),
});

import type { Client } from "cassandra-driver";
import Type, { type Static } from "typebox";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { eventRow, readingRows } from "../event-row.ts";
import type { Outbound } from "../outbound.ts";
import { createNodeGuard, type Driver, loadDriver, nodeTls } from "./cassandra-driver.ts";
import { Connection, hostsOf } from "./connection.ts";
import {
  caCertificate,
  clientTls,
  databaseTls,
  hostFaults,
  hosts,
  password,
  strict,
  tableFaults,
  tables,
  tlsOptionsOf,
  username,
} from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const Name = Type.String({ pattern: "^[a-z][a-z0-9_]{0,47}$" });
const settingsSchema = Type.Object(
  {
    contactPoints: hosts(
      "Nodes to ask first, with commas between: cassandra-1.example.com:9042,cassandra-2.example.com.",
    ),
    localDataCenter: Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Data centre whose nodes are written to, as `nodetool status` names it.",
    }),
    keyspace: { ...Name, description: "It has to be there." },
    consistency: Type.Optional(
      Type.Enum(["ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "LOCAL_ONE"], {
        description: "How many replicas must have stored an event; LOCAL_QUORUM unless given.",
      }),
    ),
    username,
    tls: databaseTls,
    ...tables(Name),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type CassandraSecrets = Static<typeof secretsSchema>;

const defaultPort = 9042;
const connectMs = 5000;
const answerMs = 20_000;
const reconnectMs = 1000;

const eventColumns = {
  dev_eui: "text",
  month: "text",
  time: "timestamp",
  deduplication_id: "text",
  event: "text",
  tenant_id: "uuid",
  application_id: "uuid",
  application_name: "text",
  device_name: "text",
  f_cnt: "bigint",
  f_port: "int",
  dr: "int",
  frequency: "bigint",
  rssi: "double",
  snr: "double",
  data: "blob",
  object: "text",
  tags: "map<text, text>",
  message: "text",
};
const measurementColumns = {
  dev_eui: "text",
  month: "text",
  name: "text",
  time: "timestamp",
  deduplication_id: "text",
  event: "text",
  application_id: "uuid",
  device_name: "text",
  number: "double",
  text: "text",
};
/** As the driver calls them. */
const consistencies = {
  ONE: "one",
  TWO: "two",
  THREE: "three",
  QUORUM: "quorum",
  ALL: "all",
  LOCAL_QUORUM: "localQuorum",
  EACH_QUORUM: "eachQuorum",
  LOCAL_ONE: "localOne",
} as const;
type Columns = Readonly<Record<string, string>>;
/** A device's partition is a month of its events: one of years would be too large. */
const eventKey = "(dev_eui, month), time, deduplication_id, event";
const measurementKey = "(dev_eui, month), name, time, deduplication_id, event";

type Value = string | number | Date | Buffer | object | undefined;
type Row = readonly Value[];

const isInt32 = (value: number): boolean => (value | 0) === value;
const fits: Readonly<Record<string, (value: number) => boolean>> = { int: isInt32, bigint: Number.isSafeInteger };

/** In the order of the columns; undefined leaves a column as it is, where null would be something to delete later. */
const rowOf = (columns: Columns, values: Readonly<Record<string, Value | null>>): Row =>
  Object.keys(columns).map(name => values[name] ?? undefined);

/** The first column whose value is none of its type. */
const misfit = (columns: Columns, row: Row): string | undefined =>
  Object.entries(columns).find(([, type], at) => {
    const value = row[at];
    return typeof value === "number" && fits[type]?.(value) === false;
  })?.[0];

/** Undefined for what is no time. */
function timeOf(text: string): { readonly time: Date; readonly month: string } | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : { time, month: time.toISOString().slice(0, 7) };
}

function eventValues(message: SinkMessage, when: object): Row {
  const row = eventRow(message);
  const { data, object, tags } = row;
  const texts = Object.entries(tags).filter(([, value]) => typeof value === "string");
  return rowOf(eventColumns, {
    ...row,
    ...when,
    data: data === null ? null : Buffer.from(data, "base64"),
    object: object === null ? null : JSON.stringify(object),
    tags: texts.length === 0 ? null : Object.fromEntries(texts),
    message: message.body,
  });
}

/** A row that is there already is the same event, which is written over it: the answer to an earlier try was lost. */
const insertion = (table: string, columns: Columns): string =>
  `insert into ${table} (${Object.keys(columns).map(name => `"${name}"`)}) values (${Object.keys(columns).map(() => "?")})`;

class CassandraSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: CassandraSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;
  readonly #table: string;
  readonly #insertion: string;

  constructor(settings: Settings, secrets: CassandraSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    const { table = "upchirp_events" } = settings;
    this.#table = table;
    this.#insertion = insertion(table, eventColumns);
    this.#connection = new Connection(
      lost => this.#open(lost),
      ({ end }) => end(),
    );
  }

  async deliver([message]: readonly SinkMessage[]): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const when = timeOf(message.time);
    if (when === undefined) return { kind: "rejected", message: "it has no time" };
    const { measurementsTable } = this.#settings;
    const event = eventValues(message, when);
    const wrong = misfit(eventColumns, event);
    if (wrong !== undefined) return { kind: "rejected", message: `its ${wrong} does not fit the column` };
    const readings = measurementsTable === undefined ? [] : readingRows(message);
    const opened = await this.#connection.get();
    const { client } = opened;
    try {
      if (readings.length === 0) await client.execute(this.#insertion, [...event], { prepare: true });
      else {
        const query = insertion(measurementsTable ?? "", measurementColumns);
        const rows = readings.map(row => ({ query, params: [...rowOf(measurementColumns, { ...row, ...when })] }));
        // Two partitions: what only one of them took is written again with the next try.
        await client.batch([{ query: this.#insertion, params: [...event] }, ...rows], { prepare: true, logged: false });
      }
      return { kind: "delivered" };
    } catch (error) {
      return this.#outcomeOf(opened, error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #outcomeOf({ driver, end, lost }: Opened, error: unknown): SinkOutcome {
    const message = reasonOf(driver, error);
    const { code } = error instanceof driver.errors.ResponseError ? error : {};
    const isInvalid = code === driver.types.responseErrorCodes.invalid;
    // Names are asked for anew, and tables that are gone are made again.
    if (code === undefined || isInvalid) {
      lost();
      void end();
    }
    return { kind: isInvalid ? "failed" : "unavailable", message };
  }

  async #open(lost: () => void): Promise<Opened> {
    const { contactPoints, localDataCenter, keyspace, consistency = "LOCAL_QUORUM" } = this.#settings;
    const { tls = true, username: user } = this.#settings;
    const { outbound } = this.#context;
    const places = hostsOf(contactPoints, defaultPort);
    const names = places.map(({ host }) => host);
    const [endpoints, driver] = [await endpointsOf(outbound, places), await loadDriver()];
    const { policies, types } = driver;
    const guard = createNodeGuard(driver, outbound);
    const client = new driver.Client({
      contactPoints: [...endpoints],
      localDataCenter,
      keyspace,
      protocolOptions: { port: places[0]?.port ?? defaultPort, maxVersion: types.protocolVersion.v4 },
      // Tables of others are no concern of ours, and can be thousands.
      isMetadataSyncEnabled: false,
      monitorReporting: { enabled: false },
      encoding: { useUndefinedAsUnset: true },
      queryOptions: { consistency: types.consistencies[consistencies[consistency]], isIdempotent: true },
      socketOptions: { connectTimeout: connectMs, readTimeout: answerMs },
      policies: {
        addressResolution: guard.addressResolution,
        loadBalancing: new policies.loadBalancing.DCAwareRoundRobinPolicy(localDataCenter),
        reconnection: new policies.reconnection.ConstantReconnectionPolicy(reconnectMs),
        // The queue tries again itself.
        retry: new policies.retry.FallthroughRetryPolicy(),
      },
      ...(tls && { sslOptions: nodeTls(names, tlsOptionsOf({ ...this.#settings, ...this.#secrets })) }),
      ...(user !== undefined && { credentials: { username: user, password: this.#secrets.password ?? "" } }),
    });
    const end = async (): Promise<void> => {
      await client.shutdown().catch(() => undefined);
      guard.end();
    };
    try {
      await client.connect();
      await this.#createTables(client);
      return { driver, client, end, lost };
    } catch (error) {
      void end();
      throw new Error(reasonOf(driver, error), { cause: error });
    }
  }

  /** Who may write to a table need not be one who may create it. */
  async #createTables(client: Client): Promise<void> {
    const { keyspace, measurementsTable, createTables = true } = this.#settings;
    if (!createTables) return;
    await create(client, keyspace, this.#table, eventColumns, eventKey, "time desc, deduplication_id asc, event asc");
    if (measurementsTable === undefined) return;
    const order = "name asc, time desc, deduplication_id asc, event asc";
    await create(client, keyspace, measurementsTable, measurementColumns, measurementKey, order);
  }
}

interface Opened {
  readonly driver: Driver;
  readonly client: Client;
  readonly end: () => Promise<void>;
  readonly lost: () => void;
}

async function create(
  client: Client,
  keyspace: string,
  table: string,
  columns: Columns,
  key: string,
  order: string,
): Promise<void> {
  const there = "select table_name from system_schema.tables where keyspace_name = ? and table_name = ?";
  const { rowLength } = await client.execute(there, [keyspace, table], { prepare: true });
  if (rowLength > 0) return;
  const declared = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`);
  await client.execute(
    `create table if not exists ${table} (${declared}, primary key (${key})) with clustering order by (${order})`,
  );
}

/** Addresses that were checked, of every host that has any. */
async function endpointsOf(outbound: Outbound, places: ReturnType<typeof hostsOf>): Promise<readonly string[]> {
  const found = await Promise.allSettled(
    places.map(async ({ host, port }) =>
      (await outbound.resolve(host)).map(({ address, family }) =>
        family === 6 ? `[${address}]:${port}` : `${address}:${port}`,
      ),
    ),
  );
  const endpoints = found.flatMap(one => (one.status === "fulfilled" ? one.value : []));
  const [fault] = found.flatMap(one => (one.status === "rejected" ? [one.reason] : []));
  if (endpoints.length === 0) throw fault ?? new Error("no node is named");
  return endpoints;
}

/** Of several nodes the first one's reason. */
function reasonOf({ errors }: Pick<Driver, "errors">, error: unknown): string {
  if (error instanceof errors.NoHostAvailableError) {
    const [first] = Object.values(error.innerErrors ?? {});
    return first === undefined ? error.message : reasonOf({ errors }, first);
  }
  return error instanceof Error ? error.message : "the node did not take it";
}

/** Apache Cassandra and what speaks its protocol. */
export const cassandraSink = defineSink({
  kind: "cassandra",
  title: "Apache Cassandra",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: 64,
  faults: ({ contactPoints, table = "upchirp_events", measurementsTable }) => [
    ...hostFaults("/settings/contactPoints", contactPoints),
    ...tableFaults(table, measurementsTable),
  ],
  open: (settings, secrets, context) => new CassandraSink(settings, secrets, context),
});

import { isIP } from "node:net";
import { Client, DatabaseError, escapeIdentifier } from "pg";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import type { Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { eventRow, readingRows } from "../event-row.ts";
import { Connection, containFaults, placeOf, urlParts } from "./connection.ts";
import {
  caCertificate,
  clientTls,
  databaseTls,
  password,
  strict,
  tableFaults,
  tables,
  tlsOptionsOf,
  urlFaults,
  username,
} from "./fields.ts";
import { defineSink, type SinkContext } from "./kind.ts";
import { createMessageCheck } from "./postgres-messages.ts";

const Name = Type.String({ pattern: "^[a-z_][a-z0-9_]{0,49}$" });

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^postgres(ql)?://[^/@{}\\s?#]+/[\\w$-]{1,63}$",
      maxLength: 500,
      description: "The server with the name of a database: postgresql://db.example.com:5432/iot.",
    }),
    username,
    tls: databaseTls,
    schema: Type.Optional({ ...Name, description: "Schema of the tables; public unless given." }),
    ...tables(Name),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type PostgresSecrets = Static<typeof secretsSchema>;

const connectMs = 10_000;
/** The server gives up before the client does, and the client before the engine does. */
const statementMs = 20_000;
const queryMs = 25_000;

const eventColumns = {
  time: "timestamptz not null",
  deduplication_id: "text not null",
  event: "text not null",
  tenant_id: "uuid not null",
  application_id: "uuid not null",
  application_name: "text not null",
  dev_eui: "text not null",
  device_name: "text not null",
  f_cnt: "bigint",
  f_port: "integer",
  dr: "integer",
  frequency: "bigint",
  rssi: "real",
  snr: "real",
  data: "bytea",
  object: "jsonb",
  tags: "jsonb",
  message: "jsonb not null",
};
const measurementColumns = {
  time: "timestamptz not null",
  deduplication_id: "text not null",
  event: "text not null",
  application_id: "uuid not null",
  dev_eui: "text not null",
  device_name: "text not null",
  name: "text not null",
  number: "double precision",
  text: "text",
};

type Columns = Readonly<Record<string, string>>;
/** TimescaleDB wants the time in every unique key. */
const eventKey = "deduplication_id, event, time";
const measurementKey = "deduplication_id, event, name, time";

/** Quoted, with the name of the schema. */
const qualified = (schema: string, table: string): string => `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;

/** A row that is there already is the same event: the answer to an earlier try was lost. Bytes come as base64. */
function insertion(table: string, columns: Columns, key: string, parameter: string): string {
  const names = Object.keys(columns);
  const given = Object.entries(columns).map(
    ([name, type]) => `${name} ${type === "bytea" ? "text" : type.split(" not")[0]}`,
  );
  const values = names.map(name => (columns[name] === "bytea" ? `decode(${name}, 'base64')` : name));
  return `insert into ${table} (${names}) select ${values} from json_to_recordset(${parameter}) as given(${given})
    on conflict (${key}) do nothing`;
}

class PostgresSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: PostgresSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Client>;
  readonly #schema: string;
  readonly #table: string;
  readonly #statement: string;

  constructor(settings: Settings, secrets: PostgresSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    const { schema = "public", table = "upchirp_events", measurementsTable } = settings;
    this.#schema = schema;
    this.#table = table;
    const events = insertion(qualified(schema, table), eventColumns, eventKey, "$1");
    this.#statement =
      measurementsTable === undefined
        ? events
        : `with events as (${events}) ${insertion(qualified(schema, measurementsTable), measurementColumns, measurementKey, "$2")}`;
    this.#connection = new Connection(
      lost => this.#open(lost),
      client => client.end(),
    );
  }

  /** One statement, so all rows or none. */
  async deliver(messages: readonly SinkMessage[]): Promise<SinkOutcome> {
    const client = await this.#connection.get();
    const values = [`[${messages.map(eventJson)}]`];
    if (this.#settings.measurementsTable !== undefined) values.push(JSON.stringify(messages.flatMap(readingRows)));
    try {
      const { command } = await client.query(this.#statement, values);
      if (command === "INSERT") return { kind: "delivered" };
      this.#connection.drop();
      return { kind: "unavailable", message: "the server does not say that it has inserted anything" };
    } catch (error) {
      const outcome = outcomeOf(error);
      // It may be stuck, and tables that are gone are made with a new one.
      if (outcome.kind === "unavailable") this.#connection.drop();
      return outcome;
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(lost: () => void): Promise<Client> {
    const { url, username: user = "postgres", tls = true } = this.#settings;
    const { host, port, path } = urlParts(url, 5432);
    const { address, serverName } = await placeOf(this.#context.outbound, host, port);
    const client = new Client({
      host: address,
      port,
      database: path.slice(1),
      user,
      // A text that is empty would be looked for in the environment.
      password: this.#secrets.password ?? (() => ""),
      application_name: "upchirp",
      keepAlive: true,
      connectionTimeoutMillis: connectMs,
      statement_timeout: statementMs,
      query_timeout: queryMs,
      ssl: tls && {
        ...(isIP(serverName) === 0 && { servername: serverName }),
        ...tlsOptionsOf({ ...this.#settings, ...this.#secrets }),
      },
    });
    // The answer to the wish for TLS is one byte, and no message.
    containFaults(client.connection.stream, tls ? undefined : createMessageCheck());
    client.connection.once("sslconnect", () => containFaults(client.connection.stream, createMessageCheck()));
    // Queries under way are told for themselves.
    client.on("error", lost).on("end", lost);
    await client.connect();
    try {
      await this.#prepare(client);
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    }
    return client;
  }

  async #prepare(client: Client): Promise<void> {
    const { createTables = true, measurementsTable } = this.#settings;
    if (!createTables) return;
    await this.#create(client, this.#table, eventColumns, eventKey, true);
    if (measurementsTable !== undefined)
      await this.#create(client, measurementsTable, measurementColumns, measurementKey, false);
  }

  async #create(client: Client, name: string, columns: Columns, key: string, isNumbered: boolean): Promise<void> {
    const table = qualified(this.#schema, name);
    const isThere = async (): Promise<boolean> => {
      const { rowCount } = await client.query(
        "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2",
        [this.#schema, name],
      );
      return rowCount === 1;
    };
    // Who may write to a table need not be one who may create it.
    if (await isThere()) return;
    await client.query("begin");
    // Two servers, or two integrations of one table, would both create it.
    await client.query("select pg_advisory_xact_lock(hashtext($1))", [`upchirp ${table}`]);
    if (!(await isThere())) {
      const declared = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
      const number = isNumbered ? "id bigint generated always as identity, " : "";
      await client.query(`create table ${table} (${number}${declared}, primary key (${key}))`);
      await client.query(`create index on ${table} (dev_eui, time desc)`);
      await hypertable(client, table);
    }
    await client.query("commit");
  }
}

/** Only of a table that was just made: it moves no rows. */
async function hypertable(client: Client, table: string): Promise<void> {
  const { rows } = await client.query(
    "select n.nspname as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'timescaledb'",
  );
  if (rows.length === 0) return;
  const [{ schema }] = Value.Parse(Type.Tuple([Type.Object({ schema: Type.String() })]), rows);
  await client.query(`select ${escapeIdentifier(schema)}.create_hypertable($1::regclass, 'time')`, [table]);
}

/** The message as it is: nobody reads it here only to write it again. */
const eventJson = (message: SinkMessage): string =>
  `${JSON.stringify(eventRow(message)).slice(0, -1)},"message":${message.body}}`;

/** SQLSTATE classes of PostgreSQL's appendix A. */
function outcomeOf(error: unknown): SinkOutcome {
  const message = error instanceof Error ? error.message : "the server did not take it";
  const { code = "" } = error instanceof DatabaseError ? error : {};
  // Values that do not fit, rules of the table, limits that one message is beyond.
  if (/^(22|23|54)/.test(code)) return { kind: "rejected", message };
  // A trigger of theirs.
  return { kind: code === "P0001" ? "failed" : "unavailable", message };
}

/** PostgreSQL, and TimescaleDB where it is there. */
export const postgresSink = defineSink({
  kind: "postgres",
  title: "PostgreSQL and TimescaleDB",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxBatch: 200,
  maxInFlight: 2,
  faults: ({ url, table = "upchirp_events", measurementsTable }) => [
    ...urlFaults(url, "postgresql://db.example.com/iot"),
    ...tableFaults(table, measurementsTable),
  ],
  open: (settings, secrets, context) => new PostgresSink(settings, secrets, context),
});

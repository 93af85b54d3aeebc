import { isIP } from "node:net";
import { type Connection as Client, type ConnectionOptions, createConnection } from "mysql2/promise";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import type { SettingFault, Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { eventRow, readingRows } from "../event-row.ts";
import { Connection, urlParts } from "./connection.ts";
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

const Name = Type.String({ pattern: "^[A-Za-z0-9_]{1,60}$" });

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^(mysql|mariadb)://[^/@{}\\s?#]+/[\\w$-]{1,64}$",
      maxLength: 500,
      description: "The server with the name of a database: mysql://db.example.com:3306/iot.",
    }),
    username,
    tls: databaseTls,
    ...tables(Name),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object({ password, ...clientTls }, strict);
type Settings = Static<typeof settingsSchema>;
type MysqlSecrets = Static<typeof secretsSchema>;

const connectMs = 10_000;
/** Shorter than what the engine waits. */
const answerMs = 25_000;

const identifier = "varchar(100) character set ascii collate ascii_bin not null";
const word = "varchar(36) character set ascii collate ascii_bin not null";
const text = "varchar(191) character set utf8mb4 collate utf8mb4_bin not null";
const eventColumns = {
  time: "datetime(6) not null",
  deduplication_id: identifier,
  event: word,
  tenant_id: word,
  application_id: word,
  application_name: text,
  dev_eui: word,
  device_name: text,
  f_cnt: "bigint",
  f_port: "int",
  dr: "int",
  frequency: "bigint",
  rssi: "double",
  snr: "double",
  data: "mediumblob",
  object: "json",
  tags: "json",
  message: "json not null",
};
const measurementColumns = {
  time: "datetime(6) not null",
  deduplication_id: identifier,
  event: word,
  application_id: word,
  dev_eui: word,
  device_name: text,
  name: text,
  number: "double",
  text: "text character set utf8mb4 collate utf8mb4_bin",
};
type Columns = Readonly<Record<string, string>>;
type Row = readonly (string | number | Buffer | null)[];

/** In UTC, as the session has it. What is no time is none, and the table refuses that. */
const datetime = (time: string): string | null => {
  const [, date, clock] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*Z$/.exec(time) ?? [];
  return date === undefined || clock === undefined ? null : `${date} ${clock}`;
};

/** Values in the order of the columns. */
function eventValues(message: SinkMessage): Row {
  const row = eventRow(message);
  const { time, data, object, tags } = row;
  return Object.values({
    ...row,
    time: datetime(time),
    data: data === null ? null : Buffer.from(data, "base64"),
    object: object === null ? null : JSON.stringify(object),
    tags: JSON.stringify(tags),
    message: message.body,
  });
}

const readingValues = (message: SinkMessage): readonly Row[] =>
  readingRows(message).map(row => Object.values({ ...row, time: datetime(row.time) }));

class MysqlSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: MysqlSecrets;
  readonly #context: SinkContext;
  readonly #connection: Connection<Opened>;

  constructor(settings: Settings, secrets: MysqlSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#connection = new Connection(
      lost => this.#open(lost),
      ({ client }) => client.end(),
    );
  }

  /** In one transaction: all rows or none. Called for one batch at a time. */
  async deliver(messages: readonly SinkMessage[]): Promise<SinkOutcome> {
    const { client, maxStatementBytes } = await this.#connection.get();
    const { table = "upchirp_events", measurementsTable } = this.#settings;
    const readings = measurementsTable === undefined ? [] : messages.flatMap(readingValues);
    const statements = [
      client.format(insertion(table, eventColumns), [messages.map(eventValues)]),
      ...(readings.length > 0
        ? [client.format(insertion(measurementsTable ?? "", measurementColumns), [readings])]
        : []),
    ];
    // The server would cut the connection, and say nothing of why.
    if (statements.some(statement => Buffer.byteLength(statement) > maxStatementBytes)) {
      return { kind: "rejected", message: "it is larger than the server's max_allowed_packet" };
    }
    try {
      const isOne = statements.length === 1;
      for (const sql of isOne ? statements : ["start transaction", ...statements, "commit"])
        await client.query({ sql, timeout: answerMs });
      return { kind: "delivered" };
    } catch (error) {
      const outcome = outcomeOf(error);
      // A connection may be stuck, and tables that are gone are made with a new one.
      if (outcome.kind === "unavailable" || !(await rolledBack(client))) {
        client.destroy();
        this.#connection.drop();
      }
      return outcome;
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(lost: () => void): Promise<Opened> {
    const { url, username: user = "root", tls = true } = this.#settings;
    const { host, port, path } = urlParts(url, 3306);
    const client = await createConnection({
      host,
      port,
      stream: () => this.#context.outbound.connect({ host, port }),
      database: path.slice(1),
      user,
      password: this.#secrets.password ?? "",
      connectTimeout: connectMs,
      charset: "utf8mb4",
      // No server may ask for our files.
      flags: ["-LOCAL_FILES"],
      ...(tls && { ssl: { verifyIdentity: true, ...tlsOptionsOf({ ...this.#settings, ...this.#secrets }) } }),
    } satisfies ConnectionOptions);
    client.on("error", lost).on("end", lost);
    try {
      return { client, maxStatementBytes: await this.#prepare(client) };
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  /** Bytes that a statement may have. */
  async #prepare(client: Client): Promise<number> {
    // Values that do not fit are errors, and the way in which texts are quoted is known.
    await client.query({
      sql: "set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'",
      timeout: answerMs,
    });
    const { table = "upchirp_events", measurementsTable, createTables = true } = this.#settings;
    if (createTables) {
      const number = "`id` bigint not null auto_increment primary key,";
      await create(client, table, eventColumns, `${number} unique key (deduplication_id, event)`);
      if (measurementsTable !== undefined)
        await create(client, measurementsTable, measurementColumns, "primary key (deduplication_id, event, name)");
    }
    const [rows] = await client.query("select @@max_allowed_packet as bytes");
    const [{ bytes }] = Value.Parse(Type.Tuple([Type.Object({ bytes: Type.Number() })]), rows);
    return bytes - packetOverheadBytes;
  }
}

interface Opened {
  readonly client: Client;
  readonly maxStatementBytes: number;
}

const packetOverheadBytes = 64;

/** A row that is there already is the same event: the answer to an earlier try was lost. */
const insertion = (table: string, columns: Columns): string =>
  `insert into \`${table}\` (${Object.keys(columns).map(name => `\`${name}\``)}) values ?
    on duplicate key update deduplication_id = deduplication_id`;

async function create(client: Client, table: string, columns: Columns, keys: string): Promise<void> {
  const there = "select 1 from information_schema.tables where table_schema = database() and table_name = ?";
  const [rows] = await client.query(there, [table]);
  // Who may write to a table need not be one who may create it.
  if (Array.isArray(rows) && rows.length > 0) return;
  const declared = Object.entries(columns).map(([name, type]) => `\`${name}\` ${type}`);
  await client.query(
    `create table if not exists \`${table}\` (${declared}, ${keys}, key (dev_eui, time)) engine = InnoDB default charset = utf8mb4`,
  );
}

const rolledBack = (client: Client): Promise<boolean> =>
  client.query({ sql: "rollback", timeout: answerMs }).then(
    () => true,
    () => false,
  );

const Fault = Type.Object({ errno: Type.Optional(Type.Number()), sqlState: Type.Optional(Type.String()) });
/** About values, with an SQLSTATE that says so or not: truncated, not of the column's type, against a check. */
const valueFaults: ReadonlySet<number | undefined> = new Set([1265, 1366, 3819, 4025]);

function outcomeOf(error: unknown): SinkOutcome {
  const message = error instanceof Error ? error.message : "the server did not take it";
  const { errno, sqlState = "" } = Value.Check(Fault, error) ? error : {};
  if (/^2[23]/.test(sqlState) || valueFaults.has(errno)) return { kind: "rejected", message };
  // A trigger of theirs that used SIGNAL.
  return { kind: sqlState === "45000" ? "failed" : "unavailable", message };
}

function faults({ url, tls = true, table = "upchirp_events", measurementsTable }: Settings): readonly SettingFault[] {
  const unusable = urlFaults(url, "mysql://db.example.com/iot");
  if (unusable.length > 0) return unusable;
  const isAddress = isIP(urlParts(url, 3306).host) !== 0;
  return [
    ...(tls && isAddress
      ? [
          {
            path: "/settings/url",
            message: "must have a name that the server's certificate is for, or set tls to false",
          },
        ]
      : []),
    ...tableFaults(table, measurementsTable),
  ];
}

/** MySQL and MariaDB. */
export const mysqlSink = defineSink({
  kind: "mysql",
  title: "MySQL and MariaDB",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxBatch: 200,
  maxInFlight: 1,
  faults,
  open: (settings, secrets, context) => new MysqlSink(settings, secrets, context),
});

import { hash } from "node:crypto";
import { type ClientBase, Pool, type PoolClient, type QueryResult } from "pg";
import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "./clock.ts";
import { SqlError } from "./errors.ts";
import type { Log } from "./log.ts";
import { createListener } from "./postgres-listen.ts";
import { columnTypes, sqlErrorOf } from "./postgres-values.ts";
import type { Sql, SqlTransaction, TransactionOptions } from "./sql.ts";

/** Where the server is: a URL, or the folder of its Unix socket as `host`. */
export type PostgresConnection =
  | { readonly connectionString: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

export interface PostgresOptions {
  readonly connection: PostgresConnection;
  readonly log: Log;
  readonly clock: Clock;
  /** Connections of the pool; LISTEN takes one more. */
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  /** The server ends a statement that takes longer; 0 is no limit. */
  readonly statementTimeoutMs?: number;
}

interface RowCheck {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

const rowChecks = new WeakMap<TSchema, RowCheck>();

function rowCheckOf(schema: TSchema): RowCheck {
  const known = rowChecks.get(schema);
  if (known !== undefined) return known;
  const check = Compile(schema);
  rowChecks.set(schema, check);
  return check;
}

function assertRow<Row extends TSchema>(schema: Row, row: unknown): asserts row is Static<Row> {
  const check = rowCheckOf(schema);
  if (check.Check(row)) return;
  const [fault] = check.Errors(row);
  throw new SqlError(
    "sql_row_mismatch",
    `a row's ${fault?.instancePath.slice(1) || "value"} ${fault?.message ?? "does not fit"}`,
  );
}

async function query(
  client: Pool | ClientBase,
  text: string,
  values?: readonly unknown[],
  { prepare = false }: TransactionOptions = {},
): Promise<QueryResult> {
  try {
    // Without values it is a simple query, which may hold several statements: migrations need that.
    if (values === undefined) return await client.query(text);
    return await client.query({ text, values: [...values], ...(prepare && { name: nameOf(text) }) });
  } catch (error) {
    throw sqlErrorOf(error);
  }
}

const names = new Map<string, string>();

/** One for each text, the same in every process: a pooler between may give one's connection to another. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = hash("sha256", text).slice(0, 32);
  names.set(text, name);
  return name;
}

const statementsOn = (client: Pool | ClientBase, options?: TransactionOptions): SqlTransaction => ({
  async rows<Row extends TSchema>(row: Row, text: string, values?: readonly unknown[]) {
    const result = await query(client, text, values ?? [], options);
    const rows: unknown[] = result.rows;
    return rows.map(value => {
      assertRow(row, value);
      return value;
    });
  },
  async run(text, values) {
    const result = await query(client, text, values, options);
    return result.rowCount ?? 0;
  },
});

async function transaction<Result>(
  pool: Pool,
  work: (sql: SqlTransaction) => Promise<Result>,
  options?: TransactionOptions,
): Promise<Result> {
  let client: PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw sqlErrorOf(error);
  }
  let broken: Error | undefined;
  try {
    await query(client, "begin");
    const result = await work(statementsOn(client, options));
    await query(client, "commit");
    return result;
  } catch (error) {
    // A connection that cannot even roll back is not given to the next caller.
    await client.query("rollback").catch((fault: Error) => {
      broken = fault;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * The catalog on PostgreSQL. As JavaScript values: bigint is a number (a string beyond 2^53, which no number schema
 * accepts), numeric a string, timestamptz an RFC 3339 text in UTC with 3 to 6 digits of fraction, date `YYYY-MM-DD`,
 * jsonb what it holds, bytea a Buffer; arrays are the driver's (of bigint as strings, of timestamptz as Dates). Connects
 * when first used.
 */
export function createPostgres(options: PostgresOptions): Sql {
  const log = options.log.child({ part: "sql" });
  const settings = {
    ...options.connection,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    application_name: "upchirp",
  };
  const pool = new Pool({
    ...settings,
    max: options.maxConnections ?? 10,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idleTimeoutMillis: 60_000,
    types: columnTypes,
  });
  // An idle or busy connection that the server ends emits `error`, which without a listener would end the process. The
  // statement under way, if any, rejects for itself.
  pool.on("error", error => log.debug({ reason: error.message }, "connection lost"));
  pool.on("connect", client => client.on("error", () => undefined));
  const listener = createListener({ settings, log, clock: options.clock });
  let closing: Promise<void> | undefined;

  return {
    ...statementsOn(pool),
    transaction: (work, how) => transaction(pool, work, how),
    listen: listener.listen,
    close() {
      closing ??= Promise.all([listener.close(), pool.end()]).then(() => undefined);
      return closing;
    },
  };
}

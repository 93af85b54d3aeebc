import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import { onTestFinished } from "vitest";
import { startTestPostgres } from "../../support/postgres.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";
import { type ColumnType, chirpStackTables, type Generation } from "./chirpstack-schema.ts";

export type FixtureRow = Readonly<Record<string, unknown>>;
/** Rows by table; what a row leaves out is empty, as `emptyOf` says. */
export type Fixture = Readonly<Record<string, readonly FixtureRow[]>>;

const emptyOf: Readonly<Record<ColumnType, unknown>> = {
  uuid: null,
  text: "",
  bool: false,
  int: 0,
  real: 0,
  bytes: null,
  json: {},
  time: new Date("2026-01-01T00:00:00Z"),
  texts: [],
  ints: [],
};
/** Columns that are empty as NULL. */
const nullable = new Set(["last_seen_at", "external_id", "latitude", "f_cnt_down", "timeout_after", "expires_at"]);

const postgresTypes: Readonly<Record<ColumnType, string>> = {
  uuid: "uuid",
  text: "text",
  bool: "boolean",
  int: "bigint",
  real: "double precision",
  bytes: "bytea",
  json: "jsonb",
  time: "timestamp with time zone",
  texts: "text[]",
  ints: "integer[]",
};
const sqliteTypes: Readonly<Record<ColumnType, string>> = {
  ...postgresTypes,
  uuid: "text",
  int: "integer",
  bytes: "blob",
  json: "text",
  time: "datetime",
  texts: "text",
  ints: "text",
};

/** Statements that make the tables and fill them, with values for `$1` and on. */
function statementsOf(
  generation: Generation,
  fixture: Fixture,
  types: Readonly<Record<ColumnType, string>>,
  encode: (value: unknown, type: ColumnType) => unknown,
): readonly { readonly text: string; readonly values: readonly unknown[] }[] {
  return Object.entries(chirpStackTables(generation)).flatMap(([table, columns]) => {
    const names = Object.keys(columns);
    const create = names.map(name => `"${name}" ${types[columns[name] ?? "text"]}`).join(", ");
    const places = names.map((_, index) => `$${index + 1}`).join(", ");
    const inserts = (fixture[table] ?? []).map(row => ({
      text: `insert into "${table}" (${names.map(name => `"${name}"`).join(", ")}) values (${places})`,
      values: names.map(name => {
        const type = columns[name] ?? "text";
        const absent = nullable.has(name) && !(table === "gateway" && name === "latitude") ? null : emptyOf[type];
        const given = row[name] === undefined ? absent : row[name];
        return given === null ? null : encode(given, type);
      }),
    }));
    return [{ text: `create table "${table}" (${create})`, values: [] }, ...inserts];
  });
}

/** A file that is gone after the test. */
export function chirpStackSqlite(generation: Generation, fixture: Fixture): string {
  const file = join(temporaryFolder(), "chirpstack.sqlite");
  const database = new DatabaseSync(file);
  database.exec("pragma journal_mode = wal");
  for (const { text, values } of statementsOf(generation, fixture, sqliteTypes, sqliteValue)) {
    database.prepare(text.replace(/\$(\d+)/g, "?$1")).run(...values.map(bindable));
  }
  database.close();
  return file;
}

function sqliteValue(value: unknown, type: ColumnType): unknown {
  if (type === "json" || type === "texts" || type === "ints")
    return typeof value === "string" ? value : JSON.stringify(value);
  if (value instanceof Date) return value.toISOString().replace("T", " ").replace("Z", "");
  return typeof value === "boolean" ? Number(value) : value;
}

function bindable(value: unknown): string | number | Uint8Array | null {
  if (typeof value === "string" || typeof value === "number" || value instanceof Uint8Array) return value;
  return null;
}

/** A database's URL; it is dropped after the test. */
export async function chirpStackPostgres(generation: Generation, fixture: Fixture): Promise<string> {
  const { url, drop } = await startTestPostgres();
  onTestFinished(drop);
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const { text, values } of statementsOf(generation, fixture, postgresTypes, postgresValue)) {
    await client.query(text, [...values]);
  }
  await client.end();
  return url;
}

const postgresValue = (value: unknown, type: ColumnType): unknown =>
  type === "json" ? JSON.stringify(value) : value instanceof Uint8Array ? Buffer.from(value) : value;

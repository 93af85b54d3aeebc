import { existsSync } from "node:fs";
import { Client } from "pg";
import { MigrationSourceError } from "../source.ts";
import type { Row } from "./row.ts";

/** A database of the other server, as it was when it was opened; it is only read. */
export interface SourceDatabase {
  /** Names of its tables. */
  readonly tables: ReadonlySet<string>;
  /** With `$1`, `$2` for values. */
  rows(query: string, values?: readonly (string | number | Uint8Array)[]): Promise<readonly Row[]>;
  close(): Promise<void>;
}

/** Throws MigrationSourceError. */
export async function openPostgresSource(url: string): Promise<SourceDatabase> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: "upchirp migrate-from",
  });
  // A connection that ends emits `error`; the statement under way rejects for itself.
  client.on("error", () => undefined);
  const run = async (query: string, values: readonly unknown[]): Promise<readonly Row[]> => {
    try {
      const { rows }: { readonly rows: Row[] } = await client.query(query, [...values]);
      return rows;
    } catch (error) {
      throw unreadable("the PostgreSQL of --from-postgres", error);
    }
  };
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw unreadable("the PostgreSQL of --from-postgres", error);
  }
  // One view of everything, however long it takes, and nothing that could be written.
  await run("begin transaction isolation level repeatable read, read only", []);
  const names = await run(
    "select table_name from information_schema.tables where table_schema = any(current_schemas(false))",
    [],
  );
  return {
    tables: new Set(names.map(({ table_name: name }) => String(name))),
    rows: (query, values = []) => run(query, values),
    close: () => client.end(),
  };
}

/** Throws MigrationSourceError. */
export async function openSqliteSource(file: string): Promise<SourceDatabase> {
  if (!existsSync(file)) throw new MigrationSourceError(`there is no file ${file}`);
  // Loaded here alone: older versions of Node warn of it.
  const { DatabaseSync } = await import("node:sqlite");
  const attempt = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      throw unreadable(`the SQLite file ${file}`, error);
    }
  };
  const database = attempt(() => new DatabaseSync(file, { readOnly: true }));
  const run = (query: string, values: readonly (string | number | Uint8Array)[]): readonly Row[] =>
    attempt(() => database.prepare(query.replace(/\$(\d)/g, "?$1")).all(...values));
  attempt(() => database.exec("begin"));
  const names = run("select name from sqlite_master where type = 'table'", []);
  return {
    tables: new Set(names.map(({ name }) => String(name))),
    rows: async (query, values = []) => run(query, values),
    async close() {
      database.close();
    },
  };
}

const unreadable = (what: string, error: unknown): MigrationSourceError =>
  new MigrationSourceError(`${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`);

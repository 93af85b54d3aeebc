import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import Type, { type Static } from "typebox";
import { MigrationError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Sql, SqlTransaction } from "./sql.ts";

/** A file of the migrations' folder, `0001_what_it_does.sql`. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text with Unix line ends, hex. */
  readonly checksum: string;
}

const AppliedRow = Type.Object({ version: Type.Integer(), name: Type.String(), checksum: Type.String() });
type Applied = Static<typeof AppliedRow>;

const filePattern = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** Number of our advisory lock; any other use of the database must only avoid it. */
const lockNumber = 7_523_811;

const createTable = `create table if not exists schema_migrations (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
)`;

async function readMigration(folder: URL, file: string): Promise<Migration> {
  const parts = filePattern.exec(file);
  if (parts === null) {
    throw new MigrationError("migration_misnamed", `a migration is named like 0001_what_it_does.sql, not ${file}`);
  }
  const text = (await readFile(new URL(file, folder), "utf8")).replaceAll("\r\n", "\n");
  const checksum = createHash("sha256").update(text).digest("hex");
  return { version: Number(parts[1]), name: parts[2] ?? "", text, checksum };
}

/** Every migration of a folder (its URL ends with `/`), in order. Throws MigrationError `migration_misnamed`. */
export async function readMigrations(folder: URL): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter(file => file.endsWith(".sql")).sort();
  const migrations = await Promise.all(files.map(file => readMigration(folder, file)));
  migrations.forEach((migration, index) => {
    if (migration.version === index + 1) return;
    throw new MigrationError("migration_misnamed", `migration ${index + 1} is missing or there twice`);
  });
  return migrations;
}

const readApplied = (sql: SqlTransaction): Promise<readonly Applied[]> =>
  sql.rows(AppliedRow, "select version, name, checksum from schema_migrations order by version");

function assertFits(migrations: readonly Migration[], applied: readonly Applied[]): void {
  for (const row of applied) {
    const migration = migrations[row.version - 1];
    if (migration === undefined) {
      throw new MigrationError(
        "database_newer",
        `the database has had migration ${row.version} (${row.name}), which this program does not know; start the newer ` +
          "version of the program that made it",
      );
    }
    if (migration.checksum !== row.checksum) {
      throw new MigrationError(
        "migration_changed",
        `migration ${row.version} (${row.name}) is not what the database has had; a migration is never changed once it ` +
          "has been released",
      );
    }
  }
}

/** Migrations run in order, so those that are left come after the last applied one. */
const nextOf = (migrations: readonly Migration[], applied: readonly Applied[]): readonly Migration[] =>
  migrations.slice(applied.at(-1)?.version ?? 0);

/** Applies the next migration, if there is one. The lock is let go of with the transaction, however that ends. */
async function applyNext(sql: SqlTransaction, migrations: readonly Migration[]): Promise<Migration | undefined> {
  await sql.run("select pg_advisory_xact_lock($1)", [lockNumber]);
  await sql.run(createTable);
  const applied = await readApplied(sql);
  assertFits(migrations, applied);
  const [next] = nextOf(migrations, applied);
  if (next === undefined) return undefined;
  // A table that is rebuilt takes longer than any request may.
  await sql.run("set local statement_timeout = 0");
  await sql.run(next.text);
  const insert = "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)";
  await sql.run(insert, [next.version, next.name, next.checksum]);
  return next;
}

/**
 * Brings the database to this program's schema, each migration in a transaction of its own. Processes that start
 * together wait for each other. Throws MigrationError, or SqlError from a migration, which is then rolled back.
 */
export async function migrate(sql: Sql, folder: URL, log: Log): Promise<void> {
  const migrations = await readMigrations(folder);
  for (;;) {
    const done = await sql.transaction(transaction => applyNext(transaction, migrations));
    if (done === undefined) return;
    log.info({ version: done.version, name: done.name }, "migrated the database");
  }
}

const TableRow = Type.Object({ there: Type.Boolean() });

/** What `migrate` would apply. Throws MigrationError as it does. */
export async function pendingMigrations(sql: SqlTransaction, folder: URL): Promise<readonly Migration[]> {
  const migrations = await readMigrations(folder);
  const [table] = await sql.rows(TableRow, "select to_regclass('schema_migrations') is not null as there");
  if (table?.there !== true) return migrations;
  const applied = await readApplied(sql);
  assertFits(migrations, applied);
  return nextOf(migrations, applied);
}

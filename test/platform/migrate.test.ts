import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Type from "typebox";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { migrate, pendingMigrations, readMigrations } from "../../platform/migrate.ts";
import { createPostgres } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";
import { startTestPostgres } from "../support/postgres.ts";

const log = createLog({ level: "silent" });
const CountRow = Type.Object({ count: Type.Integer() });

async function folderWith(files: Readonly<Record<string, string>>): Promise<URL> {
  const path = await mkdtemp(join(tmpdir(), "upchirp-migrations-"));
  onTestFinished(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return pathToFileURL(`${path}/`);
}

/** As many processes would: pools of their own on one new database. */
async function connect(pools: number): Promise<readonly Sql[]> {
  const database = await startTestPostgres();
  const all = Array.from({ length: pools }, () =>
    createPostgres({ connection: database.connection, log, clock: systemClock, maxConnections: 2 }),
  );
  onTestFinished(async () => {
    await Promise.all(all.map(sql => sql.close()));
    await database.drop();
  });
  return all;
}

async function connectOne(): Promise<Sql> {
  const [sql] = await connect(1);
  if (sql === undefined) throw new Error("no pool");
  return sql;
}

const count = async (sql: Sql, table: string) =>
  (await sql.rows(CountRow, `select count(*) as count from ${table}`))[0]?.count;

const first = { "0001_things.sql": "create table things (id int);\ninsert into things values (1);" };
const second = { "0002_more.sql": "insert into things values (2);" };

describe("migrate", () => {
  test("applies every migration once and in order", async () => {
    const sql = await connectOne();
    const folder = await folderWith({ ...second, ...first });
    await migrate(sql, folder, log);
    await migrate(sql, folder, log);
    expect(await count(sql, "things")).toBe(2);
  });

  test("applies what a newer program brings, and says beforehand what that will be", async () => {
    const sql = await connectOne();
    await migrate(sql, await folderWith(first), log);
    const newer = await folderWith({ ...first, ...second });
    expect((await pendingMigrations(sql, newer)).map(migration => migration.name)).toEqual(["more"]);
    await migrate(sql, newer, log);
    expect(await pendingMigrations(sql, newer)).toEqual([]);
    expect(await count(sql, "things")).toBe(2);
  });

  test("is done once by processes that start together", async () => {
    const pools = await connect(4);
    const folder = await folderWith({ ...first, ...second });
    await Promise.all(pools.map(sql => migrate(sql, folder, log)));
    for (const sql of pools) expect(await count(sql, "things")).toBe(2);
  });

  test("leaves nothing of a migration that fails and keeps those before it", async () => {
    const sql = await connectOne();
    const folder = await folderWith({ ...first, "0002_bad.sql": "insert into things values (2); selekt;" });
    await expect(migrate(sql, folder, log)).rejects.toMatchObject({ code: "sql_failed" });
    expect(await count(sql, "things")).toBe(1);
    expect(await count(sql, "schema_migrations")).toBe(1);
  });

  test("refuses a migration that was changed after the database had it, whatever its line ends", async () => {
    const sql = await connectOne();
    await migrate(sql, await folderWith(first), log);
    const windows = { "0001_things.sql": first["0001_things.sql"].replace("\n", "\r\n") };
    await migrate(sql, await folderWith(windows), log);
    const changed = await folderWith({ "0001_things.sql": "create table other (id int);" });
    await expect(migrate(sql, changed, log)).rejects.toMatchObject({ code: "migration_changed" });
    await expect(pendingMigrations(sql, changed)).rejects.toMatchObject({ code: "migration_changed" });
  });

  test("refuses a database that a newer program has migrated", async () => {
    const sql = await connectOne();
    await migrate(sql, await folderWith({ ...first, ...second }), log);
    await expect(migrate(sql, await folderWith(first), log)).rejects.toMatchObject({ code: "database_newer" });
  });
});

test("migrations must be named and numbered without gaps", async () => {
  for (const files of [
    { "init.sql": "" },
    second,
    { ...first, "0001_again.sql": "" },
    { ...first, "0003_x.sql": "" },
  ]) {
    await expect(readMigrations(await folderWith(files))).rejects.toMatchObject({ code: "migration_misnamed" });
  }
});

test("the catalog's own migrations apply to an empty database", async () => {
  const sql = await connectOne();
  const own = new URL("../../app-server/storage/migrations/", import.meta.url);
  const copy = await folderWith({});
  for (const file of await readdir(own)) await copyFile(new URL(file, own), new URL(file, copy));
  await migrate(sql, copy, log);
  expect(await count(sql, "devices")).toBe(0);
});

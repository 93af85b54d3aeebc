import Type from "typebox";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../platform/clock.ts";
import { SqlError } from "../../platform/errors.ts";
import { createLog } from "../../platform/log.ts";
import { createPostgres } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";
import { testSql } from "../support/postgres.ts";

const NameRow = Type.Object({ name: Type.String() });
const CountRow = Type.Object({ count: Type.Integer() });

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof SqlError ? error.code : error),
  );

const addTenant = (sql: Pick<Sql, "run">, name: string) => sql.run("insert into tenants (name) values ($1)", [name]);
const countTenants = async (sql: Sql) => (await sql.rows(CountRow, "select count(*) as count from tenants"))[0]?.count;

/** Resolves with the first payload, so that a test waits for the event and not for a time. */
function mailbox<Value>() {
  const { promise, resolve } = Promise.withResolvers<Value>();
  return { put: resolve, first: promise };
}

describe("statements", () => {
  test("give rows checked against their schema and counts of changed rows", async () => {
    const sql = await testSql();
    expect(await addTenant(sql, "north")).toBe(1);
    expect(await sql.rows(NameRow, "select name from tenants")).toEqual([{ name: "north" }]);
  });

  test("refuse a row that does not fit its schema, naming the column and not the value", async () => {
    const sql = await testSql();
    const Row = Type.Object({ name: Type.Integer() });
    const error = await sql.rows(Row, "select 'confidential' as name").catch((fault: unknown) => fault);
    expect(error).toMatchObject({ code: "sql_row_mismatch", retryable: false });
    expect(String(error)).toContain("name");
    expect(String(error)).not.toContain("confidential");
  });

  test("give bigint as number, times as RFC 3339 in UTC in any session time zone, dates as text, bytea as bytes", async () => {
    const sql = await testSql();
    const Row = Type.Object({
      big: Type.Number(),
      utc: Type.String(),
      whole: Type.String(),
      day: Type.String(),
      bytes: Type.Unsafe<Uint8Array>(Type.Unknown()),
    });
    const text = `select 9007199254740991::int8 as big, '2026-01-02 03:04:05.123456+00'::timestamptz as utc,
      '2026-01-02 03:04:05+00'::timestamptz as whole, '2026-01-02'::date as day, '\\x0102'::bytea as bytes`;
    const expected = { big: Number.MAX_SAFE_INTEGER, whole: "2026-01-02T03:04:05.000Z", day: "2026-01-02" };
    const [row] = await sql.rows(Row, text);
    expect(row).toMatchObject({ ...expected, utc: "2026-01-02T03:04:05.123456Z" });
    expect([...(row?.bytes ?? [])]).toEqual([1, 2]);

    await sql.transaction(async transaction => {
      await transaction.run("set local time zone 'Asia/Kathmandu'");
      const [elsewhere] = await transaction.rows(Row, text);
      expect(elsewhere).toMatchObject({ ...expected, utc: "2026-01-02T03:04:05.123Z" });
    });
  });

  test("refuse a bigint that JavaScript would round", async () => {
    const sql = await testSql();
    const rows = sql.rows(CountRow, "select 9007199254740993::int8 as count");
    expect(await codeOf(rows)).toBe("sql_row_mismatch");
  });
});

describe("faults", () => {
  test("have codes for what a caller may answer to, and never repeat a value", async () => {
    const sql = await testSql();
    await addTenant(sql, "north");
    const twice = "insert into users (email) values ('a@example.com'), ('A@example.com')";
    expect(await codeOf(sql.run(twice))).toBe("sql_unique_violation");
    const orphan = "insert into applications (tenant_id, name) values (gen_random_uuid(), 'x')";
    expect(await codeOf(sql.run(orphan))).toBe("sql_foreign_key_violation");
    expect(await codeOf(addTenant(sql, ""))).toBe("sql_check_violation");
    expect(await codeOf(sql.run("selekt 1"))).toBe("sql_failed");
    const invalid = await sql.run("select $1::uuid", ["s3cret"]).catch((fault: unknown) => fault);
    expect(invalid).toMatchObject({ code: "sql_invalid_value" });
    expect(JSON.stringify([invalid, String(invalid)])).not.toContain("s3cret");
  });

  test("that a retry may cure say so", async () => {
    const connection = { host: "/nowhere", port: 5432, user: "upchirp", database: "upchirp" };
    const sql = createPostgres({ connection, log: createLog({ level: "silent" }), clock: systemClock });
    const error = await sql.rows(NameRow, "select 1").catch((fault: unknown) => fault);
    expect(error).toMatchObject({ code: "sql_unavailable", retryable: true });
    await sql.close();
  });

  test("of a connection that the server ends reach only the statement on it", async () => {
    const sql = await testSql();
    const suicide = "select pg_terminate_backend(pg_backend_pid())";
    expect(await codeOf(sql.run(suicide))).toBe("sql_unavailable");
    const inTransaction = sql.transaction(async transaction => {
      await transaction.run(suicide).catch(() => undefined);
      return transaction.rows(CountRow, "select 1 as count");
    });
    expect(await codeOf(inTransaction)).toBe("sql_unavailable");
    expect(await sql.rows(CountRow, "select 1 as count")).toEqual([{ count: 1 }]);
  });
});

describe("a transaction", () => {
  test("commits when its work resolves", async () => {
    const sql = await testSql();
    const result = await sql.transaction(async transaction => {
      await addTenant(transaction, "north");
      await addTenant(transaction, "south");
      return "done";
    });
    expect(result).toBe("done");
    expect(await countTenants(sql)).toBe(2);
  });

  test("rolls back when its work rejects, and its connection stays usable", async () => {
    const sql = await testSql();
    const failing = sql.transaction(async transaction => {
      await addTenant(transaction, "north");
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await countTenants(sql)).toBe(0);
  });
});

describe("a transaction that prepares", () => {
  test("has each of its texts read once for a connection, and no other transaction does", async () => {
    const sql = await testSql();
    const Names = Type.Object({ names: Type.Integer() });
    const prepared = "select count(*) as names from pg_prepared_statements";
    const countBoth = (): Promise<readonly number[]> =>
      sql.transaction(
        async transaction => {
          await transaction.run("select $1::integer", [1]);
          await transaction.run("select $1::integer", [2]);
          return (await transaction.rows(Names, prepared, [])).map(({ names }) => names);
        },
        { prepare: true },
      );
    await sql.transaction(async transaction => {
      await transaction.run("select $1::integer", [1]);
      expect(await transaction.rows(Names, prepared)).toEqual([{ names: 0 }]);
    });
    expect(await countBoth()).toEqual([2]);
    expect(await countBoth()).toEqual([2]);
  });
});

describe("listen", () => {
  test("hears notifications of its channel and of no other", async () => {
    const sql = await testSql();
    const box = mailbox<string>();
    await sql.listen("first", box.put, () => undefined);
    await sql.run("notify second, 'wrong'");
    await sql.run("notify first, 'right'");
    expect(await box.first).toBe("right");
  });

  test("hears nothing after it has ended", async () => {
    const sql = await testSql();
    const heard: string[] = [];
    const box = mailbox<string>();
    const end = await sql.listen(
      "events",
      payload => heard.push(payload),
      () => undefined,
    );
    await sql.listen("events", box.put, () => undefined);
    await end();
    await sql.run("notify events, 'later'");
    await box.first;
    expect(heard).toEqual([]);
  });

  test("reports the gap once its lost connection is back, and hears again", async () => {
    const sql = await testSql();
    const gap = mailbox<void>();
    const box = mailbox<string>();
    await sql.listen("events", box.put, gap.put);
    await sql.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and datname = current_database()",
    );
    await gap.first;
    await sql.run("notify events, 'again'");
    expect(await box.first).toBe("again");
  });

  test("rejects when the database cannot be reached", async () => {
    const connection = { host: "/nowhere", port: 5432, user: "upchirp", database: "upchirp" };
    const sql = createPostgres({ connection, log: createLog({ level: "silent" }), clock: systemClock });
    const listening = sql.listen(
      "events",
      () => undefined,
      () => undefined,
    );
    expect(await codeOf(listening)).toBe("sql_unavailable");
    await sql.close();
  });
});

import { request } from "node:http";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { inject, onTestFinished } from "vitest";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createPostgres } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";

const Connection = Type.Object({
  host: Type.String(),
  port: Type.Integer(),
  user: Type.String(),
  database: Type.String(),
});

function ask(method: "POST" | "DELETE", path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: inject("databaseMaker"), method, path: `/${path}` }, response => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", chunk => {
        text += chunk;
      });
      response.on("end", () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    call.on("error", reject);
    call.end();
  });
}

export interface TestDatabase {
  readonly connection: Static<typeof Connection>;
  /** For `postgres.url`. */
  readonly url: string;
  /** Drops it, ending whoever is still connected. */
  drop(): Promise<void>;
}

async function makeDatabase(kind: "empty" | "migrated"): Promise<TestDatabase> {
  const connection = Value.Parse(Connection, await ask("POST", kind));
  const { host, port, user, database } = connection;
  return {
    connection,
    url: `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    async drop() {
      await ask("DELETE", connection.database);
    },
  };
}

/** A new empty database on the run's one PostgreSQL server. */
export const startTestPostgres = (): Promise<TestDatabase> => makeDatabase("empty");

/** A new database with every migration applied. */
export const migratedDatabase = (): Promise<TestDatabase> => makeDatabase("migrated");

/**
 * The catalog on a new, migrated database of its own. Inside a test it is closed and dropped with the test; in a
 * `beforeAll`, call `migratedTestSql` and its `end` in `afterAll`.
 */
export async function testSql(): Promise<Sql> {
  const { sql, end } = await migratedTestSql();
  onTestFinished(end);
  return sql;
}

export async function migratedTestSql(): Promise<{ readonly sql: Sql; readonly end: () => Promise<void> }> {
  const { connection, drop } = await migratedDatabase();
  const sql = createPostgres({
    connection,
    log: createLog({ level: "silent" }),
    clock: systemClock,
    maxConnections: 5,
  });
  return {
    sql,
    async end() {
      await sql.close();
      await drop();
    },
  };
}

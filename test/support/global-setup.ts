import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { escapeIdentifier } from "pg";
import type { TestProject } from "vitest/node";
import { systemClock } from "../../platform/clock.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../platform/embedded-postgres.ts";
import { createLog } from "../../platform/log.ts";
import { migrate } from "../../platform/migrate.ts";
import { createPostgres, type PostgresConnection } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Unix socket of the HTTP server that makes databases: POST /empty, POST /migrated, DELETE /<database>. */
    readonly databaseMaker: string;
  }
}

const log = createLog({ level: "silent" });
const migrations = new URL("../../app-server/storage/migrations/", import.meta.url);
const template = "migrated_template";

interface Cluster {
  readonly server: EmbeddedPostgres;
  /** Connected to a database that no test uses. */
  readonly admin: Sql;
}

const sqlOn = (server: EmbeddedPostgres, database: string): Sql =>
  createPostgres({ connection: { ...server.connection, database }, log, clock: systemClock, maxConnections: 2 });

/** One server for the whole run, started when the first test wants a database: most runs of a few files need none. */
class DatabaseMaker {
  readonly #folder: string;
  #cluster: Promise<Cluster> | undefined;
  #template: Promise<void> | undefined;
  #spare: Promise<PostgresConnection> | undefined;
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async make(kind: "empty" | "migrated"): Promise<PostgresConnection> {
    if (kind === "empty") return this.#create("template1");
    this.#template ??= this.#makeTemplate();
    await this.#template;
    const database = this.#spare ?? this.#create(template);
    // Copying the template takes longer than most tests, so the next copy is made while this one is in use.
    this.#spare = database.then(() => this.#create(template));
    this.#spare.catch(() => undefined);
    return database;
  }

  async drop(database: string): Promise<void> {
    const { admin } = await this.#started();
    await admin.run(`drop database if exists ${escapeIdentifier(database)} with (force)`);
  }

  async stop(): Promise<void> {
    const cluster = await this.#cluster;
    await this.#spare?.catch(() => undefined);
    await cluster?.admin.close();
    await cluster?.server.stop();
  }

  async #create(from: string): Promise<PostgresConnection> {
    const { server, admin } = await this.#started();
    this.#made += 1;
    const database = `test_${this.#made}`;
    await admin.run(`create database ${database} template ${from}`);
    return { ...server.connection, database };
  }

  #started(): Promise<Cluster> {
    this.#cluster ??= this.#start();
    return this.#cluster;
  }

  async #start(): Promise<Cluster> {
    const dataFolder = join(this.#folder, "data");
    const server = await startEmbeddedPostgres({
      dataFolder,
      log,
      clock: systemClock,
      durable: false,
      maxConnections: 200,
    });
    return { server, admin: sqlOn(server, server.connection.database) };
  }

  async #makeTemplate(): Promise<void> {
    const { server, admin } = await this.#started();
    await admin.run(`create database ${template}`);
    const sql = sqlOn(server, template);
    await migrate(sql, migrations, log).finally(() => sql.close());
  }
}

async function answer(maker: DatabaseMaker, method: string, path: string): Promise<unknown> {
  if (method === "DELETE") return maker.drop(path);
  return maker.make(path === "migrated" ? "migrated" : "empty");
}

const serve = (maker: DatabaseMaker): Server =>
  createServer((request, response) => {
    answer(maker, request.method ?? "", (request.url ?? "").slice(1)).then(
      result => response.end(JSON.stringify(result ?? null)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-test-"));
  const socket = join(folder, "maker");
  const maker = new DatabaseMaker(folder);
  const server = serve(maker);
  await new Promise<void>(resolve => server.listen(socket, resolve));
  project.provide("databaseMaker", socket);
  return async () => {
    server.close();
    server.closeAllConnections();
    await maker.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

import { chownSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Client, escapeLiteral } from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { migrationsFolder } from "../../../compose/database.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createHttpServer } from "../../../platform/http.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { migratedDatabase, type TestDatabase } from "../../support/postgres.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";
import { codesOf, examined, foundOf, isRoot } from "./examined.ts";

/** An id of no user. */
const nobody = 65_534;

test.skipIf(!isRoot)("a data folder of which another user has a part is told, with the part", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "command-line-token");
  await writeFile(file, "");
  chownSync(file, nobody, nobody);
  const examination = await examined({ dataFolder: folder });
  expect(codesOf(examination)).toEqual(["data_folder_mixed"]);
  expect(examination.findings[0]?.evidence).toEqual([{ what: "files", value: file }]);
});

/** Below this, ports are the administrator's. */
const firstFreePort = Number(
  await readFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8").catch(() => "1024"),
);

test.skipIf(firstFreePort < 2)("a port that this user may not use is told", async () => {
  // What a check loads when it first runs may be unreadable for others.
  await examined();
  if (isRoot) {
    process.seteuid?.(nobody);
    onTestFinished(() => void process.seteuid?.(0));
  }
  const settings = { "networkServer.udp.bind": "127.0.0.1", "networkServer.udp.port": "1" };
  const examination = await examined({ dataFolder: temporaryFolder(), ...settings });
  expect(codesOf(examination)).toEqual(["port_forbidden"]);
  expect(examination.findings[0]?.whatToDo.join()).toContain("networkServer.udp.port");
});

test("a port that cannot be had for any other reason is told with it", async () => {
  // A link-local address without its interface.
  const settings = { "networkServer.udp.bind": "fe80::1", "networkServer.udp.port": "41701" };
  const examination = await examined(settings);
  expect(codesOf(examination)).toEqual(["port_unusable"]);
  expect(examination.findings[0]?.summary).toContain("EINVAL");
});

test("a machine for which there is no embedded PostgreSQL is told to name a server", async () => {
  const { arch } = process;
  Object.defineProperty(process, "arch", { value: "pdp11" });
  onTestFinished(() => void Object.defineProperty(process, "arch", { value: arch }));
  const examination = await examined();
  expect(codesOf(examination)).toEqual(["postgres_missing"]);
  expect(examination.findings[0]?.whatToDo.join()).toContain("postgres.url");
});

describe("PostgreSQL", () => {
  /** As if the server's settings were those of a careful one, and these. */
  async function saying(database: TestDatabase, settings: Readonly<Record<string, string>> = {}): Promise<Client> {
    const client = new Client(database.connection);
    await client.connect();
    onTestFinished(async () => {
      await client.end();
      await database.drop();
    });
    const said = escapeLiteral(JSON.stringify({ fsync: "on", synchronous_commit: "on", ...settings }));
    // Found before PostgreSQL's own function of this name.
    await client.query(
      `create function current_setting(name text) returns text language sql
         as $$ select coalesce(${said}::jsonb ->> name, pg_catalog.current_setting(name)) $$`,
    );
    await client.query(`alter database "${database.connection.database}" set search_path = public, pg_catalog`);
    return client;
  }

  test("of years ago is told", async () => {
    const database = await migratedDatabase();
    await saying(database, { server_version: "13.22" });
    const examination = await examined({ "postgres.url": database.url });
    expect(codesOf(examination)).toEqual(["postgres_old"]);
    expect(foundOf(examination, "database")).toMatch(/^PostgreSQL 13\.22/);
  });

  test("with a database that cannot hold every text is told, with its encoding", async () => {
    const { connection, url, ...database } = await migratedDatabase();
    const admin = await saying({ connection, url, ...database });
    const name = `${connection.database}_latin1`;
    await admin.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
    onTestFinished(async () => {
      await admin.query(`drop database ${name} with (force)`);
    });
    const latin1 = { connection: { ...connection, database: name }, url, drop: async () => undefined };
    await saying(latin1);
    const examination = await examined({ "postgres.url": url.replace(connection.database, name) });
    expect(codesOf(examination)).toEqual(["postgres_encoding"]);
    expect(examination.findings[0]?.summary).toContain("LATIN1");
  });

  test("with tables that a changed migration has made is told", async () => {
    const database = await migratedDatabase();
    const client = await saying(database);
    await client.query("update schema_migrations set checksum = 'another' where version = 3");
    expect(codesOf(await examined({ "postgres.url": database.url }))).toEqual(["migration_changed"]);
  });

  test("beside a migration of this program whose name is none is told, with the name", async () => {
    const database = await migratedDatabase();
    await saying(database);
    const folder = temporaryFolder();
    await cp(migrationsFolder, folder, { recursive: true });
    await writeFile(join(folder, "9999-odd.sql"), "");
    const migrations = pathToFileURL(`${folder}/`);
    const examination = await examined({ "postgres.url": database.url }, { migrations });
    expect(codesOf(examination)).toEqual(["migration_misnamed"]);
    expect(examination.findings[0]?.summary).toContain("9999-odd.sql");
  });
});

test("a server that runs and is not ready is told, with what it says of itself", async () => {
  const server = createHttpServer({
    log: createLog({ level: "silent" }),
    clock: systemClock,
    registry: createMetrics().registry,
    ready: () => true,
    checks: { database: () => Promise.reject(new Error("away")) },
  });
  onTestFinished(() => server.close());
  const port = await server.listen({ host: "127.0.0.1", port: 0, option: "http.port" });
  const examination = await examined({ "http.bind": "127.0.0.1", "http.port": String(port) });
  expect(codesOf(examination)).toEqual(["not_ready"]);
  expect(examination.findings[0]?.evidence[0]?.value).toContain('"database":{"ok":false');
});

test("a clock that stands where clocks without a battery do is told", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(1970, 0, 1) });
  onTestFinished(() => void vi.useRealTimers());
  const examination = await examined();
  expect(codesOf(examination)).toEqual(["clock_not_set"]);
  expect(foundOf(examination, "clock")).toContain("1970-01-01");
});

test("a check that fails itself is told, and the others go on", async () => {
  const folder = temporaryFolder();
  // Where a file is to be.
  await mkdir(join(folder, "postgres", "postgres", "PG_VERSION"), { recursive: true });
  const examination = await examined({ dataFolder: folder });
  expect(codesOf(examination)).toEqual(["check_failed"]);
  expect(examination.findings.find(({ code }) => code === "check_failed")?.summary).toContain("database");
  expect(foundOf(examination, "clock")).toBeDefined();
});

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { applicationId } from "../../app-server/support/fixtures.ts";
import { startTestBroker } from "../../support/embedded-broker.ts";
import { migratedDatabase, startTestPostgres } from "../../support/postgres.ts";
import { startRedis, whyNoRedis } from "../../support/redis.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";
import { codesOf, examined, foundOf, isRoot } from "./examined.ts";

test("a server that was never started has nothing against it, and is left as it was", async () => {
  const examination = await examined();
  expect(codesOf(examination)).toEqual([]);
  expect(foundOf(examination, "server")).toBe("does not run");
  expect(foundOf(examination, "database")).toBe("embedded, not made yet");
});

test("ports that other programs have are told, with the option to change", async () => {
  const [tcp, udp] = [createServer(), createSocket("udp4")];
  onTestFinished(async () => {
    udp.close();
    await new Promise(resolve => tcp.close(resolve));
  });
  await once(tcp.listen(0, "127.0.0.1"), "listening");
  await once(udp.bind(0, "127.0.0.1"), "listening");
  const address = tcp.address();
  const examination = await examined({
    "appServer.mqtt.broker.bind": "127.0.0.1",
    "appServer.mqtt.broker.port": String(typeof address === "object" ? address?.port : 0),
    "networkServer.udp.bind": "127.0.0.1",
    "networkServer.udp.port": String(udp.address().port),
  });
  expect(codesOf(examination)).toEqual(["port_taken", "port_taken"]);
  expect(examination.findings.flatMap(({ whatToDo }) => whatToDo).join()).toContain("networkServer.udp.port");
  expect(examination.isWell).toBe(false);
});

test("an address that is none of this machine is told", async () => {
  expect(
    codesOf(await examined({ "networkServer.udp.bind": "203.0.113.9", "networkServer.udp.port": "41700" })),
  ).toEqual(["address_not_here"]);
});

test("keys that others can read are told, and a data folder that somebody else has and does not serve", async () => {
  const folder = temporaryFolder();
  await writeFile(join(folder, "key-encryption-keys"), "");
  await chmod(join(folder, "key-encryption-keys"), 0o644);
  await mkdir(join(folder, "state"));
  await writeFile(join(folder, "state", "owner.pid"), `${process.pid}\n`);
  expect(codesOf(await examined({ dataFolder: folder }))).toEqual(["key_file", "server_not_answering"]);
});

test("a data folder that this user may not write in is told", async () => {
  const folder = temporaryFolder();
  await chmod(folder, 0o500);
  // There is little that keeps root out.
  const place = isRoot ? "/proc/sys/kernel" : folder;
  expect(codesOf(await examined({ dataFolder: join(place, "data") }))).toContain("data_folder_refused");
});

test("what the configuration lacks for roles on their own is told, a line each", async () => {
  const examination = await examined({}, { roles: new Set(["network-server"]) });
  const faults = examination.findings.filter(({ code }) => code === "invalid_config");
  expect(faults.map(({ summary }) => summary.split(":")[0])).toEqual([
    "postgres.url",
    "state.redis.url",
    "keyEncryptionKeys",
    "networkServer.joinServer.url",
  ]);
});

describe("PostgreSQL", () => {
  test("that does not flush is told, and that its tables are up to date", async () => {
    const { url, drop } = await migratedDatabase();
    onTestFinished(drop);
    const examination = await examined({ "postgres.url": url });
    // As the tests' own server is run.
    expect(codesOf(examination)).toEqual(["postgres_not_durable"]);
    expect(foundOf(examination, "database")).toMatch(/^PostgreSQL \d+\S*; tables up to date$/);
  });

  test("that is empty, or another version's, is told", async () => {
    const { url, drop, connection } = await startTestPostgres();
    onTestFinished(drop);
    expect(foundOf(await examined({ "postgres.url": url }), "database")).toMatch(/\d+ migrations to come/);
    const { Client } = (await import("pg")).default;
    const client = new Client(connection);
    await client.connect();
    await client.query("create table schema_migrations (version integer, name text, checksum text)");
    await client.query("insert into schema_migrations values (9999, 'of tomorrow', 'x')");
    await client.end();
    expect(codesOf(await examined({ "postgres.url": url }))).toContain("database_newer");
  });

  test("that is not there is told, without its password", async () => {
    const examination = await examined({ "postgres.url": "postgresql://u:secret@127.0.0.1:1/x" });
    expect(codesOf(examination)).toEqual(["database_unreachable"]);
    expect(JSON.stringify(examination)).not.toContain("secret");
  });
});

describe.skipIf(whyNoRedis !== undefined)("Redis", () => {
  test("that keeps nothing and evicts is told as both; one that is set right is well", async () => {
    const careless = await startRedis(["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]);
    onTestFinished(() => careless.stop());
    const codes = codesOf(await examined({ "state.redis.url": `redis://127.0.0.1:${careless.port}` }));
    expect(codes).toEqual(["redis_not_durable", "redis_evicts"]);
    const careful = await startRedis([
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--maxmemory-policy",
      "noeviction",
    ]);
    onTestFinished(() => careful.stop());
    expect(codesOf(await examined({ "state.redis.url": `redis://127.0.0.1:${careful.port}` }))).toEqual([]);
  });
});

test("a Redis that is not there is told", async () => {
  expect(codesOf(await examined({ "state.redis.url": "redis://127.0.0.1:1" }))).toEqual(["redis_unreachable"]);
});

describe("a broker outside", () => {
  test("that lets the server in is well, and one that does not is told", async () => {
    const broker = await startTestBroker(temporaryFolder(), applicationId, {
      credentials: {
        verify: async (_name, password) => (password === "right" ? { applicationId, isReadOnly: false } : undefined),
        exists: async () => true,
        onChange: () => () => undefined,
      },
    });
    onTestFinished(() => broker.close());
    const settings = {
      "appServer.mqtt.broker.enabled": "false",
      "appServer.mqtt.external.url": `mqtt://127.0.0.1:${broker.port}`,
      "appServer.mqtt.external.username": "u",
    };
    expect(codesOf(await examined({ ...settings, "appServer.mqtt.external.password": "right" }))).toEqual([]);
    const refused = await examined({ ...settings, "appServer.mqtt.external.password": "swordfish" });
    expect(codesOf(refused)).toEqual(["broker_unreachable"]);
    expect(JSON.stringify(refused)).not.toContain("swordfish");
  });
});

describe("a time server", () => {
  /** Answers with a clock that is ahead by so much. */
  async function timeServer(aheadMs: number): Promise<string> {
    const socket = createSocket("udp4");
    socket.on("message", (_question, from) => {
      const answer = Buffer.alloc(48);
      const ntpMs = Date.now() + aheadMs - Date.UTC(1900, 0, 1);
      for (const at of [32, 40]) {
        answer.writeUInt32BE(Math.floor(ntpMs / 1000), at);
        answer.writeUInt32BE(Math.floor(((ntpMs % 1000) / 1000) * 2 ** 32), at + 4);
      }
      socket.send(answer, from.port, from.address);
    });
    await once(socket.bind(0, "127.0.0.1"), "listening");
    onTestFinished(() => void socket.close());
    return `127.0.0.1:${socket.address().port}`;
  }

  test("that agrees is well; one that is five seconds ahead is told by how much", async () => {
    expect(codesOf(await examined({}, { ntp: await timeServer(0) }))).toEqual([]);
    const examination = await examined({}, { ntp: await timeServer(5_000) });
    expect(codesOf(examination)).toEqual(["clock_wrong"]);
    expect(foundOf(examination, "clock")).toMatch(/(4\.9\d|5\.0\d) s behind of/);
  });

  test("that does not answer is noticed, and no reason for alarm", async () => {
    const silent = createSocket("udp4");
    await once(silent.bind(0, "127.0.0.1"), "listening");
    onTestFinished(() => void silent.close());
    const { findings } = await examined({}, { ntp: `127.0.0.1:${silent.address().port}` });
    expect(findings.find(({ code }) => code === "ntp_unreachable")).toMatchObject({ severity: "notice" });
  });
});

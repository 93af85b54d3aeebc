import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import Type from "typebox";
import Value from "typebox/value";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { postgresSink } from "../../../../app-server/integration/sinks/postgres.ts";
import type { SinkMessage, SinkOutcome } from "../../../../app-server/integration-ports.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { startCuttingProxy } from "../../../support/cutting-proxy.ts";
import { startTestPostgres, type TestDatabase } from "../../../support/postgres.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const socketOf = ({ connection }: TestDatabase): string => `${connection.host}/.s.PGSQL.${connection.port}`;
const settingsFor = ({ connection }: TestDatabase, port: number) => ({
  url: `postgresql://127.0.0.1:${port}/${connection.database}`,
  username: connection.user,
  tls: false,
});

async function openReceiver(): Promise<Receiver> {
  const database = await startTestPostgres();
  const proxy = await startSwitchedProxy(socketOf(database));
  const reader = new Client(database.connection);
  await reader.connect();
  const Rows = Type.Array(Type.Object({ devEui: Type.String(), fCnt: Type.Unknown() }));
  return {
    settings: { ...settingsFor(database, proxy.port), measurementsTable: "measured" },
    secrets: { password: "secret-of-theirs" },
    async received() {
      const { rows } = await reader.query(
        `select dev_eui as "devEui", message->'fCnt' as "fCnt" from upchirp_events order by id`,
      );
      return Value.Parse(Rows, rows).map(({ devEui, fCnt }) => ({ devEui, fCnt: Number(fCnt) }));
    },
    start: proxy.start,
    stop: proxy.stop,
    async close() {
      await proxy.stop();
      await reader.end();
      await database.drop();
    },
    // No text of PostgreSQL has this character.
    refused: { object: { text: "\0" } },
  };
}

describeSink(postgresSink, openReceiver);

describe("PostgreSQL as a receiver", () => {
  let database: TestDatabase;
  let reader: Client;
  let proxy: Awaited<ReturnType<typeof startSwitchedProxy>>;
  beforeAll(async () => {
    database = await startTestPostgres();
    reader = new Client(database.connection);
    await reader.connect();
    proxy = await startSwitchedProxy(socketOf(database));
  });
  afterAll(async () => {
    await proxy.stop();
    await reader.end();
    await database.drop();
  });

  const open = (more: object, port = proxy.port, allowedNetworks?: readonly string[]) => {
    const settings = { ...settingsFor(database, port), ...more };
    expect(postgresSink.faults(settings, {})).toEqual([]);
    const sink = postgresSink.open(
      { integration: integrationOf("postgres", { settings }), secrets: {} },
      sinkContext(allowedNetworks),
    );
    onTestFinished(() => sink.close());
    return (...messages: readonly SinkMessage[]): Promise<SinkOutcome> =>
      sink.deliver(messages, new AbortController().signal);
  };
  const rowsOf = async (table: string): Promise<readonly unknown[]> => {
    const { rows } = await reader.query(`select to_jsonb(r) - 'id' as r from ${table} r`);
    return rows.map(({ r }) => r);
  };
  const message = (deduplicationId: string, more: object = {}): SinkMessage => {
    const event = {
      ...sinkMessage().event,
      deduplicationId,
      dr: 5,
      data: "AWcBEA==",
      object: { temperature: 27.2, door: { open: true }, state: "ok" },
      rxInfo: [
        { rssi: -101, snr: -3 },
        { rssi: -57, snr: 9.5 },
      ],
      txInfo: { frequency: 868_500_000 },
      ...more,
    };
    return sinkMessage({ deduplicationId, event, body: JSON.stringify(event) });
  };

  test("an event is a row with columns of its own, and its measurements are rows of another table", async () => {
    const deliver = open({ table: "complete", measurementsTable: "measured" });
    const one = message("one");
    expect(await deliver(one)).toEqual({ kind: "delivered" });
    const common = {
      time: "2026-03-14T09:26:53.589+00:00",
      deduplication_id: "one",
      event: "up",
      application_id: one.applicationId,
      dev_eui: one.devEui,
      device_name: "Test device",
    };
    expect(await rowsOf("complete")).toEqual([
      expect.objectContaining({
        ...common,
        f_cnt: 4,
        f_port: 1,
        dr: 5,
        frequency: 868_500_000,
        rssi: -57,
        snr: 9.5,
        data: "\\x01670110",
        object: one.event.object,
        message: one.event,
      }),
    ]);
    expect(await rowsOf("measured")).toEqual([
      { ...common, name: "temperature", number: 27.2, text: null },
      { ...common, name: "door.open", number: 1, text: null },
      { ...common, name: "state", number: null, text: "ok" },
    ]);
  });

  test("a message that comes again because the answer was lost makes no second row", async () => {
    const cutting = await startCuttingProxy(proxy.port);
    onTestFinished(() => cutting.close());
    const deliver = open({ table: "once", measurementsTable: "measured_once" }, cutting.port);
    await deliver(message("first"));
    const cut = cutting.cutAfter("json_to_recordset");
    const both = [message("second"), message("third")];
    expect(await deliver(...both)).toMatchObject({ kind: "unavailable" });
    await cut;
    // The server has it or is about to.
    await expect.poll(async () => (await rowsOf("once")).length).toBe(3);
    expect(await deliver(...both)).toEqual({ kind: "delivered" });
    expect((await rowsOf("once")).length).toBe(3);
    expect((await rowsOf("measured_once")).length).toBe(9);
  });

  test("of a batch with one that is refused no row is written", async () => {
    const deliver = open({ table: "whole", measurementsTable: "measured_whole" });
    const outcome = await deliver(message("good"), message("bad", { object: { text: "\0" } }));
    expect(outcome).toMatchObject({ kind: "rejected", message: /Unicode/ });
    expect(await rowsOf("whole")).toEqual([]);
    expect(await rowsOf("measured_whole")).toEqual([]);
  });

  test("an event that shares its identifier with one of another kind is a row of its own", async () => {
    const deliver = open({ table: "kinds" });
    const up = message("shared");
    await deliver(up, { ...up, kind: "status" });
    expect((await rowsOf("kinds")).length).toBe(2);
  });

  test("without the tables messages wait, and a table that is dropped is made again where that is allowed", async () => {
    const careful = open({ table: "theirs", createTables: false });
    expect(await careful(message("one"))).toMatchObject({ kind: "unavailable", message: /does not exist/ });
    const deliver = open({ table: "theirs" });
    expect(await deliver(message("one"))).toEqual({ kind: "delivered" });
    expect(await careful(message("two"))).toEqual({ kind: "delivered" });
    await reader.query("drop table theirs");
    expect(await deliver(message("three"))).toMatchObject({ kind: "unavailable" });
    expect(await deliver(message("three"))).toEqual({ kind: "delivered" });
  });

  test("rules of their table refuse a message, and their trigger may fail over it", async () => {
    const deliver = open({ table: "ruled" });
    await deliver(message("one"));
    await reader.query("alter table ruled add constraint small check (f_port < 10)");
    expect(await deliver(message("two", { fPort: 20 }))).toMatchObject({ kind: "rejected", message: /small/ });
    await reader.query(`create function no() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
      create trigger no before insert on ruled for each row execute function no()`);
    expect(await deliver(message("three"))).toEqual({ kind: "failed", message: "not today" });
  });

  test("two servers that make the tables at the same time do not get in each other's way", async () => {
    const servers = [open({ table: "raced" }), open({ table: "raced" }), open({ table: "raced" })];
    const outcomes = await Promise.all(servers.map((deliver, n) => deliver(message(`${n}`))));
    expect(outcomes).toEqual(servers.map(() => ({ kind: "delivered" })));
  });

  test("a role that may only write gets on with tables that are there", async () => {
    await open({ table: "granted" })(message("one"));
    await reader.query("create role writer login; grant select, insert on granted to writer");
    onTestFinished(async () => void (await reader.query("drop owned by writer; drop role writer")));
    const deliver = open({ table: "granted", username: "writer" });
    expect(await deliver(message("two"))).toEqual({ kind: "delivered" });
  });

  test("with TimescaleDB new tables become hypertables by their time", async () => {
    // What it would be asked: the extension itself is not there.
    await reader.query(`create schema "Time"; create table asked (relation text, by text);
      create function "Time".create_hypertable(relation regclass, by name) returns void language sql
        as $$ insert into public.asked values (relation::text, by) $$;
      set allow_system_table_mods = on;
      insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        select 99999, 'timescaledb', 10, oid, false, '2' from pg_namespace where nspname = 'Time'`);
    onTestFinished(async () => void (await reader.query("delete from pg_extension where oid = 99999")));
    expect(await open({ table: "hyper", measurementsTable: "hyper_measured" })(message("one"))).toEqual({
      kind: "delivered",
    });
    expect(await rowsOf("asked")).toEqual([
      { relation: "hyper", by: "time" },
      { relation: "hyper_measured", by: "time" },
    ]);
  });

  test("the connection is encrypted unless told otherwise, and the certificate has to be one of theirs", async () => {
    const file = (name: string): string =>
      readFileSync(fileURLToPath(new URL(`../../../support/tls/${name}`, import.meta.url)), "utf8");
    const encrypting = createServer(client => {
      client.once("data", () => {
        client.write("S");
        const inner = new TLSSocket(client, { isServer: true, key: file("server.key"), cert: file("server.pem") });
        const upstream = connect({ path: socketOf(database) });
        inner.pipe(upstream).pipe(inner);
        for (const socket of [client, inner, upstream] satisfies readonly Socket[]) socket.on("error", () => undefined);
        client.on("close", () => upstream.destroy());
      });
    }).listen(0, "127.0.0.1");
    await once(encrypting, "listening");
    onTestFinished(() => void encrypting.close());
    const address = encrypting.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const url = `postgresql://localhost:${port}/${database.connection.database}`;
    const allowed = ["127.0.0.0/8", "::1/128"];
    const encrypted = { url, tls: true, table: "encrypted" };
    const good = open({ ...encrypted, caCertificate: file("ca.pem") }, port, allowed);
    expect(await good(message("one"))).toEqual({ kind: "delivered" });
    await expect(open(encrypted, port, allowed)(message("two"))).rejects.toThrow(/certificate/);
    await expect(open({ tls: true })(message("two"))).rejects.toThrow(/does not support SSL/);
    expect((await rowsOf("encrypted")).length).toBe(1);
  });

  test.each([
    ["a key that is cut short", "4b000000060102"],
    ["an error whose text does not end", "45000000060102"],
    ["an error whose list of texts does not end", "45000000074d4100"],
    ["a setting without a value", "5300000006" + "4100"],
    ["a login method that there is not", "520000000809090909"],
    ["mechanisms that do not end", "520000000a0000000a4100"],
    ["columns whose names do not end", "54000000080001" + "4141"],
    ["a message without a length", "5300000000"],
    ["a message that is too large", "53ff000000"],
  ])("a server that sends %s harms nothing", async (_what, hex) => {
    const odd = createServer(socket => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.write(Buffer.from(hex, "hex")));
    }).listen(0, "127.0.0.1");
    await once(odd, "listening");
    onTestFinished(() => void odd.close());
    const address = odd.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await expect(open({}, port)(message("one"))).rejects.toThrow(/offset|does not speak|authenticationOk/);
  });

  test("what may not be reached is not, and settings that cannot be meant are told", async () => {
    await expect(open({}, proxy.port, [])(message("one"))).rejects.toMatchObject({ code: "forbidden_address" });
    const faultsOf = (settings: object) => postgresSink.faults(settings, {}).map(({ path }) => path);
    expect(faultsOf({ url: "postgresql://me:mine@db.example.com/iot" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url: "postgresql://db.example.com:99999/iot" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url: "postgresql://db.example.com/iot", table: "a; b" })).toEqual(["/settings/table"]);
    expect(faultsOf({ url: "postgresql://db.example.com/iot", table: "a", measurementsTable: "a" })).toEqual([
      "/settings/measurementsTable",
    ]);
  });
});

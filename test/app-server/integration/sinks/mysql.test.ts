import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { type Connection, createConnection } from "mysql2/promise";
import Type from "typebox";
import Value from "typebox/value";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { mysqlSink } from "../../../../app-server/integration/sinks/mysql.ts";
import type { SinkMessage, SinkOutcome } from "../../../../app-server/integration-ports.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { startCuttingProxy } from "../../../support/cutting-proxy.ts";
import { mariadb, startMariadb } from "../../support/mariadb.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const login = { username: "upchirp", password: "secret of theirs" };
const pemFile = (name: string): string => fileURLToPath(new URL(`../../../support/tls/${name}`, import.meta.url));

let server: Awaited<ReturnType<typeof startMariadb>>;
let reader: Connection;

const rowsOf = async (table: string): Promise<readonly object[]> => {
  const [rows] = await reader.query(`select * from ${table}`);
  return Value.Parse(Type.Array(Type.Object({})), rows);
};

async function openReceiver(): Promise<Receiver> {
  const proxy = await startSwitchedProxy(server.port);
  const Rows = Type.Array(Type.Object({ devEui: Type.String(), fCnt: Type.Unknown() }));
  return {
    settings: {
      url: `mysql://127.0.0.1:${proxy.port}/iot`,
      username: login.username,
      tls: false,
      table: "contract",
      measurementsTable: "contract_measured",
    },
    secrets: { password: login.password },
    async received() {
      // Tables are there once something has arrived.
      const [tables] = await reader.query("show tables like 'contract'");
      if (Array.isArray(tables) && tables.length === 0) return [];
      const [rows] = await reader.query(
        "select dev_eui as devEui, json_value(message, '$.fCnt') as fCnt from contract order by id",
      );
      return Value.Parse(Rows, rows).map(({ devEui, fCnt }) => ({ devEui, fCnt: Number(fCnt) }));
    },
    start: proxy.start,
    stop: proxy.stop,
    close: proxy.stop,
    refused: { fPort: 10_000_000_000 },
  };
}

describe.skipIf(mariadb === undefined)(`with MariaDB${mariadb ? "" : " (not installed)"}`, () => {
  beforeAll(async () => {
    const tls = [`--ssl-ca=${pemFile("ca.pem")}`, `--ssl-cert=${pemFile("server.pem")}`];
    server = await startMariadb([...tls, `--ssl-key=${pemFile("server.key")}`, "--max-allowed-packet=64K"]);
    reader = await createConnection({ host: "127.0.0.1", port: server.port, user: "root", dateStrings: true });
    await reader.query("create database iot");
    await reader.query("create user upchirp@'%' identified by 'secret of theirs'");
    await reader.query("grant all on iot.* to upchirp@'%'");
    await reader.query("use iot");
  });
  afterAll(async () => {
    await reader?.end();
    await server?.close();
  });
  describeSink(mysqlSink, openReceiver);

  const open = (more: object, port = server.port, allowedNetworks?: readonly string[], password = login.password) => {
    const settings = { url: `mysql://127.0.0.1:${port}/iot`, username: login.username, tls: false, ...more };
    const secrets = { password };
    expect(mysqlSink.faults(settings, secrets)).toEqual([]);
    const sink = mysqlSink.open(
      { integration: integrationOf("mysql", { settings }), secrets },
      sinkContext(allowedNetworks),
    );
    onTestFinished(() => sink.close());
    return (...messages: readonly SinkMessage[]): Promise<SinkOutcome> =>
      sink.deliver(messages, new AbortController().signal);
  };
  const message = (deduplicationId: string, more: object = {}): SinkMessage => {
    const event = {
      ...sinkMessage().event,
      deduplicationId,
      dr: 5,
      data: "AWcBEA==",
      object: { temperature: 27.2, door: { open: true }, state: 'it\'s \\ "ok" \u{1f321}' },
      rxInfo: [{ rssi: -57, snr: 9.5 }],
      txInfo: { frequency: 868_500_000 },
      ...more,
    };
    return sinkMessage({ deduplicationId, event, body: JSON.stringify(event) });
  };

  test("an event is a row with columns of its own, and its measurements are rows of another table", async () => {
    const one = message("one");
    expect(await open({ table: "complete", measurementsTable: "measured" })(one)).toEqual({ kind: "delivered" });
    const common = {
      time: "2026-03-14 09:26:53.589000",
      deduplication_id: "one",
      event: "up",
      application_id: one.applicationId,
      dev_eui: one.devEui,
      device_name: "Test device",
    };
    const [row, ...others] = await rowsOf("complete");
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      ...common,
      ...{ f_cnt: 4, f_port: 1, dr: 5, frequency: 868_500_000, rssi: -57, snr: 9.5 },
      data: Buffer.from("01670110", "hex"),
      object: one.event.object,
      tags: { key: "value" },
      message: one.event,
    });
    expect(await rowsOf("measured order by name")).toEqual([
      { ...common, name: "door.open", number: 1, text: null },
      { ...common, name: "state", number: null, text: 'it\'s \\ "ok" \u{1f321}' },
      { ...common, name: "temperature", number: 27.2, text: null },
    ]);
  });

  test("a message that comes again because the answer was lost makes no second row", async () => {
    const cutting = await startCuttingProxy(server.port);
    onTestFinished(() => cutting.close());
    const deliver = open({ table: "once", measurementsTable: "measured_once" }, cutting.port);
    await deliver(message("first"));
    const cut = cutting.cutAfter("commit");
    const both = [message("second"), message("third")];
    expect(await deliver(...both)).toMatchObject({ kind: "unavailable" });
    await cut;
    await expect.poll(async () => (await rowsOf("once")).length).toBe(3);
    expect(await deliver(...both)).toEqual({ kind: "delivered" });
    expect((await rowsOf("once")).length).toBe(3);
    expect((await rowsOf("measured_once")).length).toBe(9);
  });

  test("of a batch with one that is refused no row is written, in no table", async () => {
    const deliver = open({ table: "whole", measurementsTable: "measured_whole" });
    const long = Object.fromEntries([["x".repeat(100), 1]]);
    expect(await deliver(message("good"), message("bad", { dr: 10 ** 10 }))).toMatchObject({
      kind: "rejected",
      message: /dr/,
    });
    await reader.query("alter table measured_whole add constraint short check (length(name) < 50)");
    expect(await deliver(message("good"), message("bad", { object: long }))).toMatchObject({ kind: "rejected" });
    expect(await rowsOf("whole")).toEqual([]);
    expect(await rowsOf("measured_whole")).toEqual([]);
    expect(await deliver(message("good"))).toEqual({ kind: "delivered" });
  });

  test("an event without a time, and one that is too large for the server, are refused alone", async () => {
    const deliver = open({ table: "odd" });
    expect(await deliver({ ...message("one"), time: "soon" })).toMatchObject({ kind: "rejected", message: /time/ });
    const large = message("large", { padding: "x".repeat(70_000) });
    expect(await deliver(message("two"), large)).toMatchObject({ kind: "rejected", message: /max_allowed_packet/ });
    expect(await deliver(message("two"))).toEqual({ kind: "delivered" });
  });

  test("without the tables messages wait, and a table that is dropped is made again where that is allowed", async () => {
    const careful = open({ table: "theirs", createTables: false });
    expect(await careful(message("one"))).toMatchObject({ kind: "unavailable", message: /doesn't exist/ });
    const deliver = open({ table: "theirs" });
    expect(await deliver(message("one"))).toEqual({ kind: "delivered" });
    expect(await careful(message("two"))).toEqual({ kind: "delivered" });
    await reader.query("drop table theirs");
    expect(await deliver(message("three"))).toMatchObject({ kind: "unavailable" });
    expect(await deliver(message("three"))).toEqual({ kind: "delivered" });
  });

  test("a trigger of theirs may fail over a message", async () => {
    const deliver = open({ table: "ruled" });
    await deliver(message("one"));
    await reader.query(
      "create trigger no before insert on ruled for each row signal sqlstate '45000' set message_text = 'not today'",
    );
    expect(await deliver(message("two"))).toMatchObject({ kind: "failed", message: /not today/ });
  });

  test("the connection is encrypted unless told otherwise, and the certificate has to be one of theirs", async () => {
    const allowed = ["127.0.0.0/8", "::1/128"];
    const encrypted = { url: `mariadb://localhost:${server.port}/iot`, tls: true, table: "encrypted" };
    const caCertificate = readFileSync(pemFile("ca.pem"), "utf8");
    const deliver = open({ ...encrypted, caCertificate }, server.port, allowed);
    expect(await deliver(message("one"))).toEqual({ kind: "delivered" });
    await expect(open(encrypted, server.port, allowed)(message("two"))).rejects.toThrow(/certificate/);
    expect((await rowsOf("encrypted")).length).toBe(1);
  });

  test("a wrong password is told, and it is not in what is told", async () => {
    const told = await open({}, server.port, undefined, "wrong secret")(message("one")).catch(String);
    expect(told).toMatch(/Access denied/);
    expect(told).not.toContain("wrong secret");
  });

  test("a server that speaks something else harms nothing", async () => {
    const odd = createServer(socket => {
      socket.on("error", () => undefined);
      // A packet of two bytes that says it is a handshake of a version that there is not, and then anything.
      socket.end(Buffer.concat([Buffer.from([2, 0, 0, 0, 10, 0]), Buffer.alloc(300, 7)]));
    }).listen(0, "127.0.0.1");
    await once(odd, "listening");
    onTestFinished(() => void odd.close());
    const address = odd.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await expect(open({}, port)(message("one"))).rejects.toThrow();
  });
});

describe("the settings of MySQL and MariaDB", () => {
  test("lead to no address that may not be reached, and those that cannot be meant are told", async () => {
    const settings = { url: "mysql://127.0.0.1:3306/iot", tls: false };
    const sink = mysqlSink.open({ integration: integrationOf("mysql", { settings }), secrets: {} }, sinkContext([]));
    await expect(sink.deliver([sinkMessage()], new AbortController().signal)).rejects.toMatchObject({
      code: "forbidden_address",
    });
    const faultsOf = (more: object) => mysqlSink.faults(more, {}).map(({ path }) => path);
    expect(faultsOf({ url: "mysql://me:mine@db.example.com/iot" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url: "mysql://db.example.com:99999/iot" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url: "mysql://192.0.2.1/iot" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url: "mysql://[2001:db8::1]/iot" })).toEqual(["/settings/url"]);
    expect(faultsOf({ url: "mysql://192.0.2.1/iot", tls: false })).toEqual([]);
    expect(faultsOf({ url: "mysql://db.example.com/iot", table: "a`b" })).toEqual(["/settings/table"]);
    expect(faultsOf({ url: "mysql://db.example.com/iot", table: "a", measurementsTable: "a" })).toEqual([
      "/settings/measurementsTable",
    ]);
  });
});

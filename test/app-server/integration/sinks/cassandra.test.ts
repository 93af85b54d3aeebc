import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { type Client, types } from "cassandra-driver";
import Type from "typebox";
import Value from "typebox/value";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { cassandraSink } from "../../../../app-server/integration/sinks/cassandra.ts";
import type { SinkMessage, SinkOutcome } from "../../../../app-server/integration-ports.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { dataCenter, cassandraLogin as login, startCassandra, whyNoCassandra } from "../../support/cassandra.ts";
import { freePort } from "../../support/mosquitto.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const caCertificate = readFileSync(new URL("../../../support/tls/ca.pem", import.meta.url), "utf8");
const localNetworks = ["127.0.0.0/8", "::1/128"];

let server: Awaited<ReturnType<typeof startCassandra>>;
let reader: Client;

const settingsFor = (port: number) => ({
  contactPoints: `127.0.0.1:${port}`,
  localDataCenter: dataCenter,
  keyspace: "iot",
  username: login.username,
  tls: false,
});

const Rows = Type.Array(Type.Object({ devEui: Type.String(), message: Type.String(), at: Type.Unknown() }));

async function openReceiver(): Promise<Receiver> {
  const proxy = await startSwitchedProxy(server.port);
  return {
    settings: { ...settingsFor(proxy.port), table: "contract", measurementsTable: "contract_measured" },
    secrets: { password: login.password },
    async received() {
      const there =
        "select table_name from system_schema.tables where keyspace_name = 'iot' and table_name = 'contract'";
      if ((await reader.execute(there)).rowLength === 0) return [];
      const { rows } = await reader.execute(
        'select dev_eui as "devEui", message, writetime(message) as at from iot.contract',
        [],
        { fetchSize: 100_000 },
      );
      return Value.Parse(
        Rows,
        rows.map(row => ({ ...row })),
      )
        .sort((one, other) => Number(one.at) - Number(other.at))
        .map(({ devEui, message }) => ({ devEui, fCnt: JSON.parse(message).fCnt }));
    },
    start: proxy.start,
    stop: proxy.stop,
    close: proxy.stop,
    refused: { fPort: 10_000_000_000 },
  };
}

describe.skipIf(whyNoCassandra !== undefined)(`with Cassandra${whyNoCassandra ? ` (${whyNoCassandra})` : ""}`, () => {
  beforeAll(async () => {
    server = await startCassandra();
    reader = server.client;
  });
  afterAll(() => server?.close());
  describeSink(cassandraSink, openReceiver);

  const open = (more: object, allowedNetworks?: readonly string[], password = login.password) => {
    const settings = { ...settingsFor(server.port), ...more };
    expect(cassandraSink.faults(settings, { password })).toEqual([]);
    const integration = integrationOf("cassandra", { settings });
    const sink = cassandraSink.open({ integration, secrets: { password } }, sinkContext(allowedNetworks));
    onTestFinished(() => sink.close());
    return (one: SinkMessage = sinkMessage()): Promise<SinkOutcome> =>
      sink.deliver([one], new AbortController().signal);
  };
  const message = (deduplicationId: string, more: object = {}): SinkMessage => {
    const event = {
      ...sinkMessage().event,
      deduplicationId,
      dr: 5,
      data: "AWcBEA==",
      object: { temperature: 27.2, door: { open: true }, state: 'it\'s "ok" \u{1f321}' },
      rxInfo: [{ rssi: -57, snr: 9.5 }],
      txInfo: { frequency: 868_500_000 },
      ...more,
    };
    return sinkMessage({ deduplicationId, event, body: JSON.stringify(event) });
  };
  const rowsOf = async (table: string): Promise<readonly object[]> =>
    (await reader.execute(`select * from iot.${table}`)).rows.map(row => ({ ...row }));

  test("an event is a row in its device's month, its measurements are rows of another table, and a second copy is no second row", async () => {
    const deliver = open({ table: "complete", measurementsTable: "measured" });
    const one = message("one");
    for (let time = 0; time < 2; time += 1) expect(await deliver(one)).toEqual({ kind: "delivered" });
    const common = {
      dev_eui: one.devEui,
      month: "2026-03",
      time: new Date("2026-03-14T09:26:53.589Z"),
      deduplication_id: "one",
      event: "up",
      application_id: types.Uuid.fromString(one.applicationId),
      device_name: "Test device",
    };
    const [row, ...others] = await rowsOf("complete");
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      ...common,
      ...{
        f_cnt: types.Long.fromNumber(4),
        f_port: 1,
        dr: 5,
        frequency: types.Long.fromNumber(868_500_000),
        rssi: -57,
        snr: 9.5,
      },
      application_name: "Test app",
      data: Buffer.from("01670110", "hex"),
      object: JSON.stringify(one.event.object),
      tags: { key: "value" },
      message: one.body,
    });
    expect(await rowsOf("measured")).toEqual([
      { ...common, name: "door.open", number: 1, text: null },
      { ...common, name: "state", number: null, text: 'it\'s "ok" \u{1f321}' },
      { ...common, name: "temperature", number: 27.2, text: null },
    ]);
  });

  test("an event of another kind leaves out what it does not have, and one without a time is refused", async () => {
    const deliver = open({ table: "others" });
    const { deviceInfo } = sinkMessage().event;
    const event = { deviceInfo, level: "ERROR" };
    const log = sinkMessage({ kind: "log", event, body: JSON.stringify(event) });
    expect(await deliver(log)).toEqual({ kind: "delivered" });
    expect(await rowsOf("others")).toMatchObject([{ event: "log", f_cnt: null, data: null, object: null }]);
    expect(await deliver(sinkMessage({ time: "soon" }))).toMatchObject({ kind: "rejected" });
    expect(await deliver(message("two", { dr: 1.5 }))).toMatchObject({ kind: "rejected", message: /dr/ });
  });

  test("a table that is gone is made again, and without leave to make it messages wait", async () => {
    const deliver = open({ table: "passing" });
    expect(await deliver()).toEqual({ kind: "delivered" });
    await reader.execute("drop table iot.passing");
    expect(await open({ table: "passing", createTables: false })()).toMatchObject({ message: /passing/ });
    await vi.waitFor(async () => expect(await deliver(message("again"))).toEqual({ kind: "delivered" }), 10_000);
    expect(await rowsOf("passing")).toHaveLength(1);
  });

  test("certificates are checked, also of what nodes call themselves", async () => {
    const place = { contactPoints: `localhost:${server.port}`, tls: true };
    expect(await open({ ...place, caCertificate }, localNetworks)()).toEqual({ kind: "delivered" });
    await expect(open(place, localNetworks)()).rejects.toThrow(/certificate/);
    const elsewhere = { contactPoints: `127.0.0.2:${server.port}`, tls: true, caCertificate };
    await expect(open(elsewhere)()).rejects.toThrow(/ECONNREFUSED|does not match/);
  });

  test("a wrong password, data centre or keyspace is told, and so is a node that is not there or may not be reached", async () => {
    await expect(open({}, undefined, "wrong")()).rejects.toThrow(/password/);
    await expect(open({ localDataCenter: "elsewhere" })()).rejects.toThrow(/elsewhere/);
    await expect(open({ keyspace: "nowhere" })()).rejects.toThrow(/nowhere/);
    await expect(open({ contactPoints: `127.0.0.1:${await freePort()}` })()).rejects.toThrow(/ECONNREFUSED/);
    await expect(open({}, [])()).rejects.toThrow(/public address/);
  });

  test("no node is asked of which another tells, and which may not be reached", async () => {
    let asked = 0;
    const peer = createServer(socket => {
      asked += 1;
      socket.destroy();
    }).listen(server.port, "127.0.0.9");
    await once(peer, "listening");
    const columns = "peer, rpc_address, data_center, rack, host_id, release_version, schema_version, tokens";
    const told = "'127.0.0.9', '127.0.0.9', 'datacenter1', 'rack1', uuid(), '5.0.5', uuid(), {'1'}";
    await reader.execute(`insert into system.peers (${columns}) values (${told})`);
    onTestFinished(async () => {
      await reader.execute("delete from system.peers where peer = '127.0.0.9'");
      peer.close();
    });
    expect(await open({ createTables: false, table: "complete" }, ["127.0.0.1/32"])(message("two"))).toEqual({
      kind: "delivered",
    });
    expect(asked).toBe(0);
    expect(await open({ createTables: false, table: "complete" })(message("two"))).toEqual({ kind: "delivered" });
    expect(asked).toBeGreaterThan(0);
  });

  test("settings with faults are told by their members", () => {
    const settings = { contactPoints: "a", localDataCenter: "one", keyspace: "iot" };
    const faultsOf = (more: object) => cassandraSink.faults({ ...settings, ...more }, {}).map(({ path }) => path);
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ contactPoints: "a:b" })).toEqual(["/settings/contactPoints"]);
    expect(faultsOf({ keyspace: "a; b" })).toEqual(["/settings/keyspace"]);
    expect(faultsOf({ measurementsTable: "upchirp_events" })).toEqual(["/settings/measurementsTable"]);
    expect(faultsOf({ consistency: "ANY" })).toEqual(["/settings/consistency"]);
  });
});

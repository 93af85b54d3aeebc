import { errors } from "cassandra-driver";
import { createConnection } from "mysql2/promise";
import { Client } from "pg";
import Type from "typebox";
import Value from "typebox/value";
import { cassandraLogin, dataCenter, startCassandra } from "../app-server/support/cassandra.ts";
import { influxdbLogin, receivedOf, startInfluxdb } from "../app-server/support/influxdb.ts";
import { startMariadb } from "../app-server/support/mariadb.ts";
import { startMongo } from "../app-server/support/mongo.ts";
import { startSwitchedProxy } from "../app-server/support/switched-proxy.ts";
import type { Received } from "../contracts/sink.ts";
import { startTestPostgres } from "../support/postgres.ts";
import type { OutageReceiver } from "./outage-receiver.ts";

const Rows = Type.Array(Type.Object({ devEui: Type.String(), fCnt: Type.Integer() }));

/** What is read is deleted, so that second copies show which a table would not take. */
export async function openPostgres(): Promise<OutageReceiver> {
  const database = await startTestPostgres();
  const { host, port, user, database: name } = database.connection;
  const proxy = await startSwitchedProxy(`${host}/.s.PGSQL.${port}`);
  const reader = new Client(database.connection);
  await reader.connect();
  return {
    settings: { url: `postgresql://127.0.0.1:${proxy.port}/${name}`, username: user, tls: false },
    secrets: { password: "not asked for" },
    start: proxy.start,
    stop: proxy.stop,
    async read() {
      const { rows: tables } = await reader.query("select from pg_tables where tablename = 'upchirp_events'");
      if (tables.length === 0) return [];
      const { rows } = await reader.query(
        `with read as (delete from upchirp_events returning id, dev_eui as "devEui", f_cnt::integer as "fCnt")
           select "devEui", "fCnt" from read order by id`,
      );
      return Value.Parse(Rows, rows);
    },
    async close() {
      await proxy.stop();
      await reader.end();
      await database.drop();
    },
  };
}

/** What is read is deleted, as in PostgreSQL. */
export async function openMysql(): Promise<OutageReceiver> {
  const server = await startMariadb();
  const proxy = await startSwitchedProxy(server.port);
  const reader = await createConnection({ host: "127.0.0.1", port: server.port, user: "root" });
  await reader.query("create database iot");
  await reader.query("create user upchirp@'%' identified by 'secret of theirs'");
  await reader.query("grant all on iot.* to upchirp@'%'");
  await reader.query("use iot");
  const LastRow = Type.Tuple([Type.Object({ last: Type.Integer() })]);
  return {
    settings: { url: `mysql://127.0.0.1:${proxy.port}/iot`, username: "upchirp", tls: false },
    secrets: { password: "secret of theirs" },
    start: proxy.start,
    stop: proxy.stop,
    async read() {
      const [tables] = await reader.query("show tables like 'upchirp_events'");
      if (Array.isArray(tables) && tables.length === 0) return [];
      // One connection writes: what has a lower number is there before what has a higher one.
      const [found] = await reader.query("select coalesce(max(id), 0) as last from upchirp_events");
      const [{ last }] = Value.Parse(LastRow, found);
      const [rows] = await reader.query(
        "select dev_eui as devEui, f_cnt as fCnt from upchirp_events where id <= ? order by id",
        [last],
      );
      await reader.query("delete from upchirp_events where id <= ?", [last]);
      return Value.Parse(Rows, rows);
    },
    async close() {
      await proxy.stop();
      await reader.end();
      await server.close();
    },
  };
}

/** What is read is deleted, as in PostgreSQL; for one reading the server does not tell in which order documents came. */
export async function openMongodb(): Promise<OutageReceiver> {
  const server = await startMongo(512);
  const proxy = await startSwitchedProxy(server.port);
  const events = server.client.db("iot").collection<{ _id: string }>("upchirp_events");
  const Documents = Type.Array(
    Type.Object({ _id: Type.String(), devEui: Type.String(), message: Type.Object({ fCnt: Type.Integer() }) }),
  );
  return {
    settings: { hosts: `127.0.0.1:${proxy.port}`, database: "iot", tls: false },
    secrets: {},
    start: proxy.start,
    stop: proxy.stop,
    async read() {
      const projection = { devEui: 1, "message.fCnt": 1 };
      const found = Value.Parse(Documents, await events.find({}, { projection }).toArray());
      for (let at = 0; at < found.length; at += 1000) {
        await events.deleteMany({ _id: { $in: found.slice(at, at + 1000).map(({ _id }) => _id) } });
      }
      return found
        .map(({ devEui, message: { fCnt } }) => ({ devEui, fCnt }))
        .sort((one, other) => one.fCnt - other.fCnt);
    },
    async close() {
      await proxy.stop();
      await server.close();
    },
  };
}

export async function openInfluxdb(): Promise<OutageReceiver> {
  const server = await startInfluxdb();
  const way = await server.startWay();
  const { username, password } = influxdbLogin;
  return {
    settings: { url: way.url, version: 1, database: "iot", username },
    secrets: { password },
    start: way.start,
    stop: way.stop,
    read: async () => receivedOf(way.written.splice(0)),
    async holds() {
      const [row] = await server.query('select count("fCnt") as points from upchirp_up');
      return Value.Parse(Type.Object({ points: Type.Integer() }), row).points;
    },
    async close() {
      await way.stop();
      await server.close();
    },
  };
}

/** A row that comes again is the same row: as in InfluxDB second copies do not show. */
export async function openCassandra(): Promise<OutageReceiver> {
  const { port, client, close } = await startCassandra();
  const proxy = await startSwitchedProxy(port);
  const Partitions = Type.Array(Type.Object({ devEui: Type.String(), month: Type.String() }));
  const Found = Type.Array(Type.Object({ fCnt: Type.Integer(), time: Type.Unsafe<Date>({}) }));
  const lastOf = new Map<string, Date>();
  const rowsOf = async (query: string, values: readonly unknown[] = []): Promise<readonly object[]> =>
    (await client.execute(query, [...values], { prepare: true, fetchSize: 100_000 })).rows.map(row => ({ ...row }));
  const newOf = async (devEui: string, month: string): Promise<readonly Received[]> => {
    const query = `select cast(f_cnt as int) as "fCnt", time from iot.upchirp_events
      where dev_eui = ? and month = ? and time > ? order by time asc`;
    const found = Value.Parse(Found, await rowsOf(query, [devEui, month, lastOf.get(devEui) ?? new Date(0)]));
    const last = found.at(-1);
    if (last !== undefined) lastOf.set(devEui, last.time);
    return found.map(({ fCnt }) => ({ devEui, fCnt }));
  };
  const partitions = async () => {
    try {
      const distinct = 'select distinct dev_eui as "devEui", month from iot.upchirp_events';
      return Value.Parse(Partitions, await rowsOf(distinct));
    } catch (error) {
      // The sink is making the table.
      if (error instanceof errors.ResponseError && lastOf.size === 0) return [];
      throw error;
    }
  };
  return {
    settings: {
      contactPoints: `127.0.0.1:${proxy.port}`,
      localDataCenter: dataCenter,
      keyspace: "iot",
      username: cassandraLogin.username,
      tls: false,
    },
    secrets: { password: cassandraLogin.password },
    start: proxy.start,
    stop: proxy.stop,
    async read() {
      return (await Promise.all((await partitions()).map(({ devEui, month }) => newOf(devEui, month)))).flat();
    },
    async close() {
      await proxy.stop();
      await close();
    },
  };
}

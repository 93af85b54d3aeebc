import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { AckPolicy, DeliverPolicy, type JetStreamClient } from "@nats-io/jetstream";
import { Admin, Consumer, stringDeserializers } from "@platformatic/kafka";
import { connect } from "amqplib";
import { Redis } from "ioredis";
import { amqpSink } from "../../app-server/integration/sinks/amqp.ts";
import { amqp1Sink } from "../../app-server/integration/sinks/amqp1.ts";
import { cassandraSink } from "../../app-server/integration/sinks/cassandra.ts";
import { httpSink } from "../../app-server/integration/sinks/http.ts";
import { influxdbSink } from "../../app-server/integration/sinks/influxdb.ts";
import { kafkaSink } from "../../app-server/integration/sinks/kafka.ts";
import { mongodbSink } from "../../app-server/integration/sinks/mongodb.ts";
import { mqttSink } from "../../app-server/integration/sinks/mqtt.ts";
import { mysqlSink } from "../../app-server/integration/sinks/mysql.ts";
import { natsSink } from "../../app-server/integration/sinks/nats.ts";
import { postgresSink } from "../../app-server/integration/sinks/postgres.ts";
import { redisStreamsSink } from "../../app-server/integration/sinks/redis-streams.ts";
import { thingsboardSink } from "../../app-server/integration/sinks/thingsboard.ts";
import { whyNoCassandra } from "../app-server/support/cassandra.ts";
import { whyNoInfluxdb } from "../app-server/support/influxdb.ts";
import { startKafka, whyNoKafka } from "../app-server/support/kafka.ts";
import { startLastingMosquitto } from "../app-server/support/lasting-mosquitto.ts";
import { mariadb } from "../app-server/support/mariadb.ts";
import { whyNoMongo } from "../app-server/support/mongo.ts";
import { mosquittoMissing } from "../app-server/support/mosquitto.ts";
import { natsLogin, startNats, whyNoNats } from "../app-server/support/nats.ts";
import { startRabbit, whyNoRabbit } from "../app-server/support/rabbit.ts";
import { startSwitchedProxy } from "../app-server/support/switched-proxy.ts";
import { thingsboardReceived } from "../app-server/support/thingsboard.ts";
import type { Received } from "../contracts/sink.ts";
import { startRedis, whyNoRedis } from "../support/redis.ts";
import { openCassandra, openInfluxdb, openMongodb, openMysql, openPostgres } from "./outage-databases.ts";
import type { OutageReceiver, OutageSink } from "./outage-receiver.ts";

/** Of a message that is ChirpStack's JSON as it is. */
function receivedOf(body: string): Received {
  const { deviceInfo, fCnt }: { deviceInfo: { devEui: string }; fCnt: number } = JSON.parse(body);
  return { devEui: deviceInfo.devEui, fCnt };
}

async function openHttp(): Promise<OutageReceiver> {
  const bodies: string[] = [];
  let server: Server | undefined;
  let port = 0;
  const start = async (): Promise<void> => {
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", chunk => {
        body += chunk;
      });
      request.on("end", () => {
        bodies.push(body);
        response.writeHead(204).end();
      });
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (typeof address === "object" && address !== null) port = address.port;
  };
  const stop = async (): Promise<void> => {
    const closed = server && once(server, "close");
    server?.close();
    server?.closeAllConnections();
    await closed;
  };
  await start();
  return {
    settings: { url: `http://127.0.0.1:${port}/` },
    secrets: {},
    start,
    stop,
    close: stop,
    read: async () => bodies.splice(0).map(receivedOf),
  };
}

async function openMqtt(): Promise<OutageReceiver> {
  const broker = await startLastingMosquitto();
  return {
    settings: { url: `mqtt://127.0.0.1:${broker.port}`, username: "server" },
    secrets: { password: broker.login.password },
    start: broker.start,
    stop: broker.stop,
    close: broker.close,
    read: async () => broker.messages.splice(0).map(({ text }) => receivedOf(text)),
  };
}

async function openRedis(): Promise<OutageReceiver> {
  const server = await startRedis();
  const connectTo = () => new Redis({ host: "127.0.0.1", port: server.port });
  let client = connectTo();
  return {
    settings: { url: `redis://127.0.0.1:${server.port}`, key: "up", maxLength: 100_000_000 },
    secrets: {},
    async stop() {
      client.disconnect();
      await server.kill();
    },
    async start() {
      await server.restart();
      client = connectTo();
    },
    async read() {
      const entries = await client.xrange("up", "-", "+", "COUNT", 5000);
      const ids = entries.map(([id]) => id);
      if (ids.length > 0) await client.xdel("up", ...ids);
      return entries.map(([, fields]) => receivedOf(fields[fields.indexOf("body") + 1] ?? ""));
    },
    async close() {
      client.disconnect();
      await server.stop();
    },
  };
}

async function openNats(): Promise<OutageReceiver> {
  const server = await startNats();
  const name = "reader";
  const begin = async (): Promise<JetStreamClient> => {
    const stream = await server.start();
    const { consumers } = await stream.jetstreamManager();
    await consumers.add("up", { durable_name: name, ack_policy: AckPolicy.All, deliver_policy: DeliverPolicy.All });
    return stream;
  };
  let stream = await begin();
  return {
    settings: { url: `nats://127.0.0.1:${server.port}`, username: natsLogin.user, subject: "up.{devEui}" },
    secrets: { password: natsLogin.pass },
    async start() {
      stream = await begin();
    },
    stop: server.stop,
    close: server.close,
    async read() {
      const consumer = await stream.consumers.get("up", name);
      const { num_pending: pending } = await consumer.info();
      if (pending === 0) return [];
      const received: Received[] = [];
      const wanted = Math.min(pending, 2000);
      for await (const message of await consumer.fetch({ max_messages: wanted, expires: 2000 })) {
        received.push(receivedOf(message.string()));
        message.ack();
        if (received.length === wanted) break;
      }
      return received;
    },
  };
}

async function openKafka(): Promise<OutageReceiver> {
  const proxies: Awaited<ReturnType<typeof startSwitchedProxy>>[] = [];
  const kafka = await startKafka({
    async advertisedPort(port) {
      const proxy = await startSwitchedProxy(port);
      proxies.push(proxy);
      return proxy.port;
    },
    login: { username: "upchirp", password: "secret of theirs" },
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error("Kafka has no proxy");
  const bootstrapBrokers = [`127.0.0.1:${kafka.plainPort}`];
  const admin = new Admin({ clientId: "admin", bootstrapBrokers });
  await admin.createTopics({ topics: ["up"], partitions: 3, replicas: 1 });
  await admin.close();
  const consumer = new Consumer({
    clientId: "reader",
    groupId: "readers",
    bootstrapBrokers,
    deserializers: stringDeserializers,
    maxWaitTime: 50,
  });
  const bodies: string[] = [];
  const stream = await consumer.consume({ topics: ["up"], mode: "earliest" });
  stream.on("data", ({ value }) => bodies.push(value));
  return {
    settings: { brokers: `127.0.0.1:${proxy.port}`, topic: "up" },
    secrets: {},
    start: proxy.start,
    stop: proxy.stop,
    read: async () => bodies.splice(0).map(receivedOf),
    async close() {
      await stream.close();
      await consumer.close(true);
      await proxy.stop();
      await kafka.close();
    },
  };
}

/** A RabbitMQ whose clients can be cut off, and who reads its queue `up`. */
async function openRabbit(settings: (port: number) => OutageReceiver["settings"]): Promise<OutageReceiver> {
  const rabbit = await startRabbit();
  const proxy = await startSwitchedProxy(rabbit.port);
  const model = await connect(`amqp://127.0.0.1:${rabbit.port}`);
  const channel = await model.createChannel();
  const { queue } = await channel.assertQueue("up", { durable: true });
  const bodies: string[] = [];
  await channel.consume(queue, message => {
    if (message === null) return;
    bodies.push(message.content.toString());
    channel.ack(message);
  });
  return {
    settings: { username: "guest", ...settings(proxy.port) },
    secrets: { password: "guest" },
    start: proxy.start,
    stop: proxy.stop,
    read: async () => bodies.splice(0).map(receivedOf),
    async close() {
      await proxy.stop();
      await model.close();
      await rabbit.close();
    },
  };
}

const openAmqp = () => openRabbit(port => ({ url: `amqp://127.0.0.1:${port}`, routingKey: "up" }));
const openAmqp1 = () => openRabbit(port => ({ url: `amqp://127.0.0.1:${port}`, address: "/amq/queue/up" }));

/** Mosquitto in ThingsBoard's place. */
async function openThingsboard(): Promise<OutageReceiver> {
  const broker = await startLastingMosquitto();
  return {
    settings: { url: `mqtt://127.0.0.1:${broker.port}`, username: "server", deviceName: "{devEui}" },
    secrets: { password: broker.login.password },
    start: broker.start,
    stop: broker.stop,
    close: broker.close,
    read: async () => broker.messages.splice(0).flatMap(thingsboardReceived),
  };
}

/** Quick to start first. */
export const outageSinks: readonly OutageSink[] = [
  { kind: httpSink, open: openHttp, whyNot: undefined },
  { kind: mqttSink, open: openMqtt, whyNot: mosquittoMissing() },
  { kind: redisStreamsSink, open: openRedis, whyNot: whyNoRedis },
  { kind: natsSink, open: openNats, whyNot: whyNoNats },
  { kind: postgresSink, open: openPostgres, whyNot: undefined },
  { kind: influxdbSink, open: openInfluxdb, whyNot: whyNoInfluxdb },
  { kind: thingsboardSink, open: openThingsboard, whyNot: mosquittoMissing() },
  { kind: mysqlSink, open: openMysql, whyNot: mariadb === undefined ? "not installed" : undefined },
  { kind: mongodbSink, open: openMongodb, whyNot: whyNoMongo },
  { kind: cassandraSink, open: openCassandra, whyNot: whyNoCassandra },
  { kind: kafkaSink, open: openKafka, whyNot: whyNoKafka },
  { kind: amqpSink, open: openAmqp, whyNot: whyNoRabbit },
  { kind: amqp1Sink, open: openAmqp1, whyNot: whyNoRabbit },
];

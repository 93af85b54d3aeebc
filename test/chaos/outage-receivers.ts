import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { AckPolicy, DeliverPolicy, type JetStreamClient } from "@nats-io/jetstream";
import { Admin, Consumer, stringDeserializers } from "@platformatic/kafka";
import { connect } from "amqplib";
import { Redis } from "ioredis";
import { amqpSink } from "../../app-server/integration/sinks/amqp.ts";
import { httpSink } from "../../app-server/integration/sinks/http.ts";
import { kafkaSink } from "../../app-server/integration/sinks/kafka.ts";
import type { SinkKind } from "../../app-server/integration/sinks/kind.ts";
import { mqttSink } from "../../app-server/integration/sinks/mqtt.ts";
import { natsSink } from "../../app-server/integration/sinks/nats.ts";
import { redisStreamsSink } from "../../app-server/integration/sinks/redis-streams.ts";
import { startKafka } from "../app-server/support/kafka.ts";
import { startLastingMosquitto } from "../app-server/support/lasting-mosquitto.ts";
import { natsLogin, startNats } from "../app-server/support/nats.ts";
import { startRabbit } from "../app-server/support/rabbit.ts";
import { startSwitchedProxy } from "../app-server/support/switched-proxy.ts";
import { startRedis } from "../support/redis.ts";

/** A real server that a sink sends to, and what came out of it, bodies in order. */
export interface OutageReceiver {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Gives what came since it was last asked. */
  read(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface OutageSink {
  readonly kind: SinkKind;
  readonly open: () => Promise<OutageReceiver>;
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
    read: async () => bodies.splice(0),
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
    read: async () => broker.messages.splice(0).map(({ text }) => text),
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
      return entries.map(([, fields]) => fields[fields.indexOf("body") + 1] ?? "");
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
      const bodies: string[] = [];
      const wanted = Math.min(pending, 2000);
      for await (const message of await consumer.fetch({ max_messages: wanted, expires: 2000 })) {
        bodies.push(message.string());
        message.ack();
        if (bodies.length === wanted) break;
      }
      return bodies;
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
    read: async () => bodies.splice(0),
    async close() {
      await stream.close();
      await consumer.close(true);
      await proxy.stop();
      await kafka.close();
    },
  };
}

async function openAmqp(): Promise<OutageReceiver> {
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
    settings: { url: `amqp://127.0.0.1:${proxy.port}`, username: "guest", routingKey: "up" },
    secrets: { password: "guest" },
    start: proxy.start,
    stop: proxy.stop,
    read: async () => bodies.splice(0),
    async close() {
      await proxy.stop();
      await model.close();
      await rabbit.close();
    },
  };
}

/** Quick to start first. */
export const outageSinks: readonly OutageSink[] = [
  { kind: httpSink, open: openHttp },
  { kind: mqttSink, open: openMqtt },
  { kind: redisStreamsSink, open: openRedis },
  { kind: natsSink, open: openNats },
  { kind: kafkaSink, open: openKafka },
  { kind: amqpSink, open: openAmqp },
];

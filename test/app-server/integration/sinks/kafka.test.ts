import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { Admin, Consumer, stringDeserializers } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { kafkaSink } from "../../../../app-server/integration/sinks/kafka.ts";
import type { Secrets } from "../../../../app-server/integration-ports.ts";
import { describeSink, type Received, type Receiver } from "../../../contracts/sink.ts";
import { startKafka, type TestKafka, whyNoKafka } from "../../support/kafka.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const login = { username: "upchirp", password: "secret-of-theirs" };
const topic = "up";

let kafka: TestKafka;
let proxy: Awaited<ReturnType<typeof startSwitchedProxy>>;

/** Everything that the topic ever got, read on a way of its own. */
async function startReader() {
  const consumer = new Consumer({
    clientId: "reader",
    groupId: "readers",
    bootstrapBrokers: [`127.0.0.1:${kafka.plainPort}`],
    deserializers: stringDeserializers,
    autocommit: false,
    maxWaitTime: 50,
  });
  const messages: { key: string; partition: number; text: string; headers: ReadonlyMap<string, string> }[] = [];
  const stream = await consumer.consume({ topics: [topic], mode: "earliest" });
  stream.on("data", ({ key, partition, value, headers }) => messages.push({ key, partition, text: value, headers }));
  return {
    async all() {
      const ends = await consumer.listOffsets({ topics: [topic] });
      const count = (ends.get(topic) ?? []).reduce((sum, end) => sum + Number(end), 0);
      await vi.waitFor(() => expect(messages.length).toBe(count), { timeout: 5000, interval: 5 });
      return messages;
    },
    async close() {
      await stream.close();
      await consumer.close(true);
    },
  };
}

/** Another address of a port on 127.0.0.1. */
async function ipv6Door(port: number): Promise<number> {
  const server = createServer(client => {
    const upstream = connect(port, "127.0.0.1");
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  server.listen(0, "::1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function openReceiver(): Promise<Receiver> {
  const reader = await startReader();
  return {
    settings: { brokers: `127.0.0.1:${proxy.port}`, topic },
    secrets: { password: "not asked for" },
    async received(): Promise<readonly Received[]> {
      return (await reader.all()).map(({ text }) => {
        const { deviceInfo, fCnt } = JSON.parse(text);
        return { devEui: deviceInfo.devEui, fCnt };
      });
    },
    start: proxy.start,
    stop: proxy.stop,
    close: reader.close,
    refused: { padding: "x".repeat(300_000) },
  };
}

describe.skipIf(whyNoKafka !== undefined)(`with Kafka${whyNoKafka ? ` (${whyNoKafka})` : ""}`, () => {
  beforeAll(async () => {
    const advertisedPort = async (port: number) => {
      proxy = await startSwitchedProxy(port);
      return proxy.port;
    };
    kafka = await startKafka({ advertisedPort, login });
    const admin = new Admin({ clientId: "admin", bootstrapBrokers: [`127.0.0.1:${kafka.plainPort}`] });
    const configs = [{ name: "max.message.bytes", value: "200000" }];
    await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs });
    await admin.close();
  });
  afterAll(async () => {
    await proxy?.stop();
    await kafka?.close();
  });
  describeSink(kafkaSink, openReceiver);

  const outcomeOf = async (settings: object, secrets: Secrets = {}, networks?: readonly string[]) => {
    const integration = integrationOf("kafka", { settings: { brokers: `127.0.0.1:${kafka.plainPort}`, ...settings } });
    const sink = kafkaSink.open({ integration, secrets }, sinkContext(networks));
    try {
      return await sink.deliver([sinkMessage()], new AbortController().signal);
    } finally {
      await sink.close();
    }
  };

  test("a message has its device as the key, so that it is in one partition with the device's others", async () => {
    expect(await outcomeOf({ topic: "{kind}" })).toEqual({ kind: "delivered" });
    const reader = await startReader();
    const { deduplicationId, devEui, kind, applicationId, body } = sinkMessage();
    const found = (await reader.all()).filter(({ key }) => key === devEui);
    expect(found).toHaveLength(1);
    expect(found).toMatchObject([{ text: body }]);
    expect(Object.fromEntries(found[0]?.headers ?? [])).toEqual({ deduplicationId, kind, applicationId });
    await reader.close();
  });

  test("a topic that is not there is told, and the message waits", async () => {
    expect(await outcomeOf({ topic: "nowhere" })).toMatchObject({ kind: "unavailable", message: /nowhere/ });
  });

  test("a name that no topic can have is a dead letter", async () => {
    expect(await outcomeOf({ topic: ".." })).toMatchObject({ kind: "rejected" });
  });

  test("a broker behind TLS and a password is reached, and what it does not accept is told", async () => {
    const caCertificate = await readFile(new URL("../../../support/tls/ca.pem", import.meta.url), "utf8");
    const locked = { topic, brokers: `localhost:${kafka.tlsPort}`, tls: true, username: login.username };
    const networks = ["127.0.0.0/8", "::1/128"];
    const { password } = login;
    expect(await outcomeOf({ ...locked, caCertificate }, { password }, networks)).toEqual({ kind: "delivered" });
    const wrong = await outcomeOf({ ...locked, caCertificate }, { password: "wrong" }, networks);
    expect(wrong).toMatchObject({ kind: "unavailable", message: /[Aa]uthentication/ });
    const unknown = await outcomeOf(locked, { password }, networks);
    expect(unknown).toMatchObject({ kind: "unavailable", message: /certificate/ });
  });

  test("no broker is reached that may not be, whether it was typed or named by another", async () => {
    const told = { kind: "unavailable", message: /127\.0\.0\.1/ };
    expect(await outcomeOf({ topic }, {}, [])).toMatchObject(told);
    const elsewhere = { topic, brokers: `[::1]:${await ipv6Door(kafka.plainPort)}` };
    expect(await outcomeOf(elsewhere, {}, ["::1/128"])).toMatchObject(told);
  });

  test("a list of brokers with a fault is refused when it is typed", () => {
    const faultsOf = (settings: object) => kafkaSink.faults(settings, {}).map(({ path }) => path);
    expect(faultsOf({ brokers: "a.example.com:9092, b.example.com:9092" })).toEqual([]);
    expect(faultsOf({ brokers: "a.example.com:99999" })).toEqual(["/settings/brokers"]);
    expect(faultsOf({ brokers: "a.example.com", topic: "{nothing}" })).toEqual(["/settings/topic"]);
    expect(faultsOf({ brokers: "kafka://a.example.com" })).toEqual(["/settings/brokers"]);
  });
});

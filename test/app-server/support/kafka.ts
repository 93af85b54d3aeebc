import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startJava, whyNoJars } from "./java.ts";
import { freePort } from "./mosquitto.ts";

const tlsFile = (name: string): Promise<string> =>
  readFile(new URL(`../../support/tls/${name}`, import.meta.url), "utf8");

/** Why tests with Kafka cannot run here, or undefined. */
export const whyNoKafka: string | undefined = whyNoJars("kafka");

/** A text for a file of properties: its lines as one. */
const inOneLine = (text: string): string => text.trim().replaceAll("\n", "\\n\\\n");

export interface KafkaOptions {
  /** Where clients of `port` are sent to: a proxy's port, say. */
  readonly advertisedPort: (port: number) => Promise<number>;
  /** Of the listener with TLS. */
  readonly login: { readonly username: string; readonly password: string };
}

/** A broker of its own on loopback. */
export interface TestKafka {
  /** Leads to `advertisedPort`. */
  readonly port: number;
  /** Leads to itself. */
  readonly plainPort: number;
  /** With TLS and a login (PLAIN) under the name localhost. */
  readonly tlsPort: number;
  close(): Promise<void>;
}

/** One node that is broker and controller (KRaft), with little memory; it takes two or three seconds. */
export async function startKafka({ advertisedPort, login }: KafkaOptions): Promise<TestKafka> {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-kafka-"));
  const [port, plainPort, tlsPort, controller] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const listeners = { SWITCHED: port, PLAIN: plainPort, LOCKED: tlsPort, CONTROLLER: controller };
  const advertised = `SWITCHED://127.0.0.1:${await advertisedPort(port)},PLAIN://127.0.0.1:${plainPort}`;
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: Object.entries(listeners)
      .map(([name, at]) => `${name}://127.0.0.1:${at}`)
      .join(","),
    "advertised.listeners": `${advertised},LOCKED://localhost:${tlsPort}`,
    "listener.security.protocol.map": "SWITCHED:PLAINTEXT,PLAIN:PLAINTEXT,LOCKED:SASL_SSL,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAIN",
    "listener.name.locked.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.locked.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_${login.username}="${login.password}";`,
    "listener.name.locked.ssl.keystore.type": "PEM",
    "listener.name.locked.ssl.keystore.key": inOneLine(await tlsFile("server.key")),
    "listener.name.locked.ssl.keystore.certificate.chain": inOneLine(await tlsFile("server.pem")),
    "log.dirs": join(folder, "data"),
    "num.network.threads": 1,
    "num.io.threads": 2,
    "background.threads": 1,
    "log.cleaner.enable": false,
    // Records bear the time of their event, which is of any age here.
    "log.retention.ms": -1,
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
  };
  const config = join(folder, "server.properties");
  await writeFile(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  // What formatting the folder writes, without another start of Java.
  const identity = "version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nnode.id=1\ndirectory.id=Jm5Rjc1NSkWqQyS6lLqgVA\n";
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "data", "meta.properties"), identity);
  const server = await startJava("kafka", "kafka.Kafka", [config], port, 256);
  return {
    port,
    plainPort,
    tlsPort,
    async close() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

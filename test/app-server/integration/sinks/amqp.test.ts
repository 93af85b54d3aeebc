import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { amqpSink } from "../../../../app-server/integration/sinks/amqp.ts";
import { describeSink, type Received, type Receiver } from "../../../contracts/sink.ts";
import { freePort } from "../../support/mosquitto.ts";
import { type Program, programAt, startProgram } from "../../support/programs.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const program = programAt("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server");
const login = { username: "guest", password: "guest" };

/** RabbitMQ takes seconds to start: one for all tests, with ports, folders and a port mapper of its own. */
async function startRabbit() {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-rabbit-"));
  const [port, distribution, mapper] = [await freePort(), await freePort(), await freePort()];
  const env = {
    HOME: folder,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: `${mapper}`,
    RABBITMQ_NODENAME: `upchirp${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: join(folder, "data"),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_CONFIG_FILE: join(folder, "none"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
  };
  const server: Program = await startProgram(program ?? "", [], port, env);
  return {
    port,
    async close(): Promise<void> {
      await server.stop();
      execFileSync("epmd", ["-kill"], { env: { ...process.env, ...env }, stdio: "ignore" });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

let rabbit: Awaited<ReturnType<typeof startRabbit>>;

async function openReceiver(): Promise<Receiver> {
  const proxy = await startSwitchedProxy(rabbit.port);
  const model = await connect({ hostname: "127.0.0.1", port: rabbit.port, ...login });
  const channel = await model.createChannel();
  const exchange = "events";
  await channel.assertExchange(exchange, "topic", { durable: true });
  const { queue } = await channel.assertQueue("up", { durable: true });
  await channel.bindQueue(queue, exchange, "*.1");
  const received: Received[] = [];
  await channel.consume(queue, message => {
    if (message === null) return;
    const { deviceInfo, fCnt } = JSON.parse(message.content.toString());
    received.push({ devEui: deviceInfo.devEui, fCnt });
    channel.ack(message);
  });
  return {
    settings: {
      url: `amqp://127.0.0.1:${proxy.port}`,
      username: login.username,
      exchange,
      routingKey: "{devEui}.{fPort}",
    },
    secrets: { password: login.password },
    received: async () => received,
    start: proxy.start,
    stop: proxy.stop,
    async close() {
      await proxy.stop();
      await model.close();
    },
    refused: { fPort: 99 },
  };
}

describe.skipIf(program === undefined)(`with RabbitMQ${program ? "" : " (not installed)"}`, () => {
  beforeAll(async () => {
    rabbit = await startRabbit();
  });
  afterAll(() => rabbit?.close());
  describeSink(amqpSink, openReceiver);

  const outcomeOf = async (settings: object, password: string = login.password) => {
    const url = `amqp://127.0.0.1:${rabbit.port}`;
    const integration = integrationOf("amqp", { settings: { url, username: login.username, ...settings } });
    const sink = amqpSink.open({ integration, secrets: { password } }, sinkContext());
    try {
      return await sink.deliver([sinkMessage()], new AbortController().signal);
    } finally {
      await sink.close();
    }
  };

  test("an exchange that is not there is told, and the message waits", async () => {
    const outcome = await outcomeOf({ exchange: "nowhere" });
    expect(outcome).toMatchObject({ kind: "unavailable", message: /no exchange 'nowhere'/ });
  });

  test("a message that no queue takes is lost only where that is wanted", async () => {
    expect(await outcomeOf({ routingKey: "nobody" })).toMatchObject({ kind: "rejected" });
    expect(await outcomeOf({ routingKey: "nobody", mandatory: false })).toEqual({ kind: "delivered" });
  });

  test("a wrong password is told", async () => {
    await expect(outcomeOf({}, "wrong")).rejects.toThrow(/ACCESS.REFUSED/);
  });
});

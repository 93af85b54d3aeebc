import { connect } from "amqplib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { amqpSink } from "../../../../app-server/integration/sinks/amqp.ts";
import { amqp1Sink } from "../../../../app-server/integration/sinks/amqp1.ts";
import { describeSink, type Received, type Receiver } from "../../../contracts/sink.ts";
import { startRabbit, whyNoRabbit } from "../../support/rabbit.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";
import { startSwitchedProxy } from "../../support/switched-proxy.ts";

const login = { username: "guest", password: "guest" };

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

describe.skipIf(whyNoRabbit !== undefined)(`with RabbitMQ${whyNoRabbit ? ` (${whyNoRabbit})` : ""}`, () => {
  beforeAll(async () => {
    rabbit = await startRabbit();
  });
  afterAll(() => rabbit?.close());
  describeSink(amqpSink, openReceiver);
  describeSink(amqp1Sink, async () => {
    const receiver = await openReceiver();
    const { username } = login;
    const url = `${receiver.settings.url}`;
    // This version of the broker accepts what no queue takes.
    const { refused: _, ...others } = receiver;
    return { ...others, settings: { url, username, address: "/exchange/events", subject: "{devEui}.{fPort}" } };
  });

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

  test("over AMQP 1.0 an exchange that is not there is told", async () => {
    const deliverTo = (address: string) => {
      const settings = { url: `amqp://127.0.0.1:${rabbit.port}`, username: login.username, address };
      const configured = { integration: integrationOf("amqp1", { settings }), secrets: { password: login.password } };
      const sink = amqp1Sink.open(configured, sinkContext());
      return sink.deliver([sinkMessage()], new AbortController().signal).finally(() => sink.close());
    };
    expect(await deliverTo("/exchange/events")).toEqual({ kind: "delivered" });
    await expect(deliverTo("/exchange/nowhere")).rejects.toThrow(/nowhere/);
  });
});

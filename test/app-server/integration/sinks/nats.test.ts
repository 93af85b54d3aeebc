import { describe, expect, test } from "vitest";
import { natsSink } from "../../../../app-server/integration/sinks/nats.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { natsLogin, startNats, whyNoNats } from "../../support/nats.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

async function openReceiver(): Promise<Receiver> {
  const server = await startNats();
  let stream = await server.start();
  return {
    settings: { url: `nats://127.0.0.1:${server.port}`, username: natsLogin.user, subject: "up.{devEui}" },
    secrets: { password: natsLogin.pass },
    async received() {
      const consumer = await stream.consumers.get("up");
      const { num_pending: pending } = await consumer.info();
      if (pending === 0) return [];
      const messages = await consumer.fetch({ max_messages: pending, expires: 2000 });
      const got = [];
      for await (const message of messages) {
        const { deviceInfo, fCnt } = message.json<{ deviceInfo: { devEui: string }; fCnt: number }>();
        got.push({ devEui: deviceInfo.devEui, fCnt });
        if (got.length === pending) break;
      }
      return got;
    },
    async start() {
      stream = await server.start();
    },
    stop: server.stop,
    close: server.close,
    refused: { padding: "x".repeat(4000) },
  };
}

describe.skipIf(whyNoNats !== undefined)(`with nats-server${whyNoNats ? ` (${whyNoNats})` : ""}`, () => {
  describeSink(natsSink, openReceiver);

  test("a subject that no stream takes is told and waits, and a second copy is dropped by the stream", async () => {
    const server = await startNats();
    const stream = await server.start();
    const openWith = (subject: string) => {
      const settings = { url: `nats://127.0.0.1:${server.port}`, username: natsLogin.user, subject };
      return natsSink.open(
        { integration: integrationOf("nats", { settings }), secrets: { password: natsLogin.pass } },
        sinkContext(),
      );
    };
    const [lost, good] = [openWith("elsewhere.{devEui}"), openWith("up.{kind}")];
    const signal = new AbortController().signal;
    expect(await lost.deliver([sinkMessage()], signal)).toMatchObject({ kind: "unavailable", message: /no stream/ });
    expect(await good.deliver([sinkMessage()], signal)).toEqual({ kind: "delivered" });
    expect(await good.deliver([sinkMessage()], signal)).toEqual({ kind: "delivered" });
    const { num_pending: pending } = await (await stream.consumers.get("up")).info();
    expect(pending).toBe(1);
    await Promise.all([lost.close(), good.close()]);
    await server.close();
  });
});

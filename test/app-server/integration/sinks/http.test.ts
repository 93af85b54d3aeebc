import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test, vi } from "vitest";
import { httpSink } from "../../../../app-server/integration/sinks/http.ts";
import { describeSink, type Received, type Receiver } from "../../../contracts/sink.ts";
import { startDeliveryRig } from "../../support/delivery.ts";
import { randomDevEui } from "../../support/fixtures.ts";
import { freePort } from "../../support/mosquitto.ts";

const signingKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** Takes what is signed, and refuses what says that it is bad. */
async function openReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const webhook = new Webhook(signingKey);
  const port = await freePort();
  let server: Server | undefined;
  const start = async (): Promise<void> => {
    server = createServer(async (request, response) => {
      const body = await bodyOf(request);
      const header = (name: string): string => String(request.headers[name]);
      webhook.verify(body, {
        "webhook-id": header("webhook-id"),
        "webhook-timestamp": header("webhook-timestamp"),
        "webhook-signature": header("webhook-signature"),
      });
      const { deviceInfo, fCnt, bad } = JSON.parse(body);
      if (bad !== true) received.push({ devEui: deviceInfo.devEui, fCnt });
      response.writeHead(bad === true ? 422 : 204).end();
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const stop = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
    server = undefined;
  };
  await start();
  return {
    settings: { url: `http://127.0.0.1:${port}/hook/{devEui}` },
    secrets: { signingKey, headers: { authorization: "Bearer a-token-of-theirs" } },
    received: async () => received,
    start,
    stop,
    close: stop,
    refused: { bad: true },
  };
}

describeSink(httpSink, openReceiver);

test.each([
  [{}, 16],
  [{ maxRequests: 1 }, 1],
  [{ maxRequests: 40 }, 40],
])(
  "a receiver that takes its time has as many requests at once as the settings %j say, and no more",
  async (more, atOnce) => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const server = createServer((_request, response) => {
      waiting.push(() => response.writeHead(204).end());
      most = Math.max(most, waiting.length);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const rig = await startDeliveryRig([httpSink]);
    onTestFinished(async () => {
      await rig.end();
      server.close();
      server.closeAllConnections();
    });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const { id } = await rig.add("http", { url: `http://127.0.0.1:${port}/`, ...more });
    const engine = await rig.startEngine();
    for (let device = 0; device < 50; device += 1) await engine.sink.deliver(rig.up(randomDevEui(), 0));
    await vi.waitFor(() => expect(waiting).toHaveLength(atOnce), 10_000);
    await vi.waitFor(async () => {
      for (const answer of waiting.splice(0)) answer();
      expect((await rig.desk.state(id)).queue.messages).toBe(0);
    }, 10_000);
    expect(most).toBe(atOnce);
  },
);

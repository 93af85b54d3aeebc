import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { Webhook } from "standardwebhooks";
import { httpSink } from "../../../../app-server/integration/sinks/http.ts";
import { describeSink, type Received, type Receiver } from "../../../contracts/sink.ts";
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

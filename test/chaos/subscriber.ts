import { once } from "node:events";
import { createServer } from "node:http";
import { connectAsync, type MqttClient } from "mqtt";
import Type from "typebox";
import Value from "typebox/value";
import type { Delivery } from "./truth.ts";

/** An application that has to miss nothing. */
export interface Subscriber {
  readonly deliveries: readonly Delivery[];
  /** Commands that an `ack` event told the end of. */
  readonly endedCommands: ReadonlySet<string>;
  /** Messages that are no event as it should be; text. */
  readonly unreadable: readonly string[];
  connected(): boolean;
  close(): Promise<void>;
}

const upEvent = Type.Object({
  deduplicationId: Type.String(),
  deviceInfo: Type.Object({ devEui: Type.String() }),
  devAddr: Type.String(),
  fCnt: Type.Integer(),
  fPort: Type.Optional(Type.Integer()),
  data: Type.Optional(Type.String()),
});

const ackEvent = Type.Object({ queueItemId: Type.String(), acknowledged: Type.Boolean() });

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Writes down what events say. */
function startNotes(nowMs: () => number) {
  const deliveries: Delivery[] = [];
  const endedCommands = new Set<string>();
  const unreadable: string[] = [];
  const take = (text: string): void => {
    const event = parsed(text);
    if (Value.Check(ackEvent, event)) {
      endedCommands.add(event.queueItemId);
      return;
    }
    if (!Value.Check(upEvent, event)) {
      unreadable.push(text);
      return;
    }
    const { deduplicationId, deviceInfo, devAddr, fCnt, fPort = 0, data = "" } = event;
    // Frames without application data are the device's own affair.
    if (fPort === 0) return;
    deliveries.push({ atMs: nowMs(), devEui: deviceInfo.devEui, devAddr, fCnt, fPort, data, deduplicationId });
  };
  return { deliveries, endedCommands, unreadable, take };
}

/**
 * With QoS 1 and a session that the broker keeps while the connection is down. Subscribed when it resolves; from then on the
 * client connects again by itself.
 */
export async function startSubscriber(
  url: string,
  login: Login | undefined,
  applicationId: string,
  nowMs: () => number,
): Promise<Subscriber> {
  const { take, ...notes } = startNotes(nowMs);
  const options = { clientId: "chaos-reader", clean: false, reconnectPeriod: 100, resubscribe: true, ...login };
  const client: MqttClient = await connectAsync(url, options, false);
  // Without a listener an error would end the process; the client goes on by itself.
  client.on("error", () => {});
  client.on("message", (_topic, message) => take(message.toString("utf8")));
  const filters = ["up", "ack"].map(kind => `application/${applicationId}/device/+/event/${kind}`);
  await client.subscribeAsync(filters, { qos: 1 });
  return { ...notes, connected: () => client.connected, close: () => client.endAsync(true) };
}

/** Of every ten seconds it is away for three. */
const webhookCycleMs = { whole: 10_000, away: 3000 };

/** The receiver of an integration, which is not always there. */
export async function startWebhook(
  apiUrl: string,
  token: string,
  applicationId: string,
  nowMs: () => number,
): Promise<Subscriber> {
  const { take, ...notes } = startNotes(nowMs);
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", chunk => {
      body += chunk;
    });
    request.on("end", () => {
      const isAway = nowMs() % webhookCycleMs.whole < webhookCycleMs.away;
      if (!isAway) take(body);
      response.writeHead(isAway ? 503 : 204).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const response = await fetch(`${apiUrl}/api/integrations`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      applicationId,
      kind: "http",
      name: "chaos",
      settings: { url: `http://127.0.0.1:${port}/` },
      filter: { events: ["up", "ack"] },
    }),
  });
  if (response.status !== 201) throw new Error(`no integration was made: ${await response.text()}`);
  return {
    ...notes,
    connected: () => true,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

const passwordSchema = Type.Object({ password: Type.String() });

/** A user of one application at the broker inside. */
export async function makeLogin(apiUrl: string, token: string, applicationId: string): Promise<Login> {
  const username = "chaos-reader";
  const response = await fetch(`${apiUrl}/api/applications/${applicationId}/mqtt-credentials`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ username }),
  });
  return { username, password: Value.Parse(passwordSchema, await response.json()).password };
}

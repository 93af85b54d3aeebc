import { connectAsync, type MqttClient } from "mqtt";
import Type from "typebox";
import Value from "typebox/value";
import type { Delivery } from "./truth.ts";

/** An application that has to miss nothing: QoS 1, and a session that the broker keeps while the connection is down. */
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

/** Subscribed when it resolves; from then on the client connects again by itself. */
export async function startSubscriber(
  url: string,
  login: Login | undefined,
  applicationId: string,
  nowMs: () => number,
): Promise<Subscriber> {
  const deliveries: Delivery[] = [];
  const endedCommands = new Set<string>();
  const unreadable: string[] = [];
  const options = { clientId: "chaos-reader", clean: false, reconnectPeriod: 100, resubscribe: true, ...login };
  const client: MqttClient = await connectAsync(url, options, false);
  // Without a listener an error would end the process; the client goes on by itself.
  client.on("error", () => {});
  client.on("message", (_topic, message) => {
    const text = message.toString("utf8");
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
  });
  const filters = ["up", "ack"].map(kind => `application/${applicationId}/device/+/event/${kind}`);
  await client.subscribeAsync(filters, { qos: 1 });
  return {
    deliveries,
    endedCommands,
    unreadable,
    connected: () => client.connected,
    close: () => client.endAsync(true),
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

import { type IClientOptions, MqttClient } from "mqtt";
import type { SinkOutcome } from "../../integration-ports.ts";
import type { Outbound } from "../outbound.ts";
import { type TlsTexts, tlsOptionsOf } from "./fields.ts";

const connectMs = 10_000;

/** MQTT 5 reason codes that say something about the message: not authorized, topic, size, format. */
const refusals: ReadonlySet<unknown> = new Set([0x87, 0x90, 0x95, 0x99]);

/**
 * A client that is connected, and never connects a second time: what it has under way when it ends fails. Rejects with the
 * broker's reason; `closed` is told of every end.
 */
export function openMqtt(
  outbound: Outbound,
  { url, ...texts }: TlsTexts & { readonly url: string },
  options: IClientOptions,
  closed: (client: MqttClient) => void,
): Promise<MqttClient> {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === "mqtts:";
  const place = {
    host: hostname,
    port: Number(port) || (isTls ? 8883 : 1883),
    ...(isTls && { tls: tlsOptionsOf(texts) }),
  };
  return new Promise((resolve, reject) => {
    const client = new MqttClient(() => outbound.connect(place), {
      reconnectPeriod: 0,
      connectTimeout: connectMs,
      clean: true,
      queueQoSZero: false,
      resubscribe: false,
      ...options,
    });
    // Every message under way listens for the end.
    client.setMaxListeners(0);
    let reason = "the broker closed the connection";
    client.on("error", error => {
      reason = error.message;
    });
    client.on("close", () => {
      reject(new Error(reason));
      client.end(true);
      closed(client);
    });
    client.on("connect", () => resolve(client));
  });
}

/** Resolves when the broker has taken responsibility; with QoS 0, when it is written. */
export function published(
  client: MqttClient,
  topic: string,
  body: string,
  options: { readonly qos: 0 | 1; readonly retain: boolean },
  signal: AbortSignal,
): Promise<SinkOutcome> {
  return new Promise(resolve => {
    // The broker may close because of this very message, and says nothing else of it in MQTT 3.1.1.
    const closed = (): void => resolve({ kind: "failed", message: "the broker closed the connection" });
    client.once("close", closed);
    signal.addEventListener("abort", closed, { once: true });
    client.publish(topic, body, options, error => {
      client.off("close", closed);
      signal.removeEventListener("abort", closed);
      if (!error) return resolve({ kind: "delivered" });
      const isRefusal = "code" in error && refusals.has(error.code);
      resolve({ kind: isRefusal ? "rejected" : "failed", message: error.message });
    });
  });
}

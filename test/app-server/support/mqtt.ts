import { connect, connectAsync, type IClientOptions, type MqttClient } from "mqtt";

export interface Message {
  readonly topic: string;
  readonly body: Record<string, unknown>;
}

/** A client with a record of what came; `next` waits for a message that has not been taken yet. */
export async function connectClient(url: string, options: IClientOptions) {
  const client = connect(url, { reconnectPeriod: 0, connectTimeout: 5000, ...options });
  // Before it is connected: what waits for a lasting session can come in one piece with the CONNACK.
  const record = recordOf(client);
  const connected = Promise.withResolvers<void>();
  const refused = (reason?: Error) => connected.reject(reason ?? new Error("the connection is closed"));
  client
    .once("connect", () => connected.resolve())
    .once("error", refused)
    .once("close", refused);
  try {
    await connected.promise;
  } catch (error) {
    client.end(true);
    throw error;
  }
  client.off("error", refused).off("close", refused);
  return { client, ...record };
}

export function recordOf(client: MqttClient) {
  const messages: Message[] = [];
  const waiting: ((message: Message) => void)[] = [];
  client.on("message", (topic, payload) => {
    const message = { topic, body: JSON.parse(payload.toString()) };
    const taker = waiting.shift();
    if (taker === undefined) messages.push(message);
    else taker(message);
  });
  const next = (): Promise<Message> => {
    const message = messages.shift();
    return message === undefined ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve(message);
  };
  return { messages, next };
}

/** The reason that a connection is refused for. */
export async function connectError(url: string, options: IClientOptions): Promise<string> {
  try {
    const client = await connectAsync(url, { reconnectPeriod: 0, connectTimeout: 5000, ...options }, false);
    await client.endAsync(true);
    return "connected";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The SUBACK codes of one SUBSCRIBE. */
export function grantedFor(client: MqttClient, filters: readonly string[]): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    client.once("packetreceive", packet => {
      if (packet.cmd === "suback") resolve(packet.granted.map(Number));
    });
    client.on("error", reject);
    client.subscribe([...filters], { qos: 1 }, () => undefined);
  });
}

export const closed = (client: MqttClient): Promise<void> => new Promise(resolve => client.once("close", resolve));

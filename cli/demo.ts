import { connectAsync, type MqttClient } from "mqtt";
import Type from "typebox";
import Value from "typebox/value";
import { systemClock } from "../platform/clock.ts";
import { simulate } from "../simulators/simulate.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";

export interface DemoOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly udpPort: number;
  /** Of the embedded broker; without one readings are not shown. */
  readonly mqttPort?: number;
  /** Devices keep their sessions here between demos. */
  readonly stateFile: string;
  readonly signal: AbortSignal;
  write(text: string): void;
}

const applicationName = "Simulated devices";
const username = "demo";
const devices = 4;
const intervalSeconds = 8;

const eventSchema = Type.Object({
  deviceInfo: Type.Object({ deviceName: Type.String() }),
  devAddr: Type.Optional(Type.String()),
  fCnt: Type.Optional(Type.Integer()),
  dr: Type.Optional(Type.Integer()),
  object: Type.Optional(Type.Unknown()),
  description: Type.Optional(Type.String()),
  margin: Type.Optional(Type.Integer()),
  batteryLevel: Type.Optional(Type.Number()),
  batteryLevelUnavailable: Type.Optional(Type.Boolean()),
});

/** Simulated devices around a running server; prints their joins and readings until the signal. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { apiUrl, token, signal } = options;
  const api = createApiClient({ url: apiUrl, token: async () => token, interrupted: signal });
  const applicationId = await demoApplication(api);
  const watcher =
    options.mqttPort === undefined ? undefined : await watch(options, api, applicationId, options.mqttPort);
  options.write(
    "Four simulated devices (EU868, OTAA) start now, heard by one simulated gateway. Ctrl-C ends it all.\n\n",
  );
  try {
    await simulate(
      {
        udp: { host: "127.0.0.1", port: options.udpPort },
        api: { url: apiUrl, access: { token } },
        devices,
        gateways: 1,
        seed: 1,
        intervalSeconds,
        startWithinSeconds: 4,
        region: "EU868",
        stateFile: options.stateFile,
        signal,
        clock: systemClock,
      },
      { write: () => {} },
    );
  } finally {
    await watcher?.endAsync(true);
  }
}

/** The application that the simulated devices are put into. */
async function demoApplication(api: ApiClient): Promise<string> {
  const found = await itemNamed(api, "/applications", applicationName);
  if (found) return found;
  const tenantId = await itemNamed(api, "/tenants", "Default");
  const created = await api.record("POST", "/applications", { body: { tenantId, name: applicationName } });
  return String(created.id);
}

const listSchema = Type.Object({ items: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })) });

async function itemNamed(api: ApiClient, path: string, name: string): Promise<string | undefined> {
  const list = Value.Parse(listSchema, await api.call("GET", path));
  return list.items.find(item => item.name === name)?.id;
}

/** Subscribes as any program would, with a login that is made anew for each demo. */
async function watch(options: DemoOptions, api: ApiClient, applicationId: string, port: number): Promise<MqttClient> {
  const logins = `/applications/${applicationId}/mqtt-credentials`;
  if (await hasLogin(api, logins)) await api.call("DELETE", `${logins}/${username}`);
  const { password } = await api.record("POST", logins, { body: { username } });
  const topic = `application/${applicationId}/device/+/event/+`;
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { username, password: String(password) });
  client.on("message", (from, payload) => options.write(lineOf(from, payload.toString())));
  await client.subscribeAsync(topic, { qos: 1 });
  options.write(
    `Subscribe from another terminal with any MQTT client, for example:\n\n` +
      `  mosquitto_sub -h localhost -p ${port} -u ${username} -P ${String(password)} -t 'application/${applicationId}/device/+/event/up'\n\n`,
  );
  return client;
}

async function hasLogin(api: ApiClient, path: string): Promise<boolean> {
  const list = Value.Parse(
    Type.Object({ items: Type.Array(Type.Object({ username: Type.String() })) }),
    await api.call("GET", path),
  );
  return list.items.some(item => item.username === username);
}

function lineOf(topic: string, json: string): string {
  const kind = topic.split("/").at(-1) ?? "";
  const event: unknown = JSON.parse(json);
  if (!Value.Check(eventSchema, event)) return "";
  const time = new Date().toISOString().slice(11, 19);
  return `${time}  ${kind.padEnd(6)}  ${event.deviceInfo.deviceName.padEnd(22)}  ${textOf(kind, event)}\n`;
}

function textOf(kind: string, event: Type.Static<typeof eventSchema>): string {
  if (kind === "up") return `${JSON.stringify(event.object ?? {})}  (frame ${event.fCnt}, DR${event.dr})`;
  if (kind === "join") return `joined as ${event.devAddr}`;
  if (kind === "status")
    return `battery ${event.batteryLevelUnavailable ? "unknown" : `${event.batteryLevel} %`}, margin ${event.margin} dB`;
  return event.description ?? "";
}

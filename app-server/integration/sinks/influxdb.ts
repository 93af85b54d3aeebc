import Type, { type Static } from "typebox";
import type { SettingFault, Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { isObject, listAt, numberAt, objectAt, textAt } from "../json.ts";
import { filled } from "../placeholders.ts";
import { telemetryOf } from "../readings.ts";
import { caCertificate, clientTls, password, placeholderFaults, strict, urlFaults, username } from "./fields.ts";
import { type HttpAnswer, HttpClient, retryAfterMs } from "./http-client.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const Name = Type.String({ minLength: 1, maxLength: 200 });

const settingsSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^https?://[^/@{}\\s?#]+(/[^\\s?#{}]*)?$",
      maxLength: 500,
      description: "The server: https://influxdb.example.com:8086.",
    }),
    version: Type.Enum([1, 2, 3], { description: "Of InfluxDB." }),
    database: Type.Optional({ ...Name, description: "Of versions 1 and 3. It has to be there." }),
    retentionPolicy: Type.Optional({ ...Name, description: "Of version 1; the database's own unless given." }),
    organization: Type.Optional({ ...Name, description: "Of version 2." }),
    bucket: Type.Optional({ ...Name, description: "Of version 2. It has to be there." }),
    username,
    measurement: Type.Optional({
      ...Name,
      description: "Name of the measurement (the table), with placeholders; upchirp_{kind} unless given.",
    }),
    deviceTags: Type.Optional(
      Type.Array(Name, {
        maxItems: 20,
        description: "Tags of devices that become tags of the points; none unless given.",
      }),
    ),
    caCertificate,
  },
  strict,
);
const secretsSchema = Type.Object(
  {
    password,
    token: Type.Optional(
      Type.String({
        pattern: "^[!-~]+$",
        maxLength: 10_000,
        description: "Of versions 2 and 3, with the right to write.",
      }),
    ),
    ...clientTls,
  },
  strict,
);
type Settings = Static<typeof settingsSchema>;
type InfluxdbSecrets = Static<typeof secretsSchema>;

const timeoutSeconds = 20;

/** Line protocol has no escape for a backslash at the end of a name, nor for a new line in one. */
const plain = (text: string): string => text.replaceAll("\\", "/").replace(/[\r\n\0]+/g, " ");
const escapedMeasurement = (text: string): string => plain(text).replace(/[, ]/g, "\\$&");
const escapedName = (text: string): string => plain(text).replace(/[, =]/g, "\\$&");
/** Numbers are floats in every line: a field that was an integer once would be one for ever. */
const fieldValue = (value: number | boolean | string): string =>
  typeof value === "string" ? `"${value.replace(/["\\]/g, "\\$&")}"` : String(value);

const ownTags = ["applicationId", "applicationName", "devEui", "deviceName", "fPort"];

/** Undefined when there is nothing to write, or no time to write it at. */
function lineOf(
  message: SinkMessage,
  { measurement = "upchirp_{kind}", deviceTags = [] }: Settings,
): string | undefined {
  const info = objectAt(message.event, "deviceInfo");
  const device = objectAt(info, "tags");
  const tags = new Map([
    ...deviceTags.map(name => [name, textAt(device, name)] as const),
    ["applicationId", message.applicationId],
    ["applicationName", textAt(info, "applicationName")],
    ["devEui", message.devEui],
    ["deviceName", textAt(info, "deviceName")],
    ["fPort", String(numberAt(message.event, "fPort") ?? "")],
  ]);
  // A point has no second member of a name, and "time" is its time.
  const taken = new Set([...deviceTags, ...ownTags, "time"]);
  const fields = Array.from(
    telemetryOf(message),
    ([name, value]) => `${escapedName(taken.has(name) ? `${name}_` : name)}=${fieldValue(value)}`,
  );
  const timeMs = Date.parse(message.time);
  if (fields.length === 0 || !Number.isFinite(timeMs)) return undefined;
  const key = [...tags].flatMap(([name, value]) =>
    value === "" ? [] : [`,${escapedName(name)}=${escapedName(value)}`],
  );
  return `${escapedMeasurement(filled(measurement, message, String))}${key.join("")} ${fields} ${timeMs}`;
}

class InfluxdbSink implements Sink {
  readonly #settings: Settings;
  readonly #context: SinkContext;
  readonly #client: HttpClient;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(settings: Settings, secrets: InfluxdbSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.#client = new HttpClient(context.outbound, { ...settings, ...secrets });
    this.#url = writeUrl(settings);
    this.#headers = {
      "user-agent": "Upchirp",
      "content-type": "text/plain; charset=utf-8",
      ...authorization(settings, secrets),
    };
  }

  async deliver(messages: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    const lines = messages.flatMap(message => lineOf(message, this.#settings) ?? []);
    if (lines.length < messages.length) return { kind: "rejected", message: "it has no value that could be a field" };
    const body = Buffer.from(lines.join("\n"));
    const headers = { ...this.#headers, "content-length": body.length };
    const answer = await this.#client.send({ url: this.#url, method: "POST", headers, body, timeoutSeconds, signal });
    return outcomeOf(answer, this.#context.clock.nowMs());
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

function writeUrl({ url, version, database = "", retentionPolicy, organization = "", bucket = "" }: Settings): URL {
  const base = url.replace(/\/+$/, "");
  const written = {
    1: ["/write", { db: database, ...(retentionPolicy !== undefined && { rp: retentionPolicy }), precision: "ms" }],
    2: ["/api/v2/write", { org: organization, bucket, precision: "ms" }],
    // All lines or none; else those that are good are written, and what is wrong with the others is told once.
    3: ["/api/v3/write_lp", { db: database, precision: "millisecond", accept_partial: "false" }],
  } as const;
  const [path, query] = written[version];
  return new URL(`${base}${path}?${new URLSearchParams(query)}`);
}

function authorization(
  { version, username }: Settings,
  { password = "", token }: InfluxdbSecrets,
): Record<string, string> {
  if (version === 1) {
    return username === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  }
  return token === undefined ? {} : { authorization: `${version === 2 ? "Token" : "Bearer"} ${token}` };
}

/** What the server says of it, in the shapes of all three versions. */
function reasonOf(text: string): string {
  try {
    const said: unknown = JSON.parse(text);
    if (!isObject(said)) return text;
    const [line] = listAt(said, "data").filter(isObject);
    return [textAt(said, "error") || textAt(said, "message"), line === undefined ? "" : textAt(line, "error_message")]
      .filter(part => part !== "")
      .join(": ");
  } catch {
    return text;
  }
}

function outcomeOf({ status, retryAfter, text }: HttpAnswer, nowMs: number): SinkOutcome {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const message = `the server answered ${status}: ${reasonOf(text).slice(0, 300)}`;
  // Lines that are none, a field that is of another type, a time beyond what is kept; too much at once.
  if ([400, 413, 422].includes(status)) return { kind: "rejected", message };
  if (status === 500) return { kind: "failed", message };
  const waitMs = retryAfterMs(retryAfter, nowMs);
  return { kind: "unavailable", message, ...(waitMs !== undefined && { retryAfterMs: waitMs }) };
}

const membersOf = { 1: ["database"], 2: ["organization", "bucket"], 3: ["database"] } as const;
const foreignTo = {
  1: ["organization", "bucket"],
  2: ["database", "retentionPolicy", "username"],
  3: ["organization", "bucket", "retentionPolicy", "username"],
} as const;

function faults(settings: Settings): readonly SettingFault[] {
  const { url, version, measurement } = settings;
  return [
    ...urlFaults(url, "https://influxdb.example.com:8086"),
    ...membersOf[version]
      .filter(name => settings[name] === undefined)
      .map(name => ({ path: `/settings/${name}`, message: `InfluxDB ${version} needs it` })),
    ...foreignTo[version]
      .filter(name => settings[name] !== undefined)
      .map(name => ({ path: `/settings/${name}`, message: `InfluxDB ${version} has no such thing` })),
    ...placeholderFaults("/settings/measurement", measurement),
  ];
}

/** InfluxDB 1, 2 and 3, by line protocol over HTTP. */
export const influxdbSink = defineSink({
  kind: "influxdb",
  title: "InfluxDB",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxBatch: 500,
  maxInFlight: 4,
  faults,
  open: (settings, secrets, context) => new InfluxdbSink(settings, secrets, context),
});

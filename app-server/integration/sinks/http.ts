import { createHmac } from "node:crypto";
import Type, { type Static } from "typebox";
import type { SettingFault, Sink, SinkMessage, SinkOutcome } from "../../integration-ports.ts";
import { filled, unknownPlaceholders } from "../placeholders.ts";
import { strict } from "./fields.ts";
import { HttpClient, retryAfterMs } from "./http-client.ts";
import { defineSink, type SinkContext } from "./kind.ts";

const Url = Type.String({ pattern: "^https?://[^/{}@\\s]+(/\\S*)?$", maxLength: 2000 });
const Headers = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$" }),
  Type.String({ pattern: "^[ -~]*$", maxLength: 4000 }),
  { maxProperties: 50, additionalProperties: false },
);

const settingsSchema = Type.Object(
  {
    url: Type.String({
      ...Url,
      description: "Where messages are sent; {devEui} and other placeholders may stand behind the host.",
    }),
    urls: Type.Optional(
      Type.Partial(
        Type.Object(
          { up: Url, join: Url, ack: Url, txack: Url, log: Url, status: Url, location: Url, alert: Url },
          strict,
        ),
        { ...strict, description: "Other addresses for single kinds of events." },
      ),
    ),
    method: Type.Optional(Type.Enum(["POST", "PUT"], { description: "POST unless given." })),
    headers: Type.Optional({ ...Headers, description: "Further headers that are no secret." }),
    timeoutSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 30, description: "Time for the whole answer; 10 unless given." }),
    ),
    maxRequests: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        description: "Requests under way at once, each of another device; 16 unless given.",
      }),
    ),
    caCertificate: Type.Optional(
      Type.String({ maxLength: 100_000, description: "PEM: authorities that the receiver's certificate is of." }),
    ),
  },
  strict,
);
const secretsSchema = Type.Object(
  {
    signingKey: Type.Optional(
      Type.String({
        pattern: "^(whsec_)?[A-Za-z0-9+/]{32,88}={0,2}$",
        description: "Base64 of 24 to 64 bytes; messages are signed with it.",
      }),
    ),
    headers: Type.Optional({ ...Headers, description: "Further headers, like Authorization." }),
    clientCertificate: Type.Optional(Type.String({ maxLength: 100_000, description: "PEM." })),
    clientKey: Type.Optional(Type.String({ maxLength: 100_000, description: "PEM: its key." })),
  },
  strict,
);

type Settings = Static<typeof settingsSchema>;
type HttpSecrets = Static<typeof secretsSchema>;

/** They are the connection's, or ours. */
const ownHeaders =
  /^(host|content-length|content-type|transfer-encoding|connection|upgrade|te|trailer|expect|keep-alive|proxy-.*|webhook-.*)$/i;

function faults(settings: Settings, secrets: HttpSecrets): readonly SettingFault[] {
  const urls: readonly (readonly [path: string, url: string])[] = [
    ["/settings/url", settings.url],
    ...Object.entries(settings.urls ?? {}).map(([kind, url]) => [`/settings/urls/${kind}`, url] as const),
  ];
  const found = urls.flatMap(([path, url]) => {
    const [unknown] = unknownPlaceholders(url);
    if (unknown !== undefined) return [{ path, message: `there is no placeholder {${unknown}}` }];
    return URL.canParse(url) ? [] : [{ path, message: "must be an address like https://example.com/upchirp" }];
  });
  const named = [
    ...Object.keys(settings.headers ?? {}).map(name => ["/settings/headers", name] as const),
    ...Object.keys(secrets.headers ?? {}).map(name => ["/secrets/headers", name] as const),
  ].filter(([, name]) => ownHeaders.test(name));
  return [...found, ...named.map(([path, name]) => ({ path, message: `the header ${name} is not to be set` }))];
}

/** Standard Webhooks: what is signed is the id, the time and the body. */
function signatureOf(key: string, id: string, timestamp: number, body: string): string {
  const secret = Buffer.from(key.replace(/^whsec_/, ""), "base64");
  return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

class HttpSink implements Sink {
  readonly #settings: Settings;
  readonly #secrets: HttpSecrets;
  readonly #context: SinkContext;
  readonly #client: HttpClient;

  constructor(settings: Settings, secrets: HttpSecrets, context: SinkContext) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#context = context;
    this.#client = new HttpClient(context.outbound, { ...settings, ...secrets });
  }

  async deliver([message]: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome> {
    if (message === undefined) return { kind: "delivered" };
    const { urls, url: common } = this.#settings;
    const url = new URL(filled(urls?.[message.kind] ?? common, message, encodeURIComponent));
    const { method = "POST", timeoutSeconds = 10 } = this.#settings;
    const body = Buffer.from(message.body);
    const headers = this.#headers(message, body.length);
    const { status, retryAfter } = await this.#client.send({ url, method, headers, body, timeoutSeconds, signal });
    return outcomeOf(status, retryAfter, this.#context.clock.nowMs());
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #headers(message: SinkMessage, length: number): Record<string, string | number> {
    const { deduplicationId: id, kind, body } = message;
    const timestamp = Math.floor(this.#context.clock.nowMs() / 1000);
    const { signingKey } = this.#secrets;
    return {
      "user-agent": "Upchirp",
      ...this.#settings.headers,
      ...this.#secrets.headers,
      "content-type": "application/json",
      "content-length": length,
      "upchirp-event": kind,
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      ...(signingKey && { "webhook-signature": signatureOf(signingKey, id, timestamp, body) }),
    };
  }
}

function outcomeOf(status: number, retryAfter: string | undefined, nowMs: number): SinkOutcome {
  const said = `the receiver answered ${status}`;
  const waitMs = retryAfterMs(retryAfter, nowMs);
  const unavailable = (message: string): SinkOutcome => ({
    kind: "unavailable",
    message,
    ...(waitMs !== undefined && { retryAfterMs: waitMs }),
  });
  if (status >= 200 && status < 300) return { kind: "delivered" };
  if (status === 410) return { kind: "gone", message: `${said}: it wants nothing any more` };
  if ([408, 425, 429, 502, 503, 504].includes(status)) return unavailable(said);
  // Nothing against this message: another key or address mends it for all of them.
  if ([401, 403, 407].includes(status)) return unavailable(`${said}: it does not accept the credentials`);
  if (status < 400) return unavailable(`${said}: redirections are not followed, set the address that it names`);
  if (status < 500) return { kind: "rejected", message: said };
  return { kind: "failed", message: said };
}

/** Webhooks: each message is a request of its own. */
export const httpSink = defineSink({
  kind: "http",
  title: "HTTP webhook",
  settings: settingsSchema,
  secrets: secretsSchema,
  maxInFlight: ({ maxRequests = 16 }) => maxRequests,
  faults,
  open: (settings, secrets, context) => new HttpSink(settings, secrets, context),
});

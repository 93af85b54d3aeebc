import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { isIP } from "node:net";
import type { Outbound } from "../outbound.ts";
import { type TlsTexts, tlsOptionsOf } from "./fields.ts";

export interface HttpCall {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
  /** For the whole answer. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** What it says, up to 64 KiB. */
  readonly text: string;
}

const maxAnswerBytes = 64 * 1024;

/** Requests to addresses that were checked, over connections that are used again. Redirections are not followed. */
export class HttpClient {
  readonly #outbound: Outbound;
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent };

  constructor(outbound: Outbound, tls: TlsTexts) {
    this.#outbound = outbound;
    const pooled = { keepAlive: true, keepAliveMsecs: 30_000, lookup: outbound.lookup };
    this.#agents = { http: new HttpAgent(pooled), https: new HttpsAgent({ ...pooled, ...tlsOptionsOf(tls) }) };
  }

  /** Rejects when there is no answer in time, and with ForbiddenAddress. */
  async send(call: HttpCall): Promise<HttpAnswer> {
    // Nobody looks up what is an address already.
    const host = call.url.hostname.replace(/^\[(.*)\]$/, "$1");
    if (isIP(host) !== 0) await this.#outbound.resolve(host);
    return this.#answer(call);
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #answer({ url, method, headers, body, timeoutSeconds, signal }: HttpCall): Promise<HttpAnswer> {
    const options: RequestOptions = {
      method,
      headers,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]),
    };
    return new Promise((resolve, reject) => {
      const answered = (response: IncomingMessage): void => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        const done = (): void =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers["retry-after"],
            text: Buffer.concat(chunks).toString(),
          });
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          // Nobody needs all of that; a connection that says so much is not used again.
          if (bytes <= maxAnswerBytes) return;
          done();
          response.destroy();
        });
        response.on("end", done);
        response.on("error", reject);
      };
      const request =
        url.protocol === "https:"
          ? requestHttps(url, { ...options, agent: this.#agents.https }, answered)
          : requestHttp(url, { ...options, agent: this.#agents.http }, answered);
      request.on("error", error =>
        reject(error.name === "AbortError" ? new Error(`no answer within ${timeoutSeconds} s`) : error),
      );
      request.end(body);
    });
  }
}

/** RFC 9110 10.2.3: seconds, or a date. */
export function retryAfterMs(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

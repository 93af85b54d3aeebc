import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

export interface PosterOptions {
  readonly url: string;
  readonly token?: string;
  /** PEM texts for https; `ca` in place of the system's authorities. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Until the whole answer is there. */
  readonly timeoutMs: number;
}

/** Longer than any answer of TS002. */
const maxAnswerBytes = 64 * 1024;

/**
 * Posts JSON to one address over connections that are kept, and gives the JSON that comes back. The `fetch` of Node takes
 * no client certificate. Rejects, also for an answer that is a redirection or no JSON.
 */
export function createPoster(options: PosterOptions): (body: unknown) => Promise<unknown> {
  const { url, token, ca, certificate: cert, key, timeoutMs } = options;
  const isTls = new URL(url).protocol === "https:";
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  const agent = isTls ? new HttpsAgent({ keepAlive: true, ...tls }) : new HttpAgent({ keepAlive: true });
  const open = isTls ? requestHttps : requestHttp;
  return async body => {
    const text = JSON.stringify(body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const sent = open(url, { method: "POST", agent, headers, signal: AbortSignal.timeout(timeoutMs) }, response => {
      readJson(response).then(resolve, reject);
    });
    sent.on("error", reject);
    sent.end(text);
    return promise;
  };
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const { statusCode = 0 } = response;
  if (statusCode >= 300 && statusCode < 400) {
    response.destroy();
    throw new Error(`a redirection (${statusCode})`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes: Uint8Array = chunk;
    length += bytes.length;
    if (length > maxAnswerBytes) {
      response.destroy();
      throw new Error(`an answer of more than ${maxAnswerBytes} bytes`);
    }
    chunks.push(bytes);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

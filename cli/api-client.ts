import Type from "typebox";
import Value from "typebox/value";
import { CommandFailed } from "./errors.ts";

/** Anything of the API: commands show fields by name and do not depend on all of them. */
export type ApiRecord = Readonly<Record<string, unknown>>;

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiClient {
  /** The answer's JSON; undefined for an answer without content. Throws CommandFailed. */
  call(method: Method, path: string, request?: ApiRequest): Promise<unknown>;
  /** As `call`, for answers that are one object. */
  record(method: Method, path: string, request?: ApiRequest): Promise<ApiRecord>;
  /** Makes a record; undefined when there is one with this key already (409). */
  create(path: string, body: unknown): Promise<ApiRecord | undefined>;
  /** As `record`, and undefined for 404. */
  find(path: string): Promise<ApiRecord | undefined>;
  /** All pages of a list, until there are `limit` items. */
  list(path: string, query: ApiRequest["query"], limit: number): Promise<ApiList>;
  /** Sends a file as it is read. Errors as in `call`. */
  upload(path: string, query: ApiRequest["query"], file: AsyncIterable<Uint8Array>): Promise<ApiRecord>;
  /** The whole response, for streams. Errors as in `call`. */
  open(path: string, request: ApiRequest, signal: AbortSignal): Promise<Response>;
}

interface ApiList {
  readonly items: readonly ApiRecord[];
  readonly hasMore: boolean;
}

export interface ApiAddress {
  readonly url: string;
  /** Asked for when the first request is made. */
  token(): Promise<string>;
  /** Ends requests under way. */
  readonly interrupted?: AbortSignal;
}

const Page = Type.Object({
  items: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  next: Type.Optional(Type.String()),
});
const ObjectAnswer = Type.Record(Type.String(), Type.Unknown());
const Problem = Type.Object({
  detail: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
});

/** Most items of one page that the API gives. */
const pageSize = 1000;

/** A problem document as one sentence, with the fields that it names: `... (keys.appKey: must match pattern)`. */
function problemSentence(document: unknown, status: number): string {
  if (!Value.Check(Problem, document)) return `the server answers ${status}`;
  const faults = (document.errors ?? []).map(({ path, message }) => {
    const field = path
      .replace(/^\/(body|querystring|params)/, "")
      .replace(/^\//, "")
      .replaceAll("/", ".");
    return [field, message].filter(text => text !== "" && text !== document.detail).join(": ");
  });
  const known = faults.filter(fault => fault !== "");
  return known.length === 0 ? document.detail : `${document.detail.replace(/\.$/, "")}: ${known.join("; ")}`;
}

class RefusedRequest extends CommandFailed {
  readonly status: number;

  constructor(status: number, message: string) {
    super("request_refused", message);
    this.status = status;
  }
}

const unexpected = (url: string): CommandFailed =>
  new CommandFailed("unexpected_answer", `what answers at ${url} is not the API of Upchirp`);

async function jsonOf(response: Response, url: string): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    throw unexpected(url);
  }
}

async function refusalOf(response: Response, url: string): Promise<RefusedRequest | CommandFailed> {
  const { status } = response;
  if (!/\bjson\b/.test(response.headers.get("content-type") ?? "")) return unexpected(url);
  const sentence = problemSentence(await jsonOf(response, url), status);
  if (status === 401) return new RefusedRequest(status, `the server at ${url} does not accept the API key given`);
  return new RefusedRequest(status, sentence);
}

function addressOf(url: string, path: string, query: ApiRequest["query"] = {}): string {
  const address = new URL(`${url.replace(/\/+$/, "")}/api${path}`);
  for (const [name, value] of Object.entries(query)) {
    for (const one of value === undefined ? [] : [value].flat()) address.searchParams.append(name, one);
  }
  return address.href;
}

/** The REST API of a running server. */
export function createApiClient({ url, token, interrupted }: ApiAddress): ApiClient {
  async function authorizationOf(): Promise<string> {
    const secret = await token();
    // Told apart from a server that is not there; what was given is not repeated.
    if (!/^[!-~]+$/.test(secret)) throw new CommandFailed("no_token", "the API key given is none");
    return `Bearer ${secret}`;
  }

  async function send(method: Method, path: string, request: ApiRequest = {}, signal = interrupted): Promise<Response> {
    const headers: Record<string, string> = { ...request.headers, authorization: await authorizationOf() };
    if (request.body !== undefined) headers["content-type"] = "application/json";
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
    const init = { method, headers, ...body, ...(signal && { signal }) };
    const response = await fetch(addressOf(url, path, request.query), init).catch(() => {
      throw new CommandFailed(
        "no_server",
        `no server answers at ${url}; start one with \`npx upchirp start\`, or name it with --url`,
      );
    });
    if (!response.ok) throw await refusalOf(response, url);
    return response;
  }

  const call: ApiClient["call"] = async (method, path, request) => jsonOf(await send(method, path, request), url);
  const record: ApiClient["record"] = async (method, path, request) => {
    const answer = await call(method, path, request);
    if (!Value.Check(ObjectAnswer, answer)) throw unexpected(url);
    return answer;
  };
  const upload: ApiClient["upload"] = async (path, query, file) => {
    const authorization = await authorizationOf();
    const response = await fetch(addressOf(url, path, query), {
      method: "POST",
      headers: { authorization, "content-type": "application/octet-stream" },
      body: ReadableStream.from(file),
      duplex: "half",
      ...(interrupted && { signal: interrupted }),
    }).catch(() => {
      throw new CommandFailed(
        "no_server",
        `the connection to ${url} was lost; run the same command again, and it goes on where it stopped`,
      );
    });
    if (!response.ok) throw await refusalOf(response, url);
    const answer = await jsonOf(response, url);
    if (!Value.Check(ObjectAnswer, answer)) throw unexpected(url);
    return answer;
  };
  const unless = (answered: number) => (error: unknown) => {
    if (error instanceof RefusedRequest && error.status === answered) return undefined;
    throw error;
  };
  return {
    call,
    record,
    create: (path, body) => record("POST", path, { body }).catch(unless(409)),
    find: path => record("GET", path).catch(unless(404)),
    list: async (path, query, limit) => {
      const items: ApiRecord[] = [];
      let after: string | undefined;
      do {
        const wanted = String(Math.min(pageSize, limit - items.length));
        const page = await call("GET", path, { query: { ...query, limit: wanted, after } });
        if (!Value.Check(Page, page)) throw unexpected(url);
        items.push(...page.items);
        after = page.next;
      } while (after !== undefined && items.length < limit);
      return { items, hasMore: after !== undefined };
    },
    upload,
    open: (path, request, signal) => send("GET", path, request, signal),
  };
}

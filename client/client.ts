import createFetchClient, { type Client as FetchClient } from "openapi-fetch";
import { followEvents, type Opened } from "./live-events.ts";
import type { components, paths } from "./openapi.d.ts";

/** Records of the API, by name: `Schemas["Device"]`. */
export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

export interface ClientOptions {
  /** Where the server is, without `/api`: `http://localhost:8080`. */
  readonly url: string;
  /** An API key, or the token of a login. */
  readonly token: string;
  /** What carries requests out instead of the global `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

export type EventQuery = Omit<NonNullable<paths["/api/events"]["get"]["parameters"]["query"]>, "lastEventId">;

export interface EventOptions {
  /** Of the last event that was read before: what came since is given first, or a `gap` when it is not known any more. */
  readonly lastEventId?: string;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** What a device said; or `gap`, when events are missing here. */
export interface LiveEvent {
  readonly kind: string;
  /** For `lastEventId` of a later stream. */
  readonly id?: string;
  /** The JSON that MQTT has too. */
  readonly content: unknown;
}

export interface Client extends FetchClient<paths> {
  /**
   * What devices say from now on. A connection that is lost is opened again, and goes on after the last event that was
   * given. Throws ApiProblem when the server refuses for good, as it does once the token has ended; and what `fetch` throws
   * when the server cannot be reached at first.
   */
  events(query?: EventQuery, options?: EventOptions): AsyncGenerator<LiveEvent>;
}

/** An answer of the API that says why it did not do what it was asked. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The data of an answer. Throws ApiProblem when there is a problem instead. */
export function dataOf<Data>(answer: { readonly data?: Data; readonly error?: Problem }): NonNullable<Data> {
  if (answer.error !== undefined) throw new ApiProblem(answer.error);
  if (answer.data === undefined || answer.data === null) throw new TypeError("the answer has no content");
  return answer.data;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

/**
 * Every item of a list, page after page: `allItems(page => client.GET("/api/devices", { params: { query: { ...page } } }))`.
 * Throws ApiProblem.
 */
export async function* allItems<Item>(
  read: (page: { after?: string }) => Promise<{ readonly data?: Page<Item>; readonly error?: Problem }>,
): AsyncGenerator<Item> {
  let page: Page<Item> = dataOf(await read({}));
  yield* page.items;
  while (page.next !== undefined) {
    page = dataOf(await read({ after: page.next }));
    yield* page.items;
  }
}

/** Answers that may be others when asked again. */
const isPassing = (status: number): boolean => status === 429 || status >= 500;

/** Throws ApiProblem for a refusal that is not passing. */
function openedOf(answer: {
  readonly data?: ReadableStream<Uint8Array> | null;
  readonly error?: Problem;
  readonly response: Response;
}): Opened {
  const { error, response } = answer;
  if (error === undefined || !isPassing(response.status)) return { kind: "open", body: dataOf(answer) };
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  return { kind: "failed", fault: new ApiProblem(error), retryAfterMs: seconds > 0 ? seconds * 1000 : 0 };
}

/** A client of one server: an operation for each of its OpenAPI document, typed by it, and its stream of events. */
export function createClient({ url, token, fetch }: ClientOptions): Client {
  const client = createFetchClient<paths>({
    baseUrl: url,
    headers: { authorization: `Bearer ${token}` },
    ...(fetch && { fetch }),
  });
  async function* events(query: EventQuery = {}, options: EventOptions = {}): AsyncGenerator<LiveEvent> {
    const { lastEventId, signal = new AbortController().signal } = options;
    const open = async (lastId: string | undefined, connection: AbortSignal): Promise<Opened> => {
      const header = lastId === undefined ? {} : { "Last-Event-ID": lastId };
      const opening = { params: { query, header }, parseAs: "stream", signal: connection } as const;
      return client.GET("/api/events", opening).then(openedOf, fault => ({ kind: "failed", fault, retryAfterMs: 0 }));
    };
    for await (const { name, data, id } of followEvents({ open, lastEventId, signal })) {
      const content: unknown = JSON.parse(data);
      yield { kind: name, content, ...(id !== undefined && { id }) };
    }
  }
  return { ...client, events };
}

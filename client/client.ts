import createFetchClient, { type Client as FetchClient } from "openapi-fetch";
import type { components, paths } from "./openapi.d.ts";
import { readServerSentEvents } from "./server-sent-events.ts";

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

export type EventQuery = NonNullable<paths["/api/events"]["get"]["parameters"]["query"]>;

export interface EventOptions {
  /** Of the last event that was read before: what came since is given first, or a `gap` when it is not known any more. */
  readonly lastEventId?: string;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** What a device said; or `gap`, when events are missing here; or `end`, with the server's reason to end the stream. */
export interface LiveEvent {
  readonly kind: string;
  /** For `lastEventId` of a later stream. */
  readonly id?: string;
  /** The JSON that MQTT has too. */
  readonly content: unknown;
}

export interface Client extends FetchClient<paths> {
  /** What devices say from now on, until the connection ends. Throws ApiProblem when the server refuses. */
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

/** A client of one server: an operation for each of its OpenAPI document, typed by it, and its stream of events. */
export function createClient({ url, token, fetch }: ClientOptions): Client {
  const client = createFetchClient<paths>({
    baseUrl: url,
    headers: { authorization: `Bearer ${token}` },
    ...(fetch && { fetch }),
  });
  async function* events(query: EventQuery = {}, options: EventOptions = {}): AsyncGenerator<LiveEvent> {
    const { lastEventId, signal } = options;
    const header = lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId };
    const body = dataOf(
      await client.GET("/api/events", { params: { query, header }, parseAs: "stream", ...(signal && { signal }) }),
    );
    for await (const { name, data, id } of readServerSentEvents(body)) {
      const content: unknown = JSON.parse(data);
      yield { kind: name, content, ...(id !== undefined && { id }) };
    }
  }
  return { ...client, events };
}

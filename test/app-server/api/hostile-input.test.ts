import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Method, startTestApi, type TestApi } from "../../support/api.ts";
import { bodyOf } from "../../support/api-bodies.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";
import { raisedAlert } from "../../support/raised-alert.ts";

const Operation = Type.Object({
  parameters: Type.Optional(Type.Array(Type.Object({ name: Type.String(), in: Type.String() }))),
  responses: Type.Record(
    Type.String(),
    Type.Object({ content: Type.Optional(Type.Record(Type.String(), Type.Unknown())) }),
  ),
  requestBody: Type.Optional(
    Type.Object({
      content: Type.Record(
        Type.String(),
        // A file has none.
        Type.Object({ schema: Type.Object({ properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())) }) }),
      ),
    }),
  ),
});
const Document = Type.Object({ paths: Type.Record(Type.String(), Type.Record(Type.String(), Operation)) });

interface Route {
  readonly method: Method;
  readonly path: string;
  readonly operation: Static<typeof Operation>;
}

/** Shapes that break careless code, as JSON: wrong types, ends of ranges, text that databases refuse. */
const hostileValues: readonly string[] = [
  "null",
  "true",
  "-1",
  "0",
  "1.5",
  "2147483648",
  "1e308",
  "1e999",
  "-9007199254740993",
  "NaN",
  '""',
  '" "',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  JSON.stringify("\u{1f642}".repeat(200)),
  JSON.stringify("a".repeat(20_000)),
  '"\'; drop table users; --"',
  "[]",
  "[[[]]]",
  "{}",
  '{"a":"\\u0000"}',
  '{"\\ud800":"a"}',
  '{"a\\nb":5}',
  '{"kind":"networks"}',
  '{"__proto__":{"isAdministrator":true}}',
  '{"constructor":{"prototype":{}}}',
  '{"latitude":1e308,"longitude":0,"altitude":0}',
];
/** Costly to read, and read before anything looks at the member: once a route is enough. */
const deepValues: readonly string[] = [
  `${"[".repeat(5000)}${"]".repeat(5000)}`,
  `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
];
const hostileBodies: readonly string[] = [
  "",
  "{",
  "null",
  "[]",
  '"x"',
  "5",
  '{"__proto__":{"a":1}}',
  '{"unknown":1}',
  "{}",
];
const hostileTexts: readonly string[] = [
  "..%2f..%2fetc%2fpasswd",
  "%2e%2e/%2e%2e/users",
  "__proto__",
  "constructor",
  // Cursors of pages that never were: base64url of null, [], [1,2,3], {"__proto__":1}, and of no JSON.
  "bnVsbA",
  "W10",
  "WzEsMiwzXQ",
  "eyJfX3Byb3RvX18iOjF9",
  "_w",
  "",
  " ",
  "%00",
  "%ff",
  "..",
  "x",
  "-1",
  "1e9",
  "'",
  "%ED%A0%80",
  "a".repeat(3000),
  "[]=1",
];

/** Headers that something here reads. */
const hostileHeaders: readonly Readonly<Record<string, string>>[] = [
  { "if-match": '"' },
  { "if-match": `${"x,".repeat(4000)}`, "if-none-match": "*" },
  { "idempotency-key": "k".repeat(8000) },
  { "idempotency-key": "\u00ff " },
  { "last-event-id": "9".repeat(8000) },
  { authorization: "Bearer" },
  { authorization: `Bearer upc_${"x".repeat(8000)}` },
  { authorization: "Bearer eyJ.eyJ.x" },
  { authorization: "", cookie: `upchirp_session=%00; upchirp_browser=${".".repeat(5000)}; upchirp_oidc=x` },
  { accept: "nonsense", "accept-encoding": "x", origin: "null", host: "[" },
];
const otherKinds = [
  "text/plain",
  "application/xml",
  "application/json; charset=utf-16",
  "multipart/form-data",
  "nonsense",
];

let api: TestApi;
let headers: Readonly<Record<string, string>>;
let ids: Readonly<Record<string, string>>;
let routes: readonly Route[];
let base: string;
/** Routes that something hostile was sent to. */
const walked = new Set<string>();

beforeAll(async () => {
  api = await startTestApi();
  base = await api.app.listen({ host: "127.0.0.1", port: 0 });
  headers = await api.keyFor("administrator", null);
  const { tenant, application, profile, device } = await addTenantWithDevice(api.repositories, "T", "0000000000000001");
  const gatewayId = "00000000000000aa";
  await api.call("POST", "/api/gateways", { gatewayId, tenantId: tenant.id, name: "roof" });
  ids = {
    tenantId: tenant.id,
    applicationId: application.id,
    deviceProfileId: profile.id,
    devEui: device.devEui,
    gatewayId,
    apiKeyId: tenant.id,
    userId: tenant.id,
    username: "x",
    itemId: "x",
    alertId: await raisedAlert(api.sql, tenant.id, application.id),
    kind: "battery-low",
  };
  const { paths } = Value.Parse(Document, (await api.call("GET", "/api/openapi.json")).json());
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ method: methodOf(method), path, operation })),
  );
});
afterAll(() => api.end());

const methods: readonly Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const methodOf = (text: string): Method => methods.find(method => method === text.toUpperCase()) ?? "GET";

const urlOf = (path: string, replaced: Readonly<Record<string, string>> = {}): string =>
  path.replace(/\{(\w+)\}/g, (_text, name: string) => replaced[name] ?? ids[name] ?? "");

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Of a device named `..` the events are those of everybody. */
const isStream = ({ operation }: Route, url: string): boolean =>
  operation.responses["200"]?.content?.["text/event-stream"] !== undefined ||
  new URL(url, base).pathname === "/api/events";

async function send(route: Route, url: string, payload?: string, more: object = {}): Promise<Answer> {
  walked.add(`${route.method} ${route.path}`);
  if (isStream(route, url)) return sendToStream(url, more);
  const answer = await api.app.inject({
    method: route.method,
    url,
    headers: { ...headers, ...(payload !== undefined && { "content-type": "application/json" }), ...more },
    ...(payload !== undefined && { payload }),
  });
  return { status: answer.statusCode, type: String(answer.headers["content-type"]), body: answer.body };
}

/** A stream that opens has no end to wait for. */
async function sendToStream(url: string, more: object): Promise<Answer> {
  const leaving = new AbortController();
  const { host: _host, ...allowed } = { host: "", ...headers, ...more };
  const answer = await fetch(`${base}${url}`, { headers: allowed, signal: leaving.signal });
  const isOpen = answer.status === 200;
  const body = isOpen ? "" : await answer.text();
  if (isOpen) leaving.abort();
  return { status: answer.status, type: answer.headers.get("content-type") ?? "", body };
}

/** An answer below 500; a refusal is a problem document that says what it is. */
function expectSound({ status, type, body }: Answer, what: string): void {
  expect(status, `${what.slice(0, 300)}: ${body}`).toBeLessThan(500);
  if (status < 400) return;
  expect(type, `${what.slice(0, 300)}: ${body}`).toContain("application/problem+json");
  expect(JSON.parse(body)).toMatchObject({ status, code: expect.stringMatching(/^[a-z0-9_]+$/) });
}

/** Names of the members of the body, where it is an object. */
const membersOf = ({ operation: { requestBody } }: Route): readonly string[] | undefined => {
  const { properties } = Object.values(requestBody?.content ?? {})[0]?.schema ?? {};
  return properties && Object.keys(properties);
};

function* hostileRequests(route: Route): Generator<string> {
  const names = membersOf(route);
  if (names === undefined) return;
  yield* hostileBodies;
  const base = bodyOf(`${route.method} ${route.path}`, ids) ?? {};
  for (const [index, name] of names.entries()) {
    const { [name]: _replaced, ...rest } = base;
    const members = Object.entries(rest).map(([member, value]) => `${JSON.stringify(member)}:${JSON.stringify(value)}`);
    const values = index === 0 ? [...hostileValues, ...deepValues] : hostileValues;
    for (const value of values) yield `{${[...members, `${JSON.stringify(name)}:${value}`].join(",")}}`;
  }
}

describe("no input is a fault of the server:", () => {
  test("bodies of wrong shapes", { timeout: 120_000 }, async () => {
    let sent = 0;
    for (const route of routes) {
      for (const body of hostileRequests(route)) {
        sent += 1;
        expectSound(await send(route, urlOf(route.path), body), `${route.method} ${route.path} ${body}`);
      }
    }
    expect(sent).toBeGreaterThan(1000);
  });

  test("wrong identifiers in paths", async () => {
    for (const route of routes) {
      for (const { name } of (route.operation.parameters ?? []).filter(parameter => parameter.in === "path")) {
        for (const text of hostileTexts) {
          const url = urlOf(route.path, { [name]: text });
          const body =
            route.operation.requestBody && JSON.stringify(bodyOf(`${route.method} ${route.path}`, ids) ?? {});
          const answer = await send(route, url, body);
          expect(answer.status, `${route.method} ${url.slice(0, 300)}: ${answer.body}`).toBeLessThan(500);
        }
      }
    }
  });

  test("wrong queries", { timeout: 120_000 }, async () => {
    for (const route of routes) {
      for (const { name } of (route.operation.parameters ?? []).filter(parameter => parameter.in === "query")) {
        const values = [...hostileTexts.map(text => `=${text}`), `=x&${name}=y`, "[a]=x&limit=x", "[]=1"];
        for (const value of values) {
          const query = `${name}${value}`;
          expectSound(await send(route, `${urlOf(route.path)}?${query}`), `${route.method} ${route.path}?${query}`);
        }
      }
    }
  });

  test("bodies of other kinds", async () => {
    for (const route of routes.filter(route => membersOf(route) !== undefined)) {
      for (const type of otherKinds) {
        const what = `${route.method} ${route.path} ${type}`;
        const answer = await send(route, urlOf(route.path), "<a/>", { "content-type": type });
        expectSound(answer, what);
        expect(answer.status, what).toBeGreaterThanOrEqual(400);
      }
    }
  });

  test("headers that make no sense", { timeout: 120_000 }, async () => {
    for (const route of routes) {
      for (const more of hostileHeaders) {
        const body = membersOf(route) && JSON.stringify(bodyOf(`${route.method} ${route.path}`, ids) ?? {});
        const what = `${route.method} ${route.path} ${JSON.stringify(more)}`;
        expectSound(await send(route, urlOf(route.path), body, more), what);
      }
    }
  });

  test("headers that are too long for any server", async () => {
    const answer = await fetch(`${base}/api/me`, { headers: { ...headers, "x-long": "x".repeat(40_000) } });
    expect(answer.status).toBe(431);
  });

  test("on any route", () => {
    expect([...walked].toSorted()).toEqual(api.routes.toSorted());
  });

  test("and a route that breaks would be found", async () => {
    const { get } = api.repositories.applications;
    const route = routes.find(({ method, path }) => method === "GET" && path === "/api/applications/{applicationId}");
    if (route === undefined) throw new Error("there is no such route");
    Object.assign(api.repositories.applications, { get: async () => Promise.reject(new Error("careless")) });
    const answer = await send(route, urlOf(route.path));
    Object.assign(api.repositories.applications, { get });
    expect(() => expectSound(answer, "")).toThrow("500");
  });
});

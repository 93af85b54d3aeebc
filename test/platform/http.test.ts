import { connect } from "node:net";
import Type from "typebox";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { MalformedValue } from "../../lorawan/errors.ts";
import { SqlError } from "../../platform/errors.ts";
import { createHttpServer, type HttpOptions } from "../../platform/http.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

function create(given: Partial<HttpOptions> = {}) {
  const metrics = createMetrics();
  const clock = createVirtualClock();
  const log = createLog({ level: "silent" });
  const http = createHttpServer({ log, clock, registry: metrics.registry, ready: () => true, ...given });
  onTestFinished(() => http.close());
  return { ...http, metrics, clock };
}

describe("errors are problem documents:", () => {
  const Body = Type.Object(
    { name: Type.String(), size: Type.Integer({ maximum: 10 }) },
    { additionalProperties: false },
  );

  function failing(error: unknown) {
    const server = create({ bodyLimitBytes: 1000 });
    server.app.get("/fails", async () => {
      throw error;
    });
    server.app.post("/things", { schema: { body: Body } }, async () => ({}));
    return server;
  }

  test("a body that does not fit names its members", async () => {
    const { app } = failing(undefined);
    const response = await app.inject({ method: "POST", url: "/things", body: { name: "x", size: 11 } });
    expect(response.headers["content-type"]).toContain("application/problem+json");
    expect(response.json()).toEqual({
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "The request does not fit its schema.",
      code: "invalid_request",
      errors: [{ path: "/body/size", message: expect.any(String) }],
    });
    const unknown = await app.inject({ method: "POST", url: "/things", body: { name: "x", size: 1, more: 1 } });
    expect(unknown.statusCode).toBe(400);
  });

  test("what is no JSON, too long or nowhere has its status", async () => {
    const { app } = failing(undefined);
    const headers = { "content-type": "application/json" };
    const post = (payload: string) => app.inject({ method: "POST", url: "/things", headers, payload });
    expect((await post("{")).json()).toMatchObject({ status: 400 });
    expect((await post(`"${"x".repeat(1000)}"`)).json()).toMatchObject({ status: 413 });
    const nowhere = await app.inject({ url: "/nowhere?token=abc" });
    expect(nowhere.json()).toMatchObject({ status: 404, code: "not_found" });
    expect(nowhere.body).not.toContain("abc");
  });

  test("an identifier that is none is the client's fault, an unreachable database passes", async () => {
    const malformed = await failing(new MalformedValue("DevEUI is 16 hex digits")).app.inject({ url: "/fails" });
    expect(malformed.json()).toMatchObject({ status: 400, code: "malformed_value", detail: "DevEUI is 16 hex digits" });
    const unavailable = await failing(new SqlError("sql_unavailable", "no route to 10.0.0.1")).app.inject({
      url: "/fails",
    });
    expect(unavailable.json()).toMatchObject({ status: 503, code: "sql_unavailable" });
    expect(unavailable.body).not.toContain("10.0.0.1");
  });

  test("a fault of our own tells nothing of itself", async () => {
    for (const error of [new Error("password=hunter2"), new SqlError("sql_failed", "hunter2"), "hunter2"]) {
      const response = await failing(error).app.inject({ url: "/fails" });
      expect(response.json()).toMatchObject({ status: 500, code: "internal_error" });
      expect(response.body).not.toContain("hunter2");
    }
  });
});

describe("a request's id", () => {
  test("is the caller's, or a new one when that is unusual", async () => {
    const { app } = create();
    const idFor = async (given: string) =>
      (await app.inject({ url: "/healthz", headers: { "x-request-id": given } })).headers["x-request-id"];
    expect(await idFor("abc-1")).toBe("abc-1");
    expect(await idFor('a"b')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idFor("x".repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("probes", () => {
  test("say alive even when not ready", async () => {
    const { app } = create({ ready: () => false });
    expect((await app.inject({ url: "/healthz" })).json()).toEqual({ status: "ok" });
    const readiness = await app.inject({ url: "/readyz" });
    expect(readiness.statusCode).toBe(503);
    expect(readiness.json()).toEqual({ status: "not ready", checks: { started: { ok: false } } });
  });

  test("list every check by name, a failed one with the code of its fault and no more", async () => {
    const database = () => Promise.reject(new SqlError("sql_unavailable", "postgres://user:hunter2@db"));
    const { app } = create({ checks: { store: async () => undefined, database } });
    const readiness = await app.inject({ url: "/readyz" });
    expect(readiness.statusCode).toBe(503);
    expect(readiness.json().checks).toEqual({
      started: { ok: true },
      store: { ok: true },
      database: { ok: false, reason: "sql_unavailable" },
    });
  });

  test("say ready when all checks pass", async () => {
    const { app } = create({ checks: { store: async () => undefined } });
    const readiness = await app.inject({ url: "/readyz" });
    expect([readiness.statusCode, readiness.json().status]).toEqual([200, "ready"]);
  });

  test("wait for a check that hangs no longer than two seconds, and ask once for many askers", async () => {
    let calls = 0;
    const hangs = () => {
      calls += 1;
      return new Promise(() => undefined);
    };
    const { app, clock } = create({ checks: { hangs } });
    await app.ready();
    const asked = [app.inject({ url: "/readyz" }), app.inject({ url: "/readyz" })];
    const answers = Promise.all(asked.map(answer => answer.then(response => response.json())));
    while (calls === 0) await clock.settle();
    await clock.advance(2000);
    for (const answer of await answers) expect(answer.checks.hangs).toEqual({ ok: false, reason: "timeout" });
    expect(calls).toBe(1);
  });

  test("print the metrics of the registry", async () => {
    const { app, metrics } = create();
    metrics.receptions.inc(3);
    const response = await app.inject({ url: "/metrics" });
    expect(response.headers["content-type"]).toContain("text/plain");
    expect(response.body).toContain("upchirp_receptions_total 3");
  });
});

describe("listening", () => {
  test("gives the port that was chosen, and names a taken one with the option that changes it", async () => {
    const first = create();
    const port = await first.listen({ host: "127.0.0.1", port: 0, option: "http.port" });
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const second = create().listen({ host: "127.0.0.1", port, option: "http.port" });
    await expect(second).rejects.toMatchObject({
      code: "port_taken",
      message: `port ${port} for HTTP is in use by another program; stop that program or set http.port`,
    });
  });

  test("says so when the address is not this machine's", async () => {
    const listening = create().listen({ host: "203.0.113.7", port: 0, option: "http.port" });
    await expect(listening).rejects.toMatchObject({ code: "invalid_config" });
  });

  test("ends with streams still open", async () => {
    const server = create();
    server.app.get("/stream", (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200).write("first");
    });
    const port = await server.listen({ host: "127.0.0.1", port: 0, option: "http.port" });
    const response = await fetch(`http://127.0.0.1:${port}/stream`);
    const reader = response.body?.getReader();
    await reader?.read();
    await server.close();
    await expect(reader?.read()).rejects.toThrow();
  });
});

describe("a client that sends slowly", () => {
  /** A request whose body is promised and does not come, on a connection of its own. */
  async function stalled(path: string) {
    const { app, clock, listen } = create();
    const reached = Promise.withResolvers<void>();
    app.addHook("onRequest", async () => reached.resolve());
    app.post("/things", async () => ({}));
    await app.register(async scope => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
      scope.post("/files", { config: { takesFile: true } }, async request => {
        let bytes = 0;
        for await (const chunk of request.raw) bytes += Buffer.from(chunk).length;
        return { bytes };
      });
    });
    const port = await listen({ host: "127.0.0.1", port: 0, option: "http.port" });
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const closed = new Promise<void>(resolve => socket.once("close", () => resolve()));
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: 4\r\n\r\nab`);
    await reached.promise;
    return { socket, clock, closed, answer: () => answer };
  }

  test("is cut off after half a minute", async () => {
    const { clock, closed, answer } = await stalled("/things");
    await clock.advance(30_000);
    await closed;
    expect(answer()).not.toContain("200 OK");
  });

  test("of a file may take its time", async () => {
    const { socket, clock, answer } = await stalled("/files");
    await clock.advance(600_000);
    socket.write("cd");
    await vi.waitUntil(() => answer().includes('{"bytes":4}'), { timeout: 20_000 });
  });
});

describe("a reverse proxy", () => {
  const forwarded = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https" };

  async function seen(trustedProxies: readonly string[], remoteAddress: string) {
    const { app } = create({ trustedProxies });
    app.get("/seen", async ({ ip, protocol }) => ({ ip, protocol }));
    return (await app.inject({ url: "/seen", headers: forwarded, remoteAddress })).json();
  }

  test("that is trusted says where a request comes from", async () => {
    expect(await seen(["127.0.0.1", "10.1.0.0/16"], "10.1.2.3")).toEqual({ ip: "203.0.113.9", protocol: "https" });
  });

  test.each([[["10.1.0.0/16"]], [[]]])("is not believed by a server that trusts %j", async proxies => {
    expect(await seen(proxies, "10.2.2.3")).toEqual({ ip: "10.2.2.3", protocol: "http" });
  });
});

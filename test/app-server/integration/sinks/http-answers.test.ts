import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpSink } from "../../../../app-server/integration/sinks/http.ts";
import type { SinkOutcome } from "../../../../app-server/integration-ports.ts";
import { devEui } from "../../support/fixtures.ts";
import { integrationOf, sinkContext, sinkMessage } from "../../support/sink-context.ts";

let server: Server;
let port: number;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const requests: IncomingMessage[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

async function outcomeOf(
  settings: Readonly<Record<string, unknown>> = {},
  { secrets = {}, allowed = ["127.0.0.0/8"], message = sinkMessage() } = {},
): Promise<SinkOutcome> {
  requests.length = 0;
  const integration = integrationOf("http", { settings: { url: `http://127.0.0.1:${port}/`, ...settings } });
  const sink = httpSink.open({ integration, secrets }, sinkContext(allowed));
  try {
    return await sink.deliver([message], new AbortController().signal);
  } catch (error) {
    return { kind: "unavailable", message: String(error) };
  } finally {
    await sink.close();
  }
}
const answering = (status: number, headers: Record<string, string> = {}): void => {
  answer = (_request, response) => response.writeHead(status, headers).end();
};

describe("a webhook's answer", () => {
  test.each([
    [200, "delivered"],
    [204, "delivered"],
    [301, "unavailable"],
    [400, "rejected"],
    [401, "unavailable"],
    [403, "unavailable"],
    [404, "rejected"],
    [408, "unavailable"],
    [410, "gone"],
    [422, "rejected"],
    [425, "unavailable"],
    [429, "unavailable"],
    [500, "failed"],
    [502, "unavailable"],
    [503, "unavailable"],
    [504, "unavailable"],
  ] as const)("%i is %s", async (status, kind) => {
    answering(status);
    expect((await outcomeOf()).kind).toBe(kind);
  });

  test("that redirects is not followed, wherever it points to", async () => {
    answering(307, { location: `http://127.0.0.1:${port}/elsewhere` });
    expect(await outcomeOf()).toMatchObject({ kind: "unavailable", message: /redirections are not followed/ });
    expect(requests).toHaveLength(1);
  });

  test("with Retry-After says how long to wait, in seconds or as a date", async () => {
    answering(429, { "retry-after": "120" });
    expect(await outcomeOf()).toMatchObject({ retryAfterMs: 120_000 });
    answering(503, { "retry-after": new Date(Date.now() + 60_000).toUTCString() });
    const outcome = await outcomeOf();
    expect(outcome.kind === "unavailable" && outcome.retryAfterMs).toBeGreaterThan(50_000);
    answering(503, { "retry-after": "soon" });
    expect(await outcomeOf()).not.toHaveProperty("retryAfterMs");
  });

  test("without an end is read up to a bound", async () => {
    let written = 0;
    answer = (_request, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        response.once("drain", more);
      };
      more();
    };
    expect(await outcomeOf()).toEqual({ kind: "delivered" });
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test("that never comes ends after the time that is set", async () => {
    answer = () => undefined;
    expect(await outcomeOf({ timeoutSeconds: 1 })).toMatchObject({ kind: "unavailable" });
  });
});

describe("a webhook's request", () => {
  test("goes to the address of its kind of event, with what stands for placeholders made safe", async () => {
    answering(204);
    const message = sinkMessage({ event: { deviceInfo: { deviceName: "../../admin?x" } } });
    const urls = { up: `http://127.0.0.1:${port}/up/{devEui}/{deviceName}`, join: `http://127.0.0.1:${port}/join` };
    await outcomeOf({ urls }, { message });
    expect(requests[0]?.url).toBe(`/up/${devEui}/..%2F..%2Fadmin%3Fx`);
    await outcomeOf({ urls }, { message: { ...message, kind: "join" } });
    expect(requests[0]?.url).toBe("/join");
    await outcomeOf({ urls }, { message: { ...message, kind: "log" } });
    expect(requests[0]?.url).toBe("/");
  });

  test("has the headers that are set, and those that tell the event", async () => {
    answering(204);
    await outcomeOf({ headers: { "x-site": "roof" }, method: "PUT" }, { secrets: { headers: { "x-key": "k" } } });
    expect(requests[0]?.method).toBe("PUT");
    expect(requests[0]?.headers).toMatchObject({
      "x-site": "roof",
      "x-key": "k",
      "upchirp-event": "up",
      "webhook-id": sinkMessage().deduplicationId,
      "content-type": "application/json",
    });
    expect(requests[0]?.headers).not.toHaveProperty("webhook-signature");
  });

  test("never leaves for an address that is not allowed, given or by name", async () => {
    answering(204);
    for (const host of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"]) {
      const outcome = await outcomeOf({ url: `http://${host}:${port}/` }, { allowed: [] });
      expect(outcome).toMatchObject({ kind: "unavailable", message: /not at a public address/ });
    }
    expect(requests).toHaveLength(0);
  });
});

test.each([
  [{ url: "ftp://example.com/" }, "/settings/url"],
  [{ url: "https://{devEui}.example.com/" }, "/settings/url"],
  [{ url: "https://user:word@example.com/" }, "/settings/url"],
  [{ url: "https://example.com/{password}" }, "/settings/url"],
  [{ url: "https://example.com/", headers: { Host: "x" } }, "/settings/headers"],
  [{ url: "https://example.com/", headers: { "bad name": "x" } }, "/settings/headers/bad name"],
  [{ url: "https://example.com/", headers: { name: "line\nbreak" } }, "/settings/headers/name"],
  [{ url: "https://example.com/", more: 1 }, "/settings/more"],
])("settings %j have a fault at %s", (settings, path) => {
  expect(httpSink.faults(settings, {})[0]?.path).toBe(path);
});

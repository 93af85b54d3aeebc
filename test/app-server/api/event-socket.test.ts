import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { maxStreamsPerCaller } from "../../../app-server/api/live-streams.ts";
import type { ApplicationEvent, ApplicationEventKind } from "../../../app-server/ports.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
let port: number;
beforeAll(async () => {
  api = await startTestApi({ maxStreamBytes: 20_000 });
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  port = Number(new URL(await api.app.listen({ host: "127.0.0.1", port: 0 })).port);
});
afterAll(() => api.end());

const open = new Set<WebSocket>();
afterEach(async () => {
  for (const socket of open) socket.terminate();
  open.clear();
  await vi.waitFor(async () => {
    // The latest events are kept up with for a minute more.
    await api.clock.advance(60_000);
    expect(api.feed.listeners.size).toBe(0);
  });
});

function emit(whose: TenantWithDevice, kind: ApplicationEventKind, n: number, text?: string): void {
  const { tenant, application, device } = whose;
  const ids = { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui };
  const event: ApplicationEvent = { kind, ...ids, json: JSON.stringify({ n, text }) };
  api.feed.emit(event);
}

interface Shown {
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly autoPong?: boolean;
}

function socketTo(query: string, { headers = {}, protocols = [], autoPong = true }: Shown): WebSocket {
  const url = `ws://127.0.0.1:${port}/api/events/ws${query}`;
  return new WebSocket(url, [...protocols], { headers, autoPong });
}

interface Message {
  readonly kind: string;
  readonly id?: string;
  readonly content?: unknown;
}

/** A socket that is open, and what it was sent. */
async function connect(query: string, shown: Shown) {
  const socket = socketTo(query, shown);
  open.add(socket);
  const messages: Message[] = [];
  socket.on("message", data => messages.push(JSON.parse(String(data))));
  const closed = once(socket, "close").then(([code, reason]) => `${code} ${reason}`);
  const until = (kind: string): Promise<Message> =>
    vi.waitUntil(() => messages.find(message => message.kind === kind), { timeout: 20_000 });
  await until("position");
  return { socket, messages, closed, until };
}

/** The status with which a socket is refused. */
async function refusal(query: string, shown: Shown): Promise<{ readonly status: number; readonly body: string }> {
  const socket = socketTo(query, shown);
  const [, answer] = await once(socket, "unexpected-response");
  let body = "";
  for await (const chunk of answer) body += chunk;
  return { status: answer.statusCode, body };
}

const viewer = () => api.keyFor("viewer", ours.tenant.id);
const newKey = () =>
  api.repositories.apiKeys.create({ tenantId: ours.tenant.id, name: "short", role: "viewer", expiresAt: null });

async function loginCookie(): Promise<string> {
  const email = "ada@example.org";
  const password = "correct horse battery";
  await api.call("POST", "/api/users", { email, password });
  const answer = await api.call("POST", "/api/login", { email, password }, {});
  return answer.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

describe("the WebSocket of events", () => {
  test("carries what is asked for and may be seen, and no other events", async () => {
    const { messages, until } = await connect("?kind=up&kind=join", { headers: await viewer() });
    emit(theirs, "up", 1);
    emit(ours, "log", 2);
    emit(ours, "up", 3);
    emit(ours, "join", 4);
    await until("join");
    expect(messages).toMatchObject([
      { kind: "position", id: expect.stringMatching(/-0$/) },
      { kind: "up", id: expect.stringMatching(/-3$/), content: { n: 3 } },
      { kind: "join", id: expect.stringMatching(/-4$/), content: { n: 4 } },
    ]);
  });

  test("goes on after the last event that its client had, and says so when it cannot", async () => {
    const headers = await viewer();
    const first = await connect("", { headers });
    emit(ours, "up", 1);
    const { id = "" } = await first.until("up");
    first.socket.terminate();
    await first.closed;
    for (const n of [2, 3]) emit(ours, "up", n);
    const second = await connect(`?lastEventId=${id}`, { headers });
    expect(second.messages.map(({ content }) => content)).toEqual([{ n: 2 }, { n: 3 }, undefined]);
    const third = await connect("?lastEventId=00000000-1", { headers });
    expect(third.messages).toMatchObject([{ kind: "gap" }, { kind: "position" }]);
  });

  test("takes a browser's token as a subprotocol, and never answers it", async () => {
    const { token } = await newKey();
    const { socket } = await connect("", { protocols: ["upchirp.events", `bearer.${token}`] });
    expect(socket.protocol).toBe("upchirp.events");
    expect(api.logged.join("")).not.toContain(token);
    expect(await refusal("", { protocols: ["upchirp.events", "bearer.upc_wrong"] })).toMatchObject({ status: 401 });
  });

  test("takes a login's cookie from its own pages only", async () => {
    const cookie = await loginCookie();
    const { messages } = await connect("", { headers: { cookie, origin: `http://127.0.0.1:${port}` } });
    expect(messages).toHaveLength(1);
    for (const headers of [{ cookie }, { cookie, origin: "https://evil.example" }, { cookie, origin: "null" }]) {
      const { status, body } = await refusal("", { headers });
      expect({ status, code: JSON.parse(body).code }).toEqual({ status: 403, code: "cross_site" });
    }
  });

  test("is refused as other requests are, with a problem document", async () => {
    const headers = await viewer();
    expect(await refusal("", {})).toMatchObject({ status: 401 });
    expect(await refusal("?kind=rumour", { headers })).toMatchObject({ status: 400 });
    expect(await refusal(`?devEui=${theirs.device.devEui}`, { headers })).toMatchObject({ status: 404 });
    const plain = await api.call("GET", "/api/events/ws", undefined, headers);
    expect(plain.json()).toMatchObject({ status: 426, code: "upgrade_required" });
  });

  test("ends within a heartbeat when its key is deleted", async () => {
    const { apiKey, token } = await newKey();
    const { messages, closed } = await connect("", { headers: { authorization: `Bearer ${token}` } });
    await api.repositories.apiKeys.remove(apiKey.id);
    await api.clock.advance(api.deps.streamHeartbeatMs);
    expect(await closed).toBe("1008 access_ended");
    expect(messages.at(-1)).toMatchObject({ kind: "end", content: { code: "access_ended" } });
  });

  test("is cut off when it does not answer a ping, and kept when it does", async () => {
    const headers = await viewer();
    const deaf = await connect("", { headers, autoPong: false });
    const well = await connect("", { headers });
    const pinged = once(well.socket, "ping");
    await api.clock.advance(api.deps.streamHeartbeatMs);
    expect(await deaf.closed).toBe("1006 ");
    await pinged;
    await vi.waitUntil(() => well.messages.length === 2);
    expect(well.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("is closed with a word of why when it reads too slowly, and costs a bounded amount until then", async () => {
    const { socket, messages, closed } = await connect("", { headers: await viewer() });
    socket.pause();
    // The buffers of the system, some megabytes, take the first of it.
    const [rounds, text] = [2_000, "x".repeat(2_000)];
    for (let round = 0; round < rounds; round += 1) {
      for (let n = 0; n < 5; n += 1) emit(ours, "up", n, text);
      await new Promise(resolve => setImmediate(resolve));
    }
    socket.resume();
    expect(await closed).toBe("1013 too_slow");
    expect(messages.at(-1)).toMatchObject({ kind: "end", content: { code: "too_slow" } });
    expect(messages.length).toBeLessThan(5 * rounds);
  });

  test("is limited to so many of one key, whatever other keys have", async () => {
    const headers = await viewer();
    await Promise.all(Array.from({ length: maxStreamsPerCaller }, () => connect("", { headers })));
    const { status, body } = await refusal("", { headers });
    expect({ status, code: JSON.parse(body).code }).toEqual({ status: 429, code: "too_many_streams" });
    await connect("", { headers: await viewer() });
  });

  test("survives what is no WebSocket message and requests that are no upgrade", async () => {
    const headers = await viewer();
    const { socket, closed } = await connect("", { headers });
    socket.send("nobody reads this");
    socket.send(Buffer.alloc(100_000));
    expect(await closed).toMatch(/^1009/);
    for (const lines of [
      ["GET /api/events/ws HTTP/1.1", "Upgrade: h2c", "Connection: Upgrade"],
      ["GET /api/events/ws HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 9"],
      ["GET /api/me HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade"],
      ["POST /api/tenants HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Content-Length: 2"],
    ]) {
      const raw = connectTcp(port, "127.0.0.1");
      raw.write(`${[...lines, "Host: x", `Authorization: ${headers.authorization}`].join("\r\n")}\r\n\r\n{}`);
      let text = "";
      for await (const chunk of raw) text += chunk;
      expect(text, lines.join()).not.toMatch(/^HTTP\/1.1 5/);
    }
    expect((await connect("", { headers })).messages).toHaveLength(1);
  });
});

test("a server that stops closes its WebSockets with a word of why", async () => {
  const stopping = await startTestApi();
  const address = await stopping.app.listen({ host: "127.0.0.1", port: 0 });
  const headers = await stopping.keyFor("administrator", null);
  const socket = new WebSocket(`${address.replace("http", "ws")}/api/events/ws`, { headers });
  await once(socket, "open");
  const closed = once(socket, "close");
  await stopping.end();
  const [code, reason] = await closed;
  expect(`${code} ${reason}`).toBe("1001 server_stopping");
});

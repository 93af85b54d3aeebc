import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createEventStream } from "../../../app-server/api/event-stream.ts";
import { createReplay } from "../../../app-server/api/replay.ts";
import type { ApplicationEvent, ApplicationEventKind } from "../../../app-server/ports.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
let base: string;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  base = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.end());

const eventOf = (
  { tenant, application, device }: TenantWithDevice,
  kind: ApplicationEventKind,
  n: number,
): ApplicationEvent => ({
  kind,
  tenantId: tenant.id,
  applicationId: application.id,
  devEui: device.devEui,
  json: JSON.stringify({ n }),
});

const open: AbortController[] = [];
afterEach(async () => {
  for (const controller of open.splice(0)) controller.abort();
  await vi.waitFor(async () => {
    // The latest events are kept up with for a minute more.
    await api.clock.advance(60_000);
    expect(api.feed.listeners.size).toBe(0);
  });
});

/** Reads a stream until its text holds `text`. */
async function connect(query: string, headers: Readonly<Record<string, string>>) {
  const controller = new AbortController();
  open.push(controller);
  const response = await fetch(`${base}/api/events${query}`, { headers, signal: controller.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (wanted: string): Promise<string> => {
    while (!text.includes(wanted)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended without ${wanted}: ${text}`);
      text += value;
    }
    return text;
  };
  const before = await readUntil(": still here");
  text = "";
  return { response, before, readUntil, end: () => controller.abort(), ended: async () => (await reader.read()).done };
}

const idsIn = (text: string): readonly string[] => [...text.matchAll(/^id: (.*)$/gm)].map(match => match[1] ?? "");

describe("a stream that was cut off", () => {
  test("goes on after the last event that its client had, with those that it asks for and may see", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const first = await connect("?kind=up", headers);
    api.feed.emit(eventOf(ours, "up", 1));
    const [lastId = ""] = idsIn(await first.readUntil('{"n":1}'));
    first.end();
    for (const [whose, kind, n] of [
      [ours, "up", 2],
      [theirs, "up", 3],
      [ours, "join", 4],
      [ours, "up", 5],
    ] as const) {
      api.feed.emit(eventOf(whose, kind, n));
    }
    const second = await connect("?kind=up", { ...headers, "last-event-id": lastId });
    api.feed.emit(eventOf(ours, "up", 6));
    const text = second.before + (await second.readUntil('{"n":6}'));
    expect([...text.matchAll(/"n":(\d)/g)].map(match => match[1])).toEqual(["2", "5", "6"]);
    expect(text).not.toContain("event: gap");
  });

  test.each(["00000000-1", "never an id", "9".repeat(60)])(
    "is told of the gap after an id of another time: %s",
    async id => {
      const headers = await api.keyFor("viewer", ours.tenant.id);
      const stream = await connect("", { ...headers, "last-event-id": id });
      api.feed.emit(eventOf(ours, "up", 1));
      expect(stream.before + (await stream.readUntil('{"n":1}'))).toMatch(
        /event: gap\ndata: \{"code":"events_unknown","message":".+"\}\n\n.*id: /s,
      );
    },
  );
});

describe("what is kept for streams that were cut off", () => {
  const start = () => createReplay({ feed: api.feed, clock: api.clock, maxLength: 1000, lingerMs: 60_000 });

  test("is bounded: an id that is too old is unknown, the oldest that is known gives all", () => {
    const replay = start();
    const ids: string[] = [];
    const unsubscribe = replay.subscribe(({ id }) => ids.push(id));
    for (let n = 0; n < 50; n += 1) api.feed.emit(eventOf(ours, "up", n));
    const known = ids.filter(id => replay.after(id) !== undefined);
    expect(known.length).toBeGreaterThan(5);
    expect(known.length).toBeLessThan(12);
    expect(known).toEqual(ids.slice(-known.length));
    expect(replay.after(known[0] ?? "")?.map(({ id }) => id)).toEqual(known.slice(1));
    expect(replay.after(ids.at(-1) ?? "")).toEqual([]);
    unsubscribe();
    replay.close();
  });

  test("goes when nobody has listened for a while, since nobody knows then what came", async () => {
    const replay = start();
    const ids: string[] = [];
    const unsubscribe = replay.subscribe(({ id }) => ids.push(id));
    api.feed.emit(eventOf(ours, "up", 1));
    unsubscribe();
    await api.clock.advance(59_000);
    expect(replay.after(ids[0] ?? "")).toEqual([]);
    await api.clock.advance(1_000);
    expect(replay.after(ids[0] ?? "")).toBeUndefined();
    expect(api.feed.listeners.size).toBe(0);
  });
});

describe("the stream of events", () => {
  test("carries events of the tenants that the caller may read, and no others", async () => {
    const stream = await connect("", await api.keyFor("viewer", ours.tenant.id));
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
    api.feed.emit(eventOf(theirs, "up", 1));
    api.feed.emit(eventOf(ours, "up", 2));
    const text = await stream.readUntil('{"n":2}');
    expect(text).toContain('event: up\ndata: {"n":2}\n\n');
    expect(text).not.toContain('{"n":1}');
  });

  test("carries events of the applications that the caller is limited to, and no others, as of now", async () => {
    const { id: second } = await api.repositories.applications.create({
      tenantId: ours.tenant.id,
      name: "second",
      description: "",
      tags: {},
    });
    const { id } = await api.repositories.users.create({
      email: "ada@example.org",
      password: "correct horse",
      isAdministrator: false,
      isActive: true,
      note: "",
    });
    const limit = (applicationId: typeof second) =>
      api.repositories.users.setMember(ours.tenant.id, id, { role: "viewer", applicationIds: [applicationId] });
    await limit(second);
    const origin = { address: "", userAgent: "" };
    const { token } = await api.repositories.loginSessions.create(id, 3_600_000, origin);
    const stream = await connect("", { authorization: `Bearer ${token}` });
    const inSecond = (n: number): ApplicationEvent => ({ ...eventOf(ours, "up", n), applicationId: second });
    for (const event of [eventOf(ours, "up", 1), eventOf(theirs, "up", 2), inSecond(3)]) api.feed.emit(event);
    const text = await stream.readUntil('{"n":3}');
    expect(text).not.toMatch(/"n":[12]/);
    await limit(ours.application.id);
    await api.clock.advance(api.deps.streamHeartbeatMs);
    await stream.readUntil(": still here");
    for (const event of [inSecond(4), eventOf(ours, "up", 5)]) api.feed.emit(event);
    expect(await stream.readUntil('{"n":5}')).not.toContain('{"n":4}');
  });

  test("is narrowed by application, device and kind", async () => {
    const administrator = await api.keyFor("administrator", null);
    const stream = await connect(
      `?applicationId=${ours.application.id}&devEui=${ours.device.devEui}&kind=join&kind=log`,
      administrator,
    );
    api.feed.emit(eventOf(theirs, "join", 1));
    api.feed.emit(eventOf(ours, "up", 2));
    api.feed.emit(eventOf(ours, "log", 3));
    api.feed.emit(eventOf(ours, "join", 4));
    const text = await stream.readUntil('{"n":4}');
    expect(text).not.toContain('{"n":1}');
    expect(text).not.toContain('{"n":2}');
    expect(text).toContain("event: log");
  });

  test("has comments while nothing happens, and ends when the key is deleted", async () => {
    const { apiKey, token } = await api.repositories.apiKeys.create({
      tenantId: ours.tenant.id,
      name: "short",
      role: "viewer",
      expiresAt: null,
    });
    const stream = await connect("", { authorization: `Bearer ${token}` });
    await api.clock.advance(api.deps.streamHeartbeatMs);
    await stream.readUntil(": still here\nid: ");
    await api.repositories.apiKeys.remove(apiKey.id);
    await api.clock.advance(api.deps.streamHeartbeatMs);
    expect(await stream.readUntil("event: end")).toContain('"code":"access_ended"');
    expect(await stream.ended()).toBe(true);
  });

  test("refuses a kind that does not exist", async () => {
    const answer = await api.call("GET", "/api/events?kind=rumour");
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ path: "/querystring/kind/0" }] });
  });
});

test("a client that does not keep up is told so and cut off, and costs a bounded amount", async () => {
  const stream = createEventStream(1000);
  for (let n = 0; n < 1000; n += 1) stream.send({ id: "", item: eventOf(ours, "up", n) });
  expect(stream.body.readableLength).toBeLessThan(1200);
  const chunks = await stream.body.toArray();
  const text = chunks.map(String).join("");
  expect(text.startsWith('id: \nevent: up\ndata: {"n":0}\n\n')).toBe(true);
  expect(text).toMatch(/event: end\ndata: \{"code":"too_slow".*\}\n\n$/);
});

test("a stream that carries nothing for its client says where it is all the same", async () => {
  const headers = await api.keyFor("viewer", ours.tenant.id);
  const first = await connect("?kind=join", headers);
  for (let n = 0; n < 20; n += 1) api.feed.emit(eventOf(theirs, "up", n));
  await api.clock.advance(api.deps.streamHeartbeatMs);
  const [position = ""] = idsIn(await first.readUntil(": still here\nid: "));
  expect(position).toMatch(/-20$/);
  first.end();
  api.feed.emit(eventOf(ours, "join", 21));
  const second = await connect(`?kind=join&lastEventId=${position}`, headers);
  expect(second.before).toMatch(/^id: .*-21\nevent: join\ndata: \{"n":21\}/);
});

test("a line break in data does not end the event", async () => {
  const stream = createEventStream(1000);
  stream.send({ id: "1", item: { ...eventOf(ours, "up", 1), json: '{\n"n":1}' } });
  stream.end("server_stopping", "");
  const text = (await stream.body.toArray()).map(String).join("");
  expect(text).toContain('event: up\ndata: {\ndata: "n":1}\n\n');
});

test("a server that stops ends its streams with a word of why", async () => {
  const stopping = await startTestApi();
  const address = await stopping.app.listen({ host: "127.0.0.1", port: 0 });
  const headers = await stopping.keyFor("administrator", null);
  const response = await fetch(`${address}/api/events`, { headers });
  const text = response.text();
  await vi.waitFor(() => expect(stopping.feed.listeners.size).toBe(1));
  await stopping.end();
  expect(await text).toContain('"code":"server_stopping"');
});

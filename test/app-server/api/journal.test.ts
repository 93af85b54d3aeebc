import fastify from "fastify";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createApi } from "../../../app-server/api/api.ts";
import { eventKey } from "../../../app-server/history/event-row.ts";
import { createEventJournal } from "../../../app-server/history/journal.ts";
import { createJournalFeed } from "../../../app-server/journal-feed.ts";
import type { EventJournal, JournalNews } from "../../../app-server/journal-ports.ts";
import type { ApplicationEvent, ApplicationEventKind } from "../../../app-server/ports.ts";
import { readServerSentEvents } from "../../../client/server-sent-events.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { dayMs, startHistory, startMs, testEvent, upTo } from "../history/support.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
let history: ReturnType<typeof startHistory>;
let journal: EventJournal;
/** Who is told of what the history takes: servers that run, unless word of it is lost. */
const told = new Set<(news: JournalNews) => void>();
const tellAll = (news: JournalNews): void => {
  for (const tell of [...told]) tell(news);
};
const delivered = new Set<(event: ApplicationEvent) => void>();
let isTold = true;

beforeAll(async () => {
  // Little, so that each test has more than memory holds.
  api = await startTestApi({ maxStreamBytes: 20_000 });
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  journal = createEventJournal(api.sql);
  const feed = {
    subscribe(listener: (event: ApplicationEvent) => void) {
      delivered.add(listener);
      return () => delivered.delete(listener);
    },
  };
  const numbered = createJournalFeed({ feed, keyOf: eventKey, clock: api.clock });
  numbered.feed.subscribe(news => isTold && tellAll(news));
  history = startHistory(api.sql, {}, numbered.kept);
});
afterAll(() => api.end());
beforeEach(() => {
  isTold = true;
});

let next = 0;
/** An event of its own, of the device of a tenant. */
function eventOf({ tenant, application, device }: TenantWithDevice, kind: ApplicationEventKind = "up") {
  next += 1;
  const ids = { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui };
  return { ...testEvent(next, { kind, body: { n: next } }), ...ids };
}

const nOf = ({ json }: ApplicationEvent): number => JSON.parse(json).n;

/** So many of ours that are wanted, one of theirs and one of another kind with each. */
async function keepMixed(count: number): Promise<readonly number[]> {
  const wanted: number[] = [];
  for (let done = 0; done < count; done += 100) {
    const batch = upTo(Math.min(100, count - done)).map(() => [eventOf(theirs), eventOf(ours), eventOf(ours, "join")]);
    wanted.push(...batch.map(([, event]) => nOf(event!)));
    await history.keeper.keep(batch.flat());
  }
  return wanted;
}

interface Server {
  readonly base: string;
  stop(): Promise<void>;
}

/** An application server of the installation, with nothing in memory. */
async function startServer(read: Partial<EventJournal> = {}): Promise<Server> {
  const app = fastify();
  const news = {
    subscribe(listener: (news: JournalNews) => void) {
      told.add(listener);
      return () => told.delete(listener);
    },
  };
  await app.register(createApi({ ...api.deps, journal: { journal: { ...journal, ...read }, news } }));
  const base = await app.listen({ host: "127.0.0.1", port: 0 });
  const stop = async () => {
    await app.close();
  };
  onTestFinished(stop);
  return { base, stop };
}

/** What comes on a stream, as it is asked for. */
async function connect({ base }: Server, query: string, headers: Readonly<Record<string, string>>) {
  const controller = new AbortController();
  const response = await fetch(`${base}/api/events${query}`, { headers, signal: controller.signal });
  expect(response.status).toBe(200);
  const blocks = readServerSentEvents(response.body!);
  onTestFinished(() => controller.abort());
  let lastId = "";
  // A body that nobody has begun to read ends with its response, once that is garbage.
  let ahead = blocks.next();
  const read = async () => {
    const { value, done } = await ahead;
    ahead = blocks.next();
    ahead.catch(() => undefined);
    if (done || value === undefined) throw new Error("the stream has ended");
    lastId = value.id ?? lastId;
    return { name: value.name, data: value.data === undefined ? undefined : JSON.parse(value.data) };
  };
  /** The next that has data. */
  const take = async () => {
    for (let block = await read(); ; block = await read()) if (block.data !== undefined) return block;
  };
  /** The next so many numbers of events. */
  const numbers = async (count: number): Promise<readonly number[]> => {
    const found: number[] = [];
    while (found.length < count) found.push((await take()).data.n);
    return found;
  };
  return { take, numbers, lastId: () => lastId, end: () => controller.abort() };
}

const lastIdHeader = (id: string) => ({ "last-event-id": id });

describe("a stream that goes on after an id", () => {
  test("has thousands of missed events from the history in order, by filter and right, and then what comes, in another server", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const one = await startServer();
    const first = await connect(one, "?kind=up", headers);
    const [before] = await keepMixed(1);
    expect(await first.numbers(1)).toEqual([before]);
    first.end();
    await one.stop();
    const missed = await keepMixed(2500);
    const other = await startServer();
    const second = await connect(other, "?kind=up", { ...headers, ...lastIdHeader(first.lastId()) });
    expect(await second.numbers(1000)).toEqual(missed.slice(0, 1000));
    // What comes meanwhile is not overtaken, and no more than a little waits for a client that takes its time.
    const meanwhile = await keepMixed(300);
    expect(await second.numbers(1800)).toEqual([...missed.slice(1000), ...meanwhile]);
    const live = await keepMixed(3);
    expect(await second.numbers(3)).toEqual(live);
  });

  test("has nothing twice and nothing left out while events come all the time", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const server = await startServer();
    const first = await connect(server, "?kind=up", headers);
    const all: number[] = [];
    let isOver = false;
    onTestFinished(() => {
      isOver = true;
    });
    const writing = (async () => {
      while (!isOver) all.push(...(await keepMixed(7)));
    })();
    const got = [...(await first.numbers(5))];
    let lastId = first.lastId();
    first.end();
    for (const count of [1, 40, 3, 500]) {
      const stream = await connect(server, "?kind=up", { ...headers, ...lastIdHeader(lastId) });
      got.push(...(await stream.numbers(count)));
      lastId = stream.lastId();
      stream.end();
    }
    isOver = true;
    await writing;
    expect(got).toEqual(all.slice(all.indexOf(got[0]!)).slice(0, got.length));
  });

  test("is that of one device or application where it asks for one, over a WebSocket as well", async () => {
    const administrator = await api.keyFor("administrator", null);
    const server = await startServer();
    const { id: ofJournal, last } = await journal.state();
    const id = `${ofJournal}-${last}`;
    const wanted = await keepMixed(120);
    const url = `${server.base.replace("http", "ws")}/api/events/ws?devEui=${ours.device.devEui}&kind=up&lastEventId=${id}`;
    const socket = new WebSocket(url, { headers: administrator });
    onTestFinished(() => socket.terminate());
    const got: number[] = [];
    await new Promise<void>(resolve => {
      socket.on("message", data => {
        const { kind, content } = JSON.parse(String(data));
        if (kind === "up") got.push(content.n);
        if (got.length === wanted.length) resolve();
      });
    });
    expect(got).toEqual(wanted);
  });

  test("is told where it is by the beat, whatever it carries", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const server = await startServer();
    const quiet = await connect(server, "?kind=status", headers);
    await keepMixed(400);
    const { id, last } = await journal.state();
    await api.clock.advance(api.deps.streamHeartbeatMs);
    const reading = quiet.take().catch(() => undefined);
    await expect.poll(() => quiet.lastId(), { timeout: 20_000 }).toBe(`${id}-${last}`);
    quiet.end();
    await reading;
  });

  test.each(["00000000-1", "not an id", "9".repeat(90)])("is told that its id is of no event here: %s", async id => {
    const server = await startServer();
    const stream = await connect(server, "", { ...(await api.keyFor("viewer", ours.tenant.id)), ...lastIdHeader(id) });
    expect((await stream.take()).data.code).toBe("events_unknown");
    const [live] = await keepMixed(1);
    expect(await stream.numbers(1)).toEqual([live]);
  });

  test("is ended with a word of why when the history cannot be read", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const { id, last } = await journal.state();
    await keepMixed(300);
    const server = await startServer({ read: () => Promise.reject(new Error("away")) });
    const stream = await connect(server, "", { ...headers, ...lastIdHeader(`${id}-${last}`) });
    expect(await stream.take()).toMatchObject({ name: "end", data: { code: "history_away" } });
  });
});

describe("what servers tell each other", () => {
  test("may be lost or late: it is read from the history, and nothing overtakes it", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const server = await startServer();
    const stream = await connect(server, "?kind=up", headers);
    isTold = false;
    const lost = await keepMixed(2);
    isTold = true;
    const heard = await keepMixed(2);
    await api.clock.advance(100);
    expect(await stream.numbers(4)).toEqual([...lost, ...heard]);
    isTold = false;
    const last = await keepMixed(2);
    await api.clock.advance(5_000);
    expect(await stream.numbers(2)).toEqual(last);
  });
});

describe("an event that the history is late with", () => {
  const deliver = (event: ApplicationEvent) => {
    for (const listener of delivered) listener(event);
  };

  test("is told all the same, once, and again to who goes on from before it", async () => {
    const headers = await api.keyFor("viewer", ours.tenant.id);
    const server = await startServer();
    const stream = await connect(server, "?kind=up", headers);
    const [before] = await keepMixed(1);
    expect(await stream.numbers(1)).toEqual([before]);
    const [late, inTime] = [eventOf(ours), eventOf(ours)];
    deliver(late);
    await api.clock.advance(2_000);
    expect(await stream.numbers(1)).toEqual([nOf(late)]);
    const id = stream.lastId();
    deliver(inTime);
    // As another reading of the log gives it.
    await history.keeper.keep([late, { ...inTime }]);
    await api.clock.advance(2_000);
    const [after] = await keepMixed(1);
    expect(await stream.numbers(2)).toEqual([nOf(inTime), after]);
    const again = await connect(server, "?kind=up", { ...headers, ...lastIdHeader(id) });
    expect(await again.numbers(3)).toEqual([nOf(late), nOf(inTime), after]);
  });
});

// Last, since the time of the history is another from here on.
test("a stream is told first that some is gone when its id is older than the history", async () => {
  const headers = await api.keyFor("viewer", ours.tenant.id);
  const { id, last } = await journal.state();
  const server = await startServer();
  const oldDay = upTo(5).map(() => eventOf(ours));
  await history.keeper.keep(oldDay);
  await api.sql.run("update history_settings set event_days = 30");
  await history.clock.advance(40 * dayMs);
  const kept = { ...eventOf(ours), json: testEvent(next, { atMs: startMs + 40 * dayMs, body: { n: next } }).json };
  await history.keeper.keep([kept]);
  await history.sweep();
  const stream = await connect(server, "", { ...headers, ...lastIdHeader(`${id}-${last}`) });
  const gap = await stream.take();
  expect(gap).toMatchObject({ name: "gap", data: { code: "events_expired", message: expect.any(String) } });
  expect(await stream.numbers(1)).toEqual([nOf(kept)]);
  const whole = await connect(server, "", { ...headers, ...lastIdHeader(`${id}-${last + 5}`) });
  expect(await whole.numbers(1)).toEqual([nOf(kept)]);
  // What one tenant does not keep is missed by nobody else.
  await api.sql.run("insert into history_settings (tenant_id, event_days) values ($1, 1)", [theirs.tenant.id]);
  const [earlier, later] = [eventOf(theirs), eventOf(ours)];
  const then = (event: ApplicationEvent) => ({
    ...event,
    json: testEvent(nOf(event), { atMs: startMs + 37 * dayMs, body: { n: nOf(event) } }).json,
  });
  await history.keeper.keep([then(earlier), then(later)]);
  await api.clock.advance(0);
  await history.clock.advance(60_000);
  await history.sweep();
  const mine = await connect(server, "", { ...headers, ...lastIdHeader(`${id}-${last + 6}`) });
  expect(await mine.numbers(1)).toEqual([nOf(later)]);
  const others = await api.keyFor("viewer", theirs.tenant.id);
  const theirStream = await connect(server, "", { ...others, ...lastIdHeader(`${id}-${last + 6}`) });
  expect((await theirStream.take()).data.code).toBe("events_expired");
});

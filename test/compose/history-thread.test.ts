import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createHistory } from "../../app-server/history/search.ts";
import { createHistoryThread, type HistoryThread } from "../../compose/history-thread.ts";
import { systemClock } from "../../platform/clock.ts";
import { SqlError } from "../../platform/errors.ts";
import { frameText } from "../../platform/frames/frame-letter.ts";
import { createLog } from "../../platform/log.ts";
import { createPostgres } from "../../platform/postgres.ts";
import { dayMs, testEvent } from "../app-server/history/support.ts";
import { downlinkFrame, uplinkFrame } from "../platform/frames/records.ts";
import { migratedDatabase, type TestDatabase } from "../support/postgres.ts";
import { temporaryFolder } from "../support/upchirp-process.ts";

const limits = { eventDays: 30, frameDays: 7, measurementDays: 400, maxMegabytes: 1000 };
const log = createLog({ level: "silent" });

let database: TestDatabase;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());

function threadOn(connection: TestDatabase["connection"], program?: URL): HistoryThread {
  const thread = createHistoryThread({ connection, limits }, log, program);
  onTestFinished(() => thread.close());
  return thread;
}

const nowMs = Date.now();

test("events are kept once, with numbers for those that are new; others are counted", async () => {
  const thread = threadOn(database.connection);
  const [first, second] = [testEvent(1, { atMs: nowMs }), testEvent(2, { atMs: nowMs })];
  const taken = await thread.events([first, { ...first, json: "{}" }, testEvent(3, { atMs: nowMs - 31 * dayMs })]);
  expect(taken).toMatchObject({ malformed: 1, outOfTime: 1, settled: [{ place: 0, number: taken.after + 1 }] });
  const again = await thread.events([first, second]);
  expect(again.settled.map(({ place, number }) => [place, number])).toEqual([
    [0, undefined],
    [1, again.after + 2],
  ]);
  expect(again.settled[0]?.key).toBe(taken.settled[0]?.key);
  await thread.close();

  const sql = createPostgres({ connection: database.connection, log, clock: systemClock });
  onTestFinished(() => sql.close());
  const { items } = await createHistory(sql).events({ tenants: "all" }, { limit: 10 });
  expect(items.map(({ json }) => json).sort()).toEqual([first.json, second.json].sort());
});

test("frames are kept once, with their bytes", async () => {
  const thread = threadOn(database.connection);
  const frames = [uplinkFrame(1, { atMs: nowMs }), downlinkFrame(2, { atMs: nowMs - 1 })];
  await thread.frames(frames.map(frameText));
  await thread.frames(frames.map(frameText));
  await expect(thread.frames([...frames.map(frameText), "{}"])).rejects.toThrow("cannot be read");
  const sql = createPostgres({ connection: database.connection, log, clock: systemClock });
  onTestFinished(() => sql.close());
  const { items } = await createHistory(sql).frames({ tenants: "all" }, { limit: 10 });
  expect(items).toEqual(frames);
});

test("a database that is away is the fault that it is without a thread", async () => {
  const thread = threadOn({ ...database.connection, host: temporaryFolder() });
  const fault = await thread.events([testEvent(4, { atMs: nowMs })]).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(SqlError);
  expect(fault).toMatchObject({ code: "sql_unavailable", retryable: true });
});

test("a thread that dies has its calls made again, by a new one", async () => {
  const folder = temporaryFolder();
  const [diesOnce, died] = [join(folder, "dies-once.mjs"), join(folder, "died")];
  writeFileSync(
    diesOnce,
    `import { existsSync, writeFileSync } from "node:fs";
     import { parentPort } from "node:worker_threads";
     parentPort.on("message", request => {
       if (request === "close") return parentPort.close();
       if (existsSync(${JSON.stringify(died)})) return parentPort.postMessage({ id: request.id });
       writeFileSync(${JSON.stringify(died)}, "");
       throw new Error("a fault of the program");
     });`,
  );
  const thread = threadOn(database.connection, pathToFileURL(diesOnce));
  const calls = await Promise.allSettled([thread.frames([]), thread.frames([])]);
  for (const call of calls) {
    expect(call).toMatchObject({ status: "rejected", reason: { code: "sql_unavailable", retryable: true } });
  }
  await thread.frames([]);
});

test("a thread that nobody has asked anything is not there to be ended", async () => {
  await threadOn(database.connection).close();
});

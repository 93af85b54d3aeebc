import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Type from "typebox";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createPostgres } from "../../../platform/postgres.ts";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { migratedDatabase } from "../../support/postgres.ts";
import { bytesOf, randomDevEui, uplinkRecord } from "../support/fixtures.ts";
import { upTo } from "./support.ts";

const devices = 20;
const eventsOfEach = 25;

/** An event log with events of many devices, each a little later than the one before. */
async function fillLog(folder: string): Promise<void> {
  const store = await openLmdbStore({ folder });
  const startMs = Date.now() - 3600 * 1000;
  await Promise.all(
    upTo(devices).map(async device => {
      const devEui = randomDevEui();
      const events = upTo(eventsOfEach).map(fCnt =>
        bytesOf(
          uplinkRecord({
            devEui,
            fCnt,
            deduplicationId: crypto.randomUUID(),
            time: new Date(startMs + fCnt * 1000 + device).toISOString(),
          }),
        ),
      );
      await store.commit({ devEui, expectedVersion: 0, value: Buffer.from("{}"), devAddrs: [], events });
    }),
  );
  await store.close();
}

test("nothing is missing and nothing twice in the history of a server that is killed in the middle, again and again", async () => {
  const database = await migratedDatabase();
  const folder = await mkdtemp(join(tmpdir(), "upchirp-history-"));
  const sql = createPostgres({
    connection: database.connection,
    log: createLog({ level: "silent" }),
    clock: systemClock,
  });
  onTestFinished(async () => {
    await sql.close();
    await database.drop();
    await rm(folder, { recursive: true });
  });
  await fillLog(join(folder, "state"));
  const script = fileURLToPath(new URL("../../support/history-writer.ts", import.meta.url));
  const start = () => {
    const args = [script, join(folder, "state"), JSON.stringify(database.connection)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  // Each time at another point: with the first batch on its way, or after some.
  for (const batches of [1, 3]) {
    const child = start();
    let seen = 0;
    for await (const _ of createInterface({ input: child.stdout })) {
      seen += 1;
      if (seen === batches) break;
    }
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
  start();
  const Row = Type.Object({
    events: Type.Integer(),
    devices: Type.Integer(),
    links: Type.Integer(),
    booked: Type.Integer(),
  });
  const count = async () =>
    (
      await sql.rows(
        Row,
        `select count(*) as events, count(distinct (dev_eui, body::json->>'fCnt')) as devices,
             (select count(*) from event_history_gateways) as links,
             (select coalesce(sum(rows), 0)::bigint from history_usage) as booked from event_history`,
      )
    )[0];
  const total = devices * eventsOfEach;
  await vi.waitFor(async () => expect((await count())?.events).toBeGreaterThanOrEqual(total), {
    timeout: 60_000,
    interval: 200,
  });
  expect(await count()).toEqual({ events: total, devices: total, links: total, booked: total });
}, 90_000);

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Type from "typebox";
import { expect, onTestFinished, test } from "vitest";
import { maxKeys } from "../../../app-server/history/measured.ts";
import { createMeasurements } from "../../../app-server/history/measurements.ts";
import { migrationsFolder } from "../../../compose/database.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { migrate } from "../../../platform/migrate.ts";
import { createPostgres } from "../../../platform/postgres.ts";
import { deviceOf, tenantOf } from "../../platform/frames/records.ts";
import { startTestPostgres, testSql } from "../../support/postgres.ts";
import { dayMs, startHistory, startMs, testEvent, upTo } from "./support.ts";

const hourMs = 3_600_000;
const [devEui, tenantId] = [deviceOf(1), tenantOf(1)];
const iso = (ms: number) => new Date(ms).toISOString();
const span = { since: iso(startMs), until: iso(startMs + 3 * dayMs) };

test("a device that tells much has a short row, whose sums are those of what it told", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const Row = Type.Object({ pending: Type.Integer(), hours: Type.Integer() });
  const longest = { pending: 0, hours: 0 };
  const values = upTo(1000).map(n => ({ n, atMs: startMs + n * 60_000, value: (n * 37) % 50 }));
  for (const batch of upTo(50)) {
    const events = values.slice(20 * batch, 20 * batch + 20);
    await keeper.keep(events.map(({ n, atMs, value }) => testEvent(n, { atMs, body: { object: { t: value } } })));
    const [row] = await sql.rows(
      Row,
      "select octet_length(pending) as pending, octet_length(hours::text) as hours from device_days",
    );
    for (const name of ["pending", "hours"] as const) longest[name] = Math.max(longest[name], row?.[name] ?? 0);
  }
  // Each event is some 150 bytes: 150 kB, had they been left as they came.
  expect(longest.pending).toBeLessThan(12_000);
  expect(longest.hours).toBeGreaterThan(1000);
  expect(longest.hours).toBeLessThan(12_000);
  const hours = await measurements.sums(devEui, tenantId, "t", "hour", span);
  const groups = Map.groupBy(values, ({ atMs }) => iso(Math.floor(atMs / hourMs) * hourMs));
  expect(hours.map(({ time, count, sum }) => ({ time, count, sum }))).toEqual(
    [...groups].map(([time, group]) => ({
      time,
      count: group.length,
      sum: group.reduce((so, { value }) => so + value, 0),
    })),
  );
  const [day, ...more] = await measurements.deviceMetrics(devEui, tenantId, "day", span);
  expect(more).toEqual([]);
  expect(day).toMatchObject({ time: iso(startMs), counts: { uplinks: 1000 }, figures: { rssi: { count: 1000 } } });
});

test("a span has the hours that begin in it, wherever in a day it begins and ends", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  await keeper.keep(upTo(72).map(n => testEvent(n, { atMs: startMs + n * hourMs, body: { object: { t: n } } })));
  const valuesIn = async (every: "hour" | "day", from: number, to: number) => {
    const within = { since: iso(startMs + from * hourMs), until: iso(startMs + to * hourMs) };
    return (await measurements.sums(devEui, tenantId, "t", every, within)).map(({ value }) => value);
  };
  expect(await valuesIn("hour", 5, 8)).toEqual([5, 6, 7]);
  expect(await valuesIn("hour", 22.5, 25)).toEqual([23, 24]);
  expect(await valuesIn("day", 1, 72)).toEqual([47, 71]);
});

test("the latest of each measurement is the latest, though uplinks come late and name other measurements", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const tell = (n: number, atMs: number, object: object) => keeper.keep([testEvent(n, { atMs, body: { object } })]);
  const latest = async () =>
    (await measurements.latest(devEui, tenantId, [])).map(({ key, value, time }) => [
      key,
      value,
      Date.parse(time) - startMs,
    ]);
  await tell(1, startMs + 10_000, { a: 1, b: 1 });
  await tell(2, startMs + 20_000, { a: 2 });
  await tell(3, startMs + 15_000, { a: 3, b: 3, c: 3 });
  expect(await latest()).toEqual([
    ["a", 2, 20_000],
    ["b", 3, 15_000],
    ["c", 3, 15_000],
  ]);
  const Heard = Type.Object({ heard: Type.String() });
  expect(await sql.rows(Heard, "select heard_at as heard from device_latest")).toEqual([
    { heard: iso(startMs + 20_000) },
  ]);
  await tell(4, startMs + 30_000, { a: "on" });
  expect(await latest()).toContainEqual(["a", "on", 30_000]);
});

test("a device that gives its measurements ever new names does not fill the database with them", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  for (const n of upTo(40)) {
    const object = Object.fromEntries(upTo(20).map(key => [`${"k".repeat(40)}-${n}-${key}`, n]));
    await keeper.keep([testEvent(n, { atMs: startMs + n, body: { object } })]);
  }
  const latest = await createMeasurements(sql).latest(devEui, tenantId, []);
  expect(latest).toHaveLength(maxKeys);
});

test("sums that a former version kept are what they were", async () => {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-migrations-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(migrationsFolder, folder, { recursive: true, filter: source => !/\/00(3[3-9]|[4-9]\d)_/.test(source) });
  const database = await startTestPostgres();
  const log = createLog({ level: "silent" });
  const sql = createPostgres({ connection: database.connection, log, clock: systemClock });
  onTestFinished(async () => {
    await sql.close();
    await database.drop();
  });
  await migrate(sql, pathToFileURL(`${folder}/`), log);
  const number = (value: number, atMs: number) => ({
    count: 1,
    sum: value,
    min: value,
    max: value,
    last: value,
    lastAtMs: atMs,
  });
  const months = [
    ["20251201", "2025-12-01", "2026-01-01"],
    ["20260101", "2026-01-01", "2026-02-01"],
  ];
  for (const [name, from, to] of months)
    await sql.run(`create table device_sums_${name} partition of device_sums for values from ('${from}') to ('${to}')`);
  const hours = [-1, 0, 23].map(hour => startMs + hour * hourMs);
  for (const [index, atMs] of hours.entries())
    for (const every of ["hour", "day"])
      await sql.run(
        `insert into device_sums (dev_eui, tenant_id, every, start, tally, measured) values ($1, $2, $3, $4, $5, $6)
           on conflict do nothing`,
        [
          devEui,
          tenantId,
          every,
          iso(every === "hour" ? atMs : Math.floor(atMs / dayMs) * dayMs),
          JSON.stringify({ counts: { uplinks: 1 } }),
          JSON.stringify({ t: { number: number(index, atMs) } }),
        ],
      );
  await migrate(sql, migrationsFolder, log);
  const { keeper } = startHistory(sql);
  await keeper.keep([testEvent(1, { atMs: startMs + 5, body: { object: { t: 7 } } })]);
  const measurements = createMeasurements(sql);
  const since = { since: iso(startMs - dayMs), until: span.until };
  const counted = (await measurements.sums(devEui, tenantId, "t", "hour", since)).map(({ time, count, sum }) => [
    Date.parse(time),
    count,
    sum,
  ]);
  expect(counted).toEqual([
    [hours[0], 1, 0],
    [hours[1], 2, 8],
    [hours[2], 1, 2],
  ]);
  const days = await measurements.deviceMetrics(devEui, tenantId, "day", since);
  expect(days.map(({ counts }) => counts)).toEqual([{ uplinks: 1 }, { uplinks: 3 }]);
});

import Type from "typebox";
import { expect, test } from "vitest";
import { createHistorySettings } from "../../../app-server/history/limits.ts";
import { parseTenantId } from "../../../lorawan/ids.ts";
import type { Sql } from "../../../platform/sql.ts";
import { deviceOf, gatewayOf, tenantOf, uplinkFrame } from "../../platform/frames/records.ts";
import { testSql } from "../../support/postgres.ts";
import { dayMs, startHistory, startMs, testEvent, upTo } from "./support.ts";

const Name = Type.Object({ name: Type.String() });
const partitionsOf = async (sql: Sql, table: string): Promise<readonly string[]> =>
  (
    await sql.rows(
      Name,
      `select right(c.relname, 8) as name from pg_inherits join pg_class c on c.oid = inhrelid
         where inhparent = $1::regclass order by 1`,
      [table],
    )
  ).map(({ name }) => name);

const Count = Type.Object({ n: Type.Integer() });
const countOf = async (sql: Sql, table: string, tenant?: number): Promise<number> => {
  const where = tenant === undefined ? "" : ` where tenant_id = '${tenantOf(tenant)}'`;
  return (await sql.rows(Count, `select count(*) as n from ${table}${where}`))[0]?.n ?? -1;
};

/** What is accounted for, against what there is. */
async function expectExactUse(sql: Sql): Promise<void> {
  const Sums = Type.Object({ what: Type.String(), tenant: Type.String(), rows: Type.Integer(), bytes: Type.Integer() });
  const booked = await sql.rows(
    Sums,
    `select what, tenant_id::text as tenant, sum(rows)::bigint as rows, sum(bytes)::bigint as bytes from history_usage
       where rows > 0 group by 1, 2 order by 1, 2`,
  );
  const there = await sql.rows(
    Sums,
    `select 'events' as what, tenant_id::text as tenant, count(*) as rows, sum(octet_length(body) + 200)::bigint as bytes
         from event_history group by tenant_id
       union all select 'frames', coalesce(tenant_id::text, '00000000-0000-0000-0000-000000000000'), count(*),
         sum(octet_length(phy_payload) + octet_length(details) + 200)::bigint from frame_history group by tenant_id
       order by 1, 2`,
  );
  expect(booked).toEqual(there);
}

async function withTenants() {
  const sql = await testSql();
  for (const n of [1, 2]) await sql.run("insert into tenants (id, name) values ($1, $2)", [tenantOf(n), `tenant ${n}`]);
  return sql;
}

test("partitions are made before their day begins and dropped when the last day that anybody keeps is over", async () => {
  const sql = await withTenants();
  const { clock, keeper, frameWriter, sweep } = startHistory(sql, { eventDays: 3, frameDays: 1 });
  const days: string[][] = [];
  for (const day of upTo(8)) {
    await sweep();
    days.push([...(await partitionsOf(sql, "event_history"))]);
    await keeper.keep([testEvent(day, { atMs: clock.nowMs() + 1000 })]);
    await frameWriter.write([uplinkFrame(1, { atMs: clock.nowMs() + 1000 + day })]);
    await clock.advance(dayMs);
  }
  expect(days[0]).toEqual(["20260101", "20260102", "20260103"]);
  expect(days[7]).toEqual(["20260105", "20260106", "20260107", "20260108", "20260109", "20260110"]);
  expect(await partitionsOf(sql, "event_history_gateways")).toEqual(days[7]);
  expect(await partitionsOf(sql, "frame_history")).toEqual(days[7]?.slice(2));
  expect(await countOf(sql, "event_history")).toBe(4);
  await expectExactUse(sql);
});

test("an event goes on being kept when another server has dropped the partition that was known here", async () => {
  const sql = await withTenants();
  const { clock, keeper, all } = startHistory(sql);
  await keeper.keep([testEvent(1)]);
  await sql.run("drop table event_history_20260101, event_history_gateways_20260101");
  await keeper.keep([testEvent(2)]);
  expect(await all()).toHaveLength(1);
  await clock.advance(1);
});

test("a tenant that keeps less loses its own old rows, and nobody else's", async () => {
  const sql = await withTenants();
  const limits = { eventDays: 30, frameDays: 30, measurementDays: 400, maxMegabytes: 1000 };
  const { clock, keeper, frameWriter, sweep } = startHistory(sql, limits);
  const settings = createHistorySettings(sql, limits);
  await settings.write(tenantOf(2), { eventDays: 2 });
  for (const day of upTo(6)) {
    const atMs = clock.nowMs() + 1000;
    await keeper.keep([1, 2].map(of => testEvent(2 * day + of, { of, atMs })));
    await frameWriter.write([1, 2].map(of => uplinkFrame(of, { atMs: atMs + of })));
    await clock.advance(dayMs);
  }
  await sweep();
  expect(await countOf(sql, "event_history", 1)).toBe(6);
  expect(await countOf(sql, "event_history", 2)).toBe(2);
  expect(await countOf(sql, "frame_history", 2)).toBe(6);
  await expectExactUse(sql);
  const state = await settings.read(tenantOf(2));
  expect(state).toMatchObject({ own: { eventDays: 2, frameDays: null }, limits: { eventDays: 2, frameDays: 30 } });
  expect(state.events).toMatchObject({ rows: 2, since: "2026-01-05" });
  expect(state.frames).toMatchObject({ rows: 6, since: "2026-01-01" });
});

test("a tenant over its size loses its oldest rows until it fits; what nobody owns has a limit as well", async () => {
  const sql = await withTenants();
  const { clock, keeper, frameWriter, sweep, all } = startHistory(sql, { maxMegabytes: 3 });
  const body = { text: "x".repeat(100_000) };
  await clock.advance(dayMs);
  for (const n of upTo(40)) await keeper.keep([testEvent(n, { atMs: startMs + n * 1000 * 3600, body })]);
  await keeper.keep(upTo(3).map(n => testEvent(100 + n, { of: 2 })));
  const rxInfo = [{ gatewayId: gatewayOf(1), uplinkId: 1, metadata: { text: "y".repeat(900_000) } }];
  const strangers = upTo(5).map(n => {
    const { subject: _, ...stranger } = uplinkFrame(n, { verdict: "unknown-device", atMs: startMs + n, rxInfo });
    return stranger;
  });
  await frameWriter.write(strangers);
  await sweep();
  const kept = await all({ devEui: deviceOf(1) });
  expect(kept).toHaveLength(29);
  expect(kept.at(-1)?.time).toBe(new Date(startMs + 11 * 3600 * 1000).toISOString());
  expect(await countOf(sql, "event_history", 2)).toBe(3);
  expect(await countOf(sql, "frame_history")).toBe(3);
  await expectExactUse(sql);
});

test("what a tenant kept goes with the tenant", async () => {
  const sql = await withTenants();
  const { keeper, frameWriter, sweep } = startHistory(sql);
  await keeper.keep(upTo(20).map(n => testEvent(n, { of: 1 + (n % 2) })));
  await frameWriter.write([uplinkFrame(1), uplinkFrame(2)].map(frame => ({ ...frame, atMs: startMs + 5 })));
  await sql.run("delete from tenants where id = $1", [parseTenantId(tenantOf(1))]);
  await sweep();
  expect(await countOf(sql, "event_history", 1)).toBe(0);
  expect(await countOf(sql, "event_history")).toBe(10);
  expect(await countOf(sql, "frame_history")).toBe(1);
  await expectExactUse(sql);
});

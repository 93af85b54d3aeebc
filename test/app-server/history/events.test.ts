import Type from "typebox";
import { expect, test } from "vitest";
import { eventQuery, joinsQuery } from "../../../app-server/history/search.ts";
import type { EventFilter } from "../../../app-server/history-ports.ts";
import { parseDevAddr, parseDevEui } from "../../../lorawan/ids.ts";
import { applicationOf, deviceOf, gatewayOf, tenantOf, uplinkFrame } from "../../platform/frames/records.ts";
import { testSql } from "../../support/postgres.ts";
import { dayMs, startHistory, startMs, testEvent, upTo } from "./support.ts";

test("an event that comes again, alone or among others or to two servers at once, is kept once", async () => {
  const sql = await testSql();
  const [one, other] = [startHistory(sql), startHistory(sql)];
  const events = upTo(50).map(n => testEvent(n, { kind: n % 3 === 0 ? "txack" : n % 3 === 1 ? "log" : "up" }));
  await one.keeper.keep([...events, ...events]);
  await Promise.all([
    one.keeper.keep(events),
    other.keeper.keep(events.toReversed()),
    one.keeper.keep([testEvent(50)]),
  ]);
  const found = await one.all();
  expect(found.map(({ json }) => json)).toEqual([...events, testEvent(50)].toReversed().map(({ json }) => json));
  const use = await sql.rows(Type.Object({ rows: Type.Integer() }), "select rows from history_usage");
  expect(use).toEqual([{ rows: 51 }]);
});

test("an uplink and what is logged of it are kept side by side", async () => {
  const { keeper, all } = startHistory(await testSql());
  const [up, log] = [testEvent(1), testEvent(1, { kind: "log" })];
  await keeper.keep([up, log]);
  expect((await all()).map(({ kind }) => kind)).toEqual(["up", "log"]);
});

test("events from before what anybody keeps, and from the far future, are left out and counted", async () => {
  const { keeper, all, metrics } = startHistory(await testSql());
  const odd = [startMs - 31 * dayMs, startMs + 8 * dayMs].map((atMs, n) => testEvent(n, { atMs }));
  await keeper.keep([...odd, testEvent(5)]);
  expect(await all()).toHaveLength(1);
  expect((await metrics.historyLeftOut.get()).values).toMatchObject([{ value: 2, labels: { reason: "time" } }]);
});

const mixed = [
  testEvent(1),
  testEvent(2, { of: 2 }),
  testEvent(3, { kind: "join", of: 2, body: { devAddr: "0a0b0c0d" } }),
  testEvent(4, { kind: "log", body: { description: "The Codec says: 50% [Failed]" } }),
  testEvent(5, { kind: "txack", atMs: startMs + dayMs }),
  testEvent(6, {
    atMs: startMs + dayMs + 1,
    body: { rxInfo: [{ gatewayId: gatewayOf(1) }, { gatewayId: gatewayOf(2) }] },
  }),
  testEvent(7, { kind: "log", of: 2, body: { code: "UPLINK_CODEC" } }),
];
const times = (atMs: number) => new Date(atMs).toISOString();
const searches: readonly (readonly [string, Partial<EventFilter>, readonly number[]])[] = [
  ["nothing in particular", {}, [6, 5, 7, 4, 3, 2, 1]],
  ["a device", { devEui: deviceOf(2) }, [7, 3, 2]],
  ["an application", { applicationId: applicationOf(1) }, [6, 5, 4, 1]],
  ["a tenant", { tenants: [tenantOf(2)] }, [7, 3, 2]],
  ["two tenants", { tenants: [tenantOf(2), tenantOf(1)] }, [6, 5, 7, 4, 3, 2, 1]],
  ["no tenant but an application", { tenants: [], applications: [applicationOf(2)] }, [7, 3, 2]],
  [
    "a tenant and an application of another",
    { tenants: [tenantOf(1)], applications: [applicationOf(2)] },
    [6, 5, 7, 4, 3, 2, 1],
  ],
  ["nothing that the caller may see", { tenants: [] }, []],
  ["a device of a tenant that is not the caller's", { tenants: [tenantOf(1)], devEui: deviceOf(2) }, []],
  ["a gateway", { gatewayId: gatewayOf(2) }, [6, 2]],
  ["a gateway, for one tenant", { gatewayId: gatewayOf(2), tenants: [tenantOf(1)] }, [6]],
  ["a kind", { kinds: ["log"] }, [7, 4]],
  ["two kinds", { kinds: ["join", "txack"] }, [5, 3]],
  ["an error code", { code: "OTAA" }, [4]],
  ["a DevAddr", { devAddr: parseDevAddr("0a0b0c0d") }, [3]],
  ["a time", { since: times(startMs + 3), until: times(startMs + 7) }, [4, 3]],
  ["a text, in any case and to the letter", { text: "codec says: 50% [f" }, [4]],
  ["a text that is a pattern elsewhere", { text: "50_" }, []],
  ["a device, a kind and a text", { devEui: deviceOf(2), kinds: ["log"], text: "uplink" }, [7]],
];

test.each(searches)("a search for %s finds what it should, on pages of any size", async (_name, filter, expected) => {
  const { keeper, all, clock } = startHistory(await testSql());
  await clock.advance(dayMs);
  await keeper.keep(mixed);
  const numbers = (found: readonly { readonly json: string }[]) =>
    found.map(({ json }) => mixed.findIndex(event => event.json === json) + 1);
  for (const limit of [1, 2, 100]) expect(numbers(await all(filter, limit))).toEqual(expected);
});

test("a cursor that no page gave is refused", async () => {
  const { history } = startHistory(await testSql());
  for (const after of [
    "x",
    Buffer.from("[1]").toString("base64url"),
    Buffer.from('["a","b","c"]').toString("base64url"),
  ]) {
    await expect(history.events({ tenants: "all" }, { limit: 1, after })).rejects.toThrow("after is the `next`");
  }
});

test("100,000 events of ten days are found by an index, whatever is looked for", async () => {
  const sql = await testSql();
  const { keeper, history, clock } = startHistory(sql);
  await clock.advance(10 * dayMs);
  // One a day makes the partitions; the database makes the rest.
  await keeper.keep(upTo(10).map(n => testEvent(n, { atMs: startMs + n * dayMs })));
  await sql.run(`
    with made as (
      select timestamptz '2026-01-01Z' + n * interval '8 seconds' as at, gen_random_uuid() as id, n,
        case when n % 50 = 0 then 'log' when n % 97 = 0 then 'join' else 'up' end as kind, n % 500 as device
      from generate_series(1, 100000) n),
    kept as (
      insert into event_history (at, id, kind, tenant_id, application_id, dev_eui, code, dev_addr, body)
      select at, id, kind, ('00000000-0000-4000-8000-' || lpad((device % 10)::text, 12, '0'))::uuid,
        ('00000000-0000-4000-9000-' || lpad((device % 50)::text, 12, '0'))::uuid, lpad(device::text, 16, 'd'),
        case when n % 5000 = 0 then 'OTAA' when kind = 'log' then 'ADR' end, lpad(to_hex(device), 8, '0'),
        '{"n":' || n || '}' from made returning at, id, kind)
    insert into event_history_gateways (gateway_id, at, id, kind)
      select lpad((row_number() over () % 20)::text, 16, 'a'), at, id, kind from kept`);
  await sql.run("analyze event_history, event_history_gateways");
  const Plan = Type.Object({ "QUERY PLAN": Type.String() });
  const filters: readonly Partial<EventFilter>[] = [
    {},
    ...searches.map(([, filter]) => filter),
    { devEui: deviceOf(7), since: times(startMs + 3 * dayMs), until: times(startMs + 4 * dayMs) },
    { tenants: [tenantOf(3)], kinds: ["log"] },
    { code: "OTAA", tenants: [tenantOf(0)] },
  ];
  for (const filter of filters) {
    const page = { limit: 100 };
    const { text, values } = eventQuery({ tenants: "all", ...filter }, page);
    const rows = await sql.rows(Plan, `explain ${text}`, values);
    const plan = rows.map(row => row["QUERY PLAN"]).join("\n");
    expect(plan, JSON.stringify(filter)).not.toMatch(/Seq Scan on event_history/);
    const { items, next } = await history.events({ tenants: "all", ...filter }, page);
    const again =
      next === undefined ? undefined : await history.events({ tenants: "all", ...filter }, { ...page, after: next });
    const all = [...items, ...(again?.items ?? [])];
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.map(({ time }) => time)).toEqual(
      all
        .map(({ time }) => time)
        .toSorted()
        .toReversed(),
    );
  }
  const ofDevice = await history.events({ tenants: "all", devEui: deviceOf(7) }, { limit: 1000 });
  expect(ofDevice.items).toHaveLength(200);
  expect((await history.events({ tenants: "all", code: "OTAA" }, { limit: 1000 })).items).toHaveLength(20);
});

test("a Join-Request of nobody is found by its DevEUI among 50,000, by an index", async () => {
  const sql = await testSql();
  const { frameWriter, history } = startHistory(sql);
  const joinOf = (n: number) =>
    Uint8Array.from(Buffer.from(`00${"0e".repeat(8)}${n.toString(16).padStart(16, "0")}0100aabbccdd`, "hex"));
  const { subject: _, ...frame } = uplinkFrame(1, { atMs: startMs, verdict: "refused", phyPayload: joinOf(0xabcd) });
  await frameWriter.write([frame, uplinkFrame(2, { atMs: startMs + 1 })]);
  await sql.run(`
    insert into frame_history (at, id, direction, result, phy_payload, details)
      select timestamptz '2026-01-01Z' + n * interval '1 second', gen_random_uuid(), 'up', 'refused',
        decode('00' || repeat('0e', 8) || lpad(to_hex(n), 16, '0') || '0100aabbccdd', 'hex'), '{}'
      from generate_series(1, 40000) n`);
  await sql.run("analyze frame_history");
  const wanted = [parseDevEui("cdab000000000000"), deviceOf(2)];
  const { text, values } = joinsQuery(wanted, times(startMs), 10);
  const rows = await sql.rows(Type.Object({ "QUERY PLAN": Type.String() }), `explain ${text}`, values);
  expect(rows.map(row => row["QUERY PLAN"]).join("\n")).not.toContain("Seq Scan on frame_history");
  expect(await history.joinsOfNobody(wanted, { since: times(startMs), limit: 10 })).toEqual([frame]);
});

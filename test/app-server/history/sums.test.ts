import fc from "fast-check";
import { expect, test } from "vitest";
import { createMeasurements } from "../../../app-server/history/measurements.ts";
import { deviceOf, downlinkFrame, gatewayOf, tenantOf, uplinkFrame } from "../../platform/frames/records.ts";
import { testSql } from "../../support/postgres.ts";
import { dayMs, startHistory, startMs, testEvent, upTo } from "./support.ts";

const hourMs = 3_600_000;
const span = { since: new Date(startMs).toISOString(), until: new Date(startMs + 3 * dayMs).toISOString() };
const [devEui, tenantId] = [deviceOf(1), tenantOf(1)];
const iso = (ms: number) => new Date(ms).toISOString();

test("measurements become sums of hours and days, each event once however often it comes and in whatever batches", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const values = upTo(60).map(n => ({ n, atMs: startMs + n * 30 * 60_000, value: ((n * 37) % 50) - 10 }));
  const events = values.map(({ n, atMs, value }) =>
    testEvent(n, { atMs, body: { object: { t: value, door: { open: n % 3 === 0 } } } }),
  );
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(events), fc.integer({ min: 1, max: 30 }), async (some, size) => {
      for (let at = 0; at < some.length; at += size) await keeper.keep(some.slice(at, at + size));
    }),
    { numRuns: 5 },
  );
  const other = startHistory(sql).keeper;
  await Promise.all([keeper.keep(events), other.keep(events.toReversed())]);
  for (const [every, lengthMs] of [
    ["hour", hourMs],
    ["day", dayMs],
  ] as const) {
    const points = await measurements.sums(devEui, tenantId, "t", every, span);
    const groups = Map.groupBy(values, ({ atMs }) => Math.floor(atMs / lengthMs) * lengthMs);
    expect(points).toEqual(
      [...groups].map(([start, group]) => {
        const sum = group.reduce((so, { value }) => so + value, 0);
        const all = group.map(({ value }) => value);
        return {
          time: iso(start),
          value: all.at(-1),
          count: all.length,
          sum,
          min: Math.min(...all),
          max: Math.max(...all),
          average: sum / all.length,
        };
      }),
    );
  }
  const [day] = await measurements.sums(devEui, tenantId, "door.open", "day", span);
  expect(day).toMatchObject({ count: 48, value: "false" });
  expect(new Map(day?.states?.map(({ state, count }) => [state, count]))).toEqual(
    new Map([
      ["true", 16],
      ["false", 32],
    ]),
  );
  expect(await measurements.latest(devEui, tenantId, [{ key: "t", name: "Air", unit: "°C", kind: "gauge" }])).toEqual([
    {
      key: "door.open",
      name: "door.open",
      unit: "",
      kind: "state",
      value: "false",
      time: iso(startMs + 59 * 30 * 60_000),
    },
    {
      key: "t",
      name: "Air",
      unit: "°C",
      kind: "gauge",
      value: values[59]?.value,
      time: iso(startMs + 59 * 30 * 60_000),
    },
  ]);
  const raw = await measurements.values(devEui, tenantId, "t", span, 100);
  expect(raw).toEqual(values.map(({ atMs, value }) => ({ time: iso(atMs), value })));
  expect(await measurements.values(devEui, tenantId, "t", span, 59)).toBeUndefined();
});

test("two servers that keep the same events from either end do not lock each other out", async () => {
  const sql = await testSql();
  const keepers = [startHistory(sql).keeper, startHistory(sql).keeper];
  for (const round of upTo(10)) {
    const events = upTo(200).map(n => testEvent(200 * round + n, { body: { object: { t: n } } }));
    await Promise.all(keepers.map((keeper, index) => keeper.keep(index === 0 ? events : events.toReversed())));
  }
  const [day] = await createMeasurements(sql).sums(devEui, tenantId, "t", "day", span);
  expect(day).toMatchObject({ count: 2000 });
});

test("a device that belongs to another tenant begins anew there", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const [first, second] = [1, 2].map(n => testEvent(n, { body: { object: { t: n } } }));
  await keeper.keep([first!, { ...second!, tenantId: tenantOf(2) }]);
  for (const n of [1, 2]) {
    expect(await measurements.latest(devEui, tenantOf(n), [])).toMatchObject([{ value: n }]);
    expect(await measurements.sums(devEui, tenantOf(n), "t", "day", span)).toMatchObject([{ count: 1, sum: n }]);
  }
});

test("link, joins, acknowledgements and errors of a device and its tenant are counted", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const heard = (rssi: number, snr: number) => ({
    rxInfo: [
      { gatewayId: gatewayOf(1), rssi, snr },
      { gatewayId: gatewayOf(2), rssi: -120, snr: -20 },
    ],
  });
  await keeper.keep([
    testEvent(1, { body: { ...heard(-80, 5), txInfo: { frequency: 868_100_000 } } }),
    testEvent(2, { body: { ...heard(-90, 7), dr: 3 } }),
    testEvent(3, { kind: "join" }),
    testEvent(4, { kind: "ack", body: { acknowledged: true } }),
    testEvent(5, { kind: "ack", body: { acknowledged: false } }),
    testEvent(6, { kind: "log" }),
    testEvent(7, { kind: "log", body: { level: "INFO", code: "ADR" } }),
    testEvent(8, { kind: "status", body: { batteryLevel: 80, margin: 7 } }),
    testEvent(9, { kind: "txack" }),
    testEvent(10, { of: 2 }),
  ]);
  const [point, ...more] = await measurements.deviceMetrics(devEui, tenantId, "hour", span);
  expect(more).toEqual([]);
  expect(point).toEqual({
    time: iso(startMs),
    counts: { uplinks: 2, joins: 1, acks: 1, nacks: 1, errors: 1, notes: 1, statuses: 1, downlinks: 1 },
    by: { dataRate: { 3: 1, 5: 1 }, frequency: { 868100000: 1 }, error: { OTAA: 1 } },
    figures: {
      rssi: { count: 2, average: -85, min: -90, max: -80 },
      snr: { count: 2, average: 6, min: 5, max: 7 },
      gateways: { count: 2, average: 2, min: 2, max: 2 },
      battery: { count: 1, average: 80, min: 80, max: 80 },
      margin: { count: 1, average: 7, min: 7, max: 7 },
    },
  });
  expect(await measurements.tenantMetrics([tenantOf(1)], "day", span, startMs)).toMatchObject([
    { counts: { uplinks: 2, errors: 1 } },
  ]);
  expect(await measurements.tenantMetrics([tenantOf(2)], "day", span, startMs)).toMatchObject([
    { counts: { uplinks: 1 } },
  ]);
});

test("tenants are added up: several, and all, whose hours that are over are read again when they may have changed", async () => {
  const sql = await testSql();
  const { keeper } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const heard = (rssi: number, dr: number) => ({ body: { rxInfo: [{ gatewayId: gatewayOf(1), rssi, snr: 1 }], dr } });
  const hourMs = 3_600_000;
  await keeper.keep([
    testEvent(1, { of: 1, ...heard(-80, 5) }),
    testEvent(2, { of: 2, ...heard(-100, 5) }),
    testEvent(3, { of: 3, ...heard(-60, 3) }),
    testEvent(4, { of: 3, kind: "join", atMs: startMs + hourMs }),
  ]);
  const nowMs = startMs + 5 * hourMs;
  const sums = (tenants: "all" | readonly number[], atMs = nowMs) =>
    measurements.tenantMetrics(tenants === "all" ? tenants : tenants.map(tenantOf), "hour", span, atMs);
  const first = { time: iso(startMs), counts: { uplinks: 2 }, by: { dataRate: { 5: 2 } } };
  expect(await sums([1, 2])).toMatchObject([
    { ...first, figures: { rssi: { count: 2, average: -90, min: -100, max: -80 } } },
  ]);
  expect(await sums([])).toEqual([]);
  const all = await sums("all");
  expect(all).toMatchObject([
    { counts: { uplinks: 3 }, by: { dataRate: { 3: 1, 5: 2 } }, figures: { rssi: { count: 3, average: -80 } } },
    { time: iso(startMs + hourMs), counts: { joins: 1 } },
  ]);
  expect(await sums([1, 2, 3])).toEqual(all);

  await keeper.keep([testEvent(5, { of: 2 }), testEvent(6, { of: 1, atMs: nowMs })]);
  const uplinks = (points: Awaited<ReturnType<typeof sums>>) => points.map(({ counts }) => counts.uplinks);
  // What goes on is as it is now; one that came late shows some minutes later.
  expect(uplinks(await sums("all"))).toEqual([3, undefined, 1]);
  expect(uplinks(await sums("all", nowMs + 11 * 60_000))).toEqual([4, undefined, 1]);
});

test("what gateways received and sent is counted once, though a batch of frames comes twice", async () => {
  const sql = await testSql();
  const { frameWriter } = startHistory(sql);
  const measurements = createMeasurements(sql);
  const rxInfo = [1, 2].map(n => ({ gatewayId: gatewayOf(n), uplinkId: n, rssi: -80, snr: 7 }));
  const frames = [
    ...upTo(3).map(n => uplinkFrame(n, { atMs: startMs + n, rxInfo, verdict: n === 0 ? "bad-mic" : "accepted" })),
    downlinkFrame(9, {
      atMs: startMs + 5,
      attempts: [
        { gatewayId: gatewayOf(1), window: "RX1", status: "TOO_LATE" },
        { gatewayId: gatewayOf(2), window: "RX1", status: "OK" },
      ],
    }),
  ];
  await frameWriter.write(frames);
  await frameWriter.write(frames);
  const [first] = await measurements.gatewayMetrics(gatewayOf(1), "hour", span);
  expect(first).toMatchObject({
    counts: { received: 3, refused: 1 },
    by: {
      frequency: { 868100000: 3 },
      dataRate: { SF7BW125: 3 },
      channel: { "868100000 SF7BW125": 3 },
      verdict: { "bad-mic": 1, accepted: 2 },
      status: { TOO_LATE: 1 },
    },
    figures: { rssi: { count: 3, average: -80 } },
  });
  const [second] = await measurements.gatewayMetrics(gatewayOf(2), "day", span);
  expect(second).toMatchObject({
    counts: { received: 3, sent: 1 },
    by: { status: { OK: 1 }, downlinkFrequency: { 868100000: 1 } },
  });
});

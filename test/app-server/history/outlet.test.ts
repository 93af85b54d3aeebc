import { expect, test } from "vitest";
import type { EventKeeper } from "../../../app-server/batch-outlet.ts";
import { createEventConsumer } from "../../../app-server/events.ts";
import type { ApplicationEvent, EventSink } from "../../../app-server/ports.ts";
import { createAppSKeyVault } from "../../../app-server/vault.ts";
import { SqlError } from "../../../platform/errors.ts";
import { createLocalLeases } from "../../../platform/leases/local.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { createEventLog } from "../support/event-log.ts";
import { bytesOf, directoryDevice, randomDevEui, uplinkRecord } from "../support/fixtures.ts";
import { upTo } from "./support.ts";

const away = () => new SqlError("sql_unavailable", "the database cannot be reached");

function createScene(maxBacklog = 1_000_000, busyShare = () => 0) {
  const log = createEventLog();
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const state = { fault: undefined as (() => Error) | undefined, refuses: (_event: ApplicationEvent) => false };
  const kept: ApplicationEvent[] = [];
  const batches: number[] = [];
  const delivered: ApplicationEvent[] = [];
  const keeper: EventKeeper = {
    async keep(events) {
      if (state.fault) throw state.fault();
      if (events.some(state.refuses)) throw new SqlError("sql_invalid_value", "a value does not fit its column");
      batches.push(events.length);
      kept.push(...events);
    },
  };
  const mqtt: EventSink = { name: "mqtt", deliver: async event => void delivered.push(event) };
  const start = async () => {
    const failed = async () => ({ kind: "failed", message: "" }) as const;
    const consumer = createEventConsumer({
      store: log.store,
      leases: createLocalLeases(),
      directory: {
        device: async devEui => directoryDevice({ kind: "none" }, { devEui }),
        deviceIn: async (_applicationId, devEui) => directoryDevice({ kind: "none" }, { devEui }),
      },
      vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
      sandbox: { decode: failed, decodeDownlink: failed, encode: failed, close: async () => undefined },
      sinks: [mqtt],
      history: { keeper, maxBacklog, busyShare },
      clock,
      metrics,
      log: createLog({ level: "silent" }),
    });
    await consumer.start();
    await clock.settle();
    return consumer;
  };
  const devices = upTo(20).map(randomDevEui);
  const uplink = (fCnt: number, devEui = devices[fCnt % devices.length]!) =>
    log.append(devEui, bytesOf(uplinkRecord({ devEui, fCnt })));
  const counters = (events: readonly ApplicationEvent[]): number[] => events.map(({ json }) => JSON.parse(json).fCnt);
  const leftOut = async () => (await metrics.historyLeftOut.get()).values;
  return { ...log, clock, state, kept, batches, delivered, start, uplink, devices, counters, leftOut };
}

const sorted = (numbers: readonly number[]) => numbers.toSorted((left, right) => left - right);

test("the history takes every event, many at a time, and the log is trimmed behind it", async () => {
  const scene = createScene();
  const consumer = await scene.start();
  for (const n of upTo(200)) scene.uplink(n);
  await scene.clock.advance(2000);
  expect(sorted(scene.counters(scene.kept))).toEqual(upTo(200));
  expect(scene.batches.length).toBeLessThan(50);
  expect(scene.waiting()).toBe(0);
  await consumer.close();
});

test("the busier the process is, the longer the history rests, and it makes up for it when there is time", async () => {
  let busy = 1;
  const scene = createScene(1_000_000, () => busy);
  const consumer = await scene.start();
  for (const n of upTo(1000)) scene.uplink(n);
  await scene.clock.advance(14_000);
  expect(scene.delivered).toHaveLength(1000);
  expect(scene.batches).toHaveLength(3);
  busy = 0.4;
  await scene.clock.advance(5_000);
  expect(sorted(scene.counters(scene.kept))).toEqual(upTo(1000));
  await consumer.close();
});

test("a database that is away holds nobody up, and gets what it missed when it is back", async () => {
  const scene = createScene();
  await scene.start();
  scene.state.fault = away;
  for (const n of upTo(1000)) scene.uplink(n);
  await scene.clock.advance(60_000);
  expect(scene.delivered).toHaveLength(1000);
  expect(scene.kept).toEqual([]);
  expect(scene.waiting()).toBe(1000);
  scene.state.fault = undefined;
  await scene.clock.advance(30_000);
  expect(sorted(scene.counters(scene.kept))).toEqual(upTo(1000));
  expect(scene.waiting()).toBe(0);
  expect(await scene.leftOut()).toEqual([]);
});

test("what waits while it is away is bounded: the oldest are left out, and counted", async () => {
  const [scene, perPartition] = [createScene(256 * 100), 100];
  await scene.start();
  scene.state.fault = away;
  const [devEui] = scene.devices;
  for (const n of upTo(1000)) scene.uplink(n, devEui);
  await scene.clock.advance(60_000);
  expect(scene.delivered).toHaveLength(1000);
  expect(scene.waiting()).toBeLessThanOrEqual(perPartition);
  scene.state.fault = undefined;
  await scene.clock.advance(30_000);
  const kept = scene.counters(scene.kept);
  expect(kept).toEqual(upTo(1000).slice(-kept.length));
  expect(kept.length).toBeGreaterThan(perPartition / 2);
  expect(await scene.leftOut()).toMatchObject([
    { value: 1000 - kept.length, labels: { what: "events", reason: "backlog" } },
  ]);
});

test("an event that the database refuses for good is left out alone", async () => {
  const scene = createScene();
  await scene.start();
  scene.state.refuses = ({ json }) => JSON.parse(json).fCnt === 7;
  for (const n of upTo(20)) scene.uplink(n);
  await scene.clock.advance(5000);
  expect(sorted(scene.counters(scene.kept))).toEqual(upTo(20).filter(n => n !== 7));
  expect(scene.waiting()).toBe(0);
  expect(await scene.leftOut()).toMatchObject([{ value: 1, labels: { reason: "refused" } }]);
});

test("a stop while the database is away ends soon, and the next start gives it what waits", async () => {
  const scene = createScene();
  const consumer = await scene.start();
  scene.state.fault = away;
  for (const n of upTo(50)) scene.uplink(n);
  await scene.clock.advance(5000);
  const closed = consumer.close();
  await scene.clock.advance(3000);
  await closed;
  scene.state.fault = undefined;
  await scene.start();
  await scene.clock.advance(1000);
  expect(sorted(scene.counters(scene.kept))).toEqual(upTo(50));
  expect(scene.delivered).toHaveLength(50);
});

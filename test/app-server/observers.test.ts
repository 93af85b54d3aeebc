import { expect, test } from "vitest";
import type { EventKeeper } from "../../app-server/batch-outlet.ts";
import { createEventConsumer, type EventConsumer } from "../../app-server/events.ts";
import type { ApplicationEvent, EventSink } from "../../app-server/ports.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { SqlError } from "../../platform/errors.ts";
import { createLocalLeases } from "../../platform/leases/local.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { partitionOf } from "../../platform/state/store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { createEventLog } from "./support/event-log.ts";
import { bytesOf, directoryDevice, randomDevEui, uplinkRecord } from "./support/fixtures.ts";

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const counters = (events: readonly ApplicationEvent[]) =>
  events.map(({ json }): number => JSON.parse(json).fCnt).toSorted((left, right) => left - right);

/** An observer that gathers in memory and writes down when it is told to, as alerts do with who was heard. */
function createGatherer() {
  const state = { fault: undefined as Error | undefined, refuses: (_event: ApplicationEvent) => false };
  const given: ApplicationEvent[] = [];
  const written: ApplicationEvent[] = [];
  let gathered: ApplicationEvent[] = [];
  const keeper: EventKeeper = {
    async keep(events) {
      if (state.fault) throw state.fault;
      if (events.some(state.refuses)) throw new SqlError("sql_invalid_value", "a value does not fit its column");
      given.push(...events);
      gathered.push(...events);
    },
    async flush() {
      if (state.fault) throw state.fault;
      written.push(...gathered);
      gathered = [];
    },
  };
  const forget = (): void => {
    gathered = [];
  };
  return { keeper, state, given, written, forget };
}

function createScene(observers = [createGatherer()]) {
  const log = createEventLog();
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const history: ApplicationEvent[] = [];
  const delivered: ApplicationEvent[] = [];
  const mqtt: EventSink = { name: "mqtt", deliver: async event => void delivered.push(event) };
  const failed = async () => ({ kind: "failed", message: "" }) as const;
  const start = async (): Promise<EventConsumer> => {
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
      // This process is always at work.
      history: { keeper: { keep: async events => void history.push(...events) }, maxBacklog: 1e6, busyShare: () => 1 },
      observers: observers.map(({ keeper }) => keeper),
      clock,
      metrics,
      log: createLog({ level: "silent" }),
    });
    await consumer.start();
    await clock.settle();
    return consumer;
  };
  const devices = upTo(500).map(randomDevEui);
  const uplink = (fCnt: number, devEui = devices[fCnt % devices.length]!) =>
    log.append(devEui, bytesOf(uplinkRecord({ devEui, fCnt })));
  const unobserved = async () => (await metrics.eventsUnobserved.get()).values.map(({ value }) => value);
  return { ...log, clock, history, delivered, start, uplink, devices, unobserved, observer: observers[0]! };
}

test("alerts and twins have each event at once where the history rests on a busy process", async () => {
  const { start, uplink, clock, observer, history } = createScene();
  const consumer = await start();
  for (const n of upTo(2000)) uplink(n);
  await clock.advance(1000);
  expect(counters(observer.given)).toEqual(upTo(2000));
  expect(history.length).toBeLessThan(500);
  await consumer.close();
});

test("a position is saved only when what was gathered up to it is written down", async () => {
  const scene = createScene();
  const { clock, observer, devices } = scene;
  const first = await scene.start();
  for (const n of upTo(50)) scene.uplink(n);
  await clock.advance(4000);
  expect(observer.given).toHaveLength(50);
  expect(scene.cursorsOf("observers")).toBe(0);
  // The process dies, and with it what it had gathered.
  observer.state.fault = new SqlError("sql_unavailable", "the database cannot be reached");
  const died = first.close();
  await clock.advance(3000);
  await died;
  observer.state.fault = undefined;
  observer.forget();
  const second = await scene.start();
  await clock.advance(6000);
  expect(counters(observer.written)).toEqual(upTo(50));
  expect(scene.delivered).toHaveLength(50);
  expect(scene.waiting()).toBe(0);
  for (const n of upTo(50)) scene.uplink(50 + n);
  await clock.advance(1000);
  await second.close();
  expect(counters(observer.written)).toEqual(upTo(100));
  const third = await scene.start();
  await clock.advance(6000);
  expect(observer.given).toHaveLength(150);
  expect(devices.every(devEui => third.isObserved(partitionOf(devEui)))).toBe(true);
  await third.close();
});

test("a database that is away holds nobody up, and nothing is left out however long it is", async () => {
  const scene = createScene();
  const { clock, observer, devices } = scene;
  const consumer = await scene.start();
  observer.state.fault = new SqlError("sql_unavailable", "the database cannot be reached");
  for (const n of upTo(3000)) scene.uplink(n);
  await clock.advance(60_000);
  expect(scene.delivered).toHaveLength(3000);
  expect(devices.some(devEui => consumer.isObserved(partitionOf(devEui)))).toBe(false);
  observer.state.fault = undefined;
  await clock.advance(30_000);
  expect(counters(observer.written)).toEqual(upTo(3000));
  expect(devices.every(devEui => consumer.isObserved(partitionOf(devEui)))).toBe(true);
  await consumer.close();
});

test("what the database refuses of one observer costs the other nothing", async () => {
  const [twins, alerts] = [createGatherer(), createGatherer()];
  const scene = createScene([twins, alerts]);
  const consumer = await scene.start();
  twins.state.refuses = ({ json }) => JSON.parse(json).fCnt === 7;
  for (const n of upTo(20)) scene.uplink(n);
  await scene.clock.advance(6000);
  expect(counters(twins.written)).toEqual(upTo(20).filter(n => n !== 7));
  expect(counters(alerts.written)).toEqual(upTo(20));
  expect(await scene.unobserved()).toEqual([1]);
  await consumer.close();
});

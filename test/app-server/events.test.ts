import { expect, test } from "vitest";
import { createEventConsumer, type EventConsumer } from "../../app-server/events.ts";
import type { ApplicationEvent, CodecSandbox, DirectoryDevice, EventSink } from "../../app-server/ports.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { type ApplicationId, type DevEui, parseApplicationId } from "../../lorawan/ids.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";
import { createLocalLeases } from "../../platform/leases/local.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { createSink } from "./support/controlled-sink.ts";
import { createEventLog } from "./support/event-log.ts";
import {
  bytesOf,
  deviceInfo,
  directoryDevice,
  otherApplicationId,
  randomDevEui,
  uplinkRecord,
} from "./support/fixtures.ts";

const formerApplicationId = parseApplicationId("37c82e96-be03-4f38-aef3-f83d48582d97");

const noCodecs: CodecSandbox = {
  decode: async () => ({ kind: "failed", message: "no codecs here" }),
  decodeDownlink: async () => ({ kind: "failed", message: "no codecs here" }),
  encode: async () => ({ kind: "failed", message: "no codecs here" }),
  close: async () => undefined,
};

function createScene(devices: ReadonlyMap<DevEui, DirectoryDevice> | undefined = undefined, realClock?: Clock) {
  const log = createEventLog();
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const consumers: EventConsumer[] = [];
  const asks: DevEui[] = [];
  const directory = {
    async device(devEui: DevEui) {
      asks.push(devEui);
      return devices === undefined ? directoryDevice({ kind: "none" }, { devEui }) : devices.get(devEui);
    },
    deviceIn: async (applicationId: ApplicationId, devEui: DevEui) =>
      applicationId === formerApplicationId
        ? directoryDevice({ kind: "none" }, { devEui, applicationId, applicationName: "Former" })
        : undefined,
  };
  return {
    ...log,
    clock,
    metrics,
    asks,
    async start(...sinks: EventSink[]): Promise<EventConsumer> {
      const vault = createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) });
      const consumer = createEventConsumer({
        store: log.store,
        leases: createLocalLeases(),
        directory,
        vault,
        sandbox: noCodecs,
        sinks,
        clock: realClock ?? clock,
        metrics,
        log: createLog({ level: "silent" }),
        maxInFlight: 32,
      });
      consumers.push(consumer);
      await consumer.start();
      await clock.settle();
      return consumer;
    },
    up: (devEui: DevEui, fCnt: number) => log.append(devEui, bytesOf(uplinkRecord({ devEui, fCnt }))),
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test("delivers to every sink in order per device, and trims the log behind them", async () => {
  const scene = createScene();
  const [first, second] = [createSink("first"), createSink("second")];
  const devices = upTo(20).map(randomDevEui);
  for (const fCnt of upTo(100)) for (const devEui of devices) scene.up(devEui, fCnt);
  const consumer = await scene.start(first.sink, second.sink);
  for (const fCnt of upTo(50)) for (const devEui of devices) scene.up(devEui, 100 + fCnt);
  await scene.clock.advance(1000);
  for (const devEui of devices) {
    expect(first.counters(devEui)).toEqual(upTo(150));
    expect(second.counters(devEui)).toEqual(upTo(150));
  }
  expect(scene.waiting()).toBe(0);
  await consumer.close();
});

test("what is told with its source is neither read nor parsed, and delivered as if it were", async () => {
  const scene = createScene();
  const { sink, taken } = createSink("one");
  await scene.start(sink);
  const source = uplinkRecord({ devEui: randomDevEui(), fCnt: 7 });
  scene.setReadable(false);
  scene.append(source.devEui, bytesOf("nothing that could be parsed"), source);
  await scene.clock.advance(10);
  expect(taken).toHaveLength(1);
  scene.setReadable(true);
  scene.append(source.devEui, bytesOf(source));
  await scene.clock.advance(10);
  expect(taken[1]?.json).toBe(taken[0]?.json);
});

test("sinks that keep pace share one decoding", async () => {
  const scene = createScene();
  const devEui = randomDevEui();
  await scene.start(createSink("a").sink, createSink("b").sink, createSink("c").sink);
  scene.up(devEui, 1);
  await scene.clock.advance(10);
  expect(scene.asks).toEqual([devEui]);
});

test("a sink that wants nothing is passed by, and nothing is decoded for it; from when it wants something it gets that", async () => {
  const scene = createScene();
  const devEui = randomDevEui();
  const { sink, counters } = createSink("integrations");
  const state = { isIdle: true };
  const consumer = await scene.start({
    ...sink,
    get isIdle() {
      return state.isIdle;
    },
  });
  scene.up(devEui, 1);
  await scene.clock.advance(1000);
  expect(scene.asks).toEqual([]);
  expect(scene.waiting()).toBe(0);
  state.isIdle = false;
  scene.up(devEui, 2);
  await scene.clock.advance(1000);
  expect(counters()).toEqual([2]);
  await consumer.close();
});

test("a crash between delivery and saving the position delivers again under the same identifier and loses nothing", async () => {
  const scene = createScene();
  const devEui = randomDevEui();
  const before = createSink("mqtt");
  before.state.holds = event => JSON.parse(event.json).fCnt === 2;
  await scene.start(before.sink);
  for (const fCnt of upTo(4)) scene.up(devEui, fCnt);
  await scene.clock.settle();
  expect(before.counters()).toEqual([0, 1]);

  // The process dies here: positions were never saved, and the first consumer is left as it stands.
  const after = createSink("mqtt");
  await scene.start(after.sink);
  await scene.clock.settle();
  expect(after.counters()).toEqual([0, 1, 2, 3]);
  const identifiers = (events: readonly ApplicationEvent[]) =>
    events.map(event => JSON.parse(event.json).deduplicationId);
  expect(identifiers(after.taken).slice(0, 2)).toEqual(identifiers(before.taken));
});

test("a restart goes on after what was saved", async () => {
  const scene = createScene();
  const devEui = randomDevEui();
  const before = createSink("mqtt");
  const slow = createSink("slow");
  slow.state.holds = () => true;
  const consumer = await scene.start(before.sink, slow.sink);
  for (const fCnt of upTo(3)) scene.up(devEui, fCnt);
  await scene.clock.advance(500);
  const closed = consumer.close();
  await scene.clock.advance(3000);
  await closed;
  scene.up(devEui, 3);
  const [after, slowAfter] = [createSink("mqtt"), createSink("slow")];
  await scene.start(after.sink, slowAfter.sink);
  await scene.clock.settle();
  expect(after.counters()).toEqual([3]);
  expect(slowAfter.counters()).toEqual([0, 1, 2, 3]);
});

test("a restart after everything was taken delivers nothing again", async () => {
  const scene = createScene();
  const consumer = await scene.start(createSink("first").sink, createSink("second").sink);
  const devices = upTo(20).map(randomDevEui);
  for (const fCnt of upTo(5)) for (const devEui of devices) scene.up(devEui, fCnt);
  await scene.clock.advance(1000);
  await consumer.close();
  for (const devEui of devices) scene.up(devEui, 5);
  const [first, second] = [createSink("first"), createSink("second")];
  await scene.start(first.sink, second.sink);
  await scene.clock.settle();
  for (const devEui of devices) for (const sink of [first, second]) expect(sink.counters(devEui)).toEqual([5]);
});

test("a sink that has fallen behind a restart's other sink goes on from its own position", async () => {
  const scene = createScene();
  const [healthy, hung] = [createSink("healthy"), createSink("hung")];
  hung.state.holds = event => JSON.parse(event.json).fCnt >= 3;
  const consumer = await scene.start(healthy.sink, hung.sink);
  const devEui = randomDevEui();
  for (const fCnt of upTo(10)) scene.up(devEui, fCnt);
  await scene.clock.advance(1000);
  const closed = consumer.close();
  await scene.clock.advance(3000);
  await closed;
  const [healthyAgain, hungAgain] = [createSink("healthy"), createSink("hung")];
  await scene.start(healthyAgain.sink, hungAgain.sink);
  await scene.clock.settle();
  expect(healthyAgain.counters()).toEqual([]);
  expect(hungAgain.counters()).toEqual([3, 4, 5, 6, 7, 8, 9]);
});

test("a backlog leaves the event loop its turns, although every delivery ends at once", async () => {
  const scene = createScene(undefined, systemClock);
  const devices = upTo(50).map(randomDevEui);
  for (const fCnt of upTo(300)) for (const devEui of devices) scene.up(devEui, fCnt);
  const sink = createSink("mqtt");
  let turns = 0;
  const count = () => {
    turns += 1;
    if (sink.taken.length < 15_000) setImmediate(count);
  };
  setImmediate(count);
  const consumer = await scene.start(sink.sink);
  while (sink.taken.length < 15_000) await new Promise(resolve => setImmediate(resolve));
  expect(turns).toBeGreaterThan(3);
  await consumer.close();
});

test("a sink that hangs holds up no other sink", async () => {
  const scene = createScene();
  const [hung, healthy] = [createSink("hung"), createSink("healthy")];
  hung.state.holds = () => true;
  await scene.start(hung.sink, healthy.sink);
  const devices = upTo(50).map(randomDevEui);
  for (const fCnt of upTo(40)) for (const devEui of devices) scene.up(devEui, fCnt);
  await scene.clock.advance(1000);
  expect(healthy.taken.length).toBe(2000);
  expect(hung.taken.length).toBe(0);
  expect(scene.waiting()).toBe(2000);
});

test("a delivery that hangs holds up no other device", async () => {
  const scene = createScene();
  const sink = createSink("mqtt");
  const [stuck, free] = [randomDevEui(), randomDevEui()];
  sink.state.holds = event => event.devEui === stuck;
  await scene.start(sink.sink);
  for (const fCnt of upTo(5)) {
    scene.up(stuck, fCnt);
    scene.up(free, fCnt);
  }
  await scene.clock.advance(300);
  expect(sink.counters(free)).toEqual(upTo(5));
  expect(sink.counters(stuck)).toEqual([]);
  sink.state.holds = () => false;
  sink.release();
  await scene.clock.advance(300);
  expect(sink.counters(stuck)).toEqual(upTo(5));
  expect(scene.waiting()).toBe(0);
});

test("what came while a sink was out is delivered in order when it is back", async () => {
  const scene = createScene();
  const sink = createSink("mqtt");
  const devices = upTo(10).map(randomDevEui);
  sink.state.out = true;
  await scene.start(sink.sink);
  for (const fCnt of upTo(200)) {
    for (const devEui of devices) scene.up(devEui, fCnt);
    if (fCnt % 50 === 0) await scene.clock.advance(5000);
  }
  expect(sink.taken).toEqual([]);
  sink.state.out = false;
  await scene.clock.advance(60_000);
  for (const devEui of devices) expect(sink.counters(devEui)).toEqual(upTo(200));
  expect(scene.waiting()).toBe(0);
});

test("a store that cannot be read for a while loses nothing", async () => {
  const scene = createScene();
  const sink = createSink("mqtt");
  const devEui = randomDevEui();
  await scene.start(sink.sink);
  scene.setReadable(false);
  scene.up(devEui, 0);
  await scene.clock.advance(5000);
  scene.setReadable(true);
  scene.up(devEui, 1);
  await scene.clock.advance(5000);
  expect(sink.counters()).toEqual([0, 1]);
});

test("what a device said before it moved is delivered to the application that it was in, in order", async () => {
  const devEui = randomDevEui();
  const moved = directoryDevice({ kind: "none" }, { devEui, applicationId: otherApplicationId });
  const scene = createScene(new Map([[devEui, moved]]));
  const sink = createSink("mqtt");
  for (const [fCnt, applicationId] of [formerApplicationId, formerApplicationId, otherApplicationId].entries()) {
    scene.append(devEui, bytesOf(uplinkRecord({ devEui, applicationId, fCnt })));
  }
  await scene.start(sink.sink);
  await scene.clock.advance(500);
  const told = sink.taken.map(({ applicationId, json }) => {
    const { fCnt, deviceInfo } = JSON.parse(json);
    return [fCnt, applicationId, deviceInfo.applicationId];
  });
  expect(told).toEqual([
    [0, formerApplicationId, formerApplicationId],
    [1, formerApplicationId, formerApplicationId],
    [2, otherApplicationId, otherApplicationId],
  ]);
  expect(scene.waiting()).toBe(0);
});

test("records that are malformed, of deleted devices or of unknown applications are counted and skipped", async () => {
  const [known, deleted, moved] = [randomDevEui(), randomDevEui(), randomDevEui()];
  const device = (devEui: DevEui) => directoryDevice({ kind: "none" }, { ...deviceInfo, devEui });
  const movedDevice = directoryDevice({ kind: "none" }, { devEui: moved, applicationId: otherApplicationId });
  const scene = createScene(
    new Map([
      [known, device(known)],
      [moved, movedDevice],
    ]),
  );
  const sink = createSink("mqtt");
  scene.append(known, Buffer.from("{"));
  scene.append(known, bytesOf(uplinkRecord({ devEui: deleted })));
  scene.up(deleted, 1);
  scene.up(moved, 1);
  scene.up(known, 1);
  await scene.start(sink.sink);
  await scene.clock.advance(500);
  expect(sink.taken.map(event => event.devEui)).toEqual([known]);
  expect(scene.waiting()).toBe(0);
  const { values } = await scene.metrics.eventsSkipped.get();
  expect(Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]))).toEqual({
    malformed: 2,
    unknown_device: 1,
    unknown_application: 1,
  });
});

test("without a listener the live feed costs nothing: no decoding and no position", async () => {
  const scene = createScene();
  const consumer = await scene.start();
  const devEui = randomDevEui();
  scene.up(devEui, 1);
  await scene.clock.advance(500);
  expect(scene.asks).toEqual([]);
  expect(scene.waiting()).toBe(0);
  consumer.feed.subscribe(() => undefined);
  scene.up(devEui, 2);
  await scene.clock.advance(500);
  expect(scene.asks).toEqual([devEui]);
  expect(scene.cursorsOf("sink:feed")).toBe(0);
});

test("the live feed tells what comes from now on, also while a sink is far behind", async () => {
  const scene = createScene();
  const hung = createSink("hung");
  hung.state.holds = () => true;
  const consumer = await scene.start(hung.sink);
  const devEui = randomDevEui();
  for (const fCnt of upTo(500)) scene.up(devEui, fCnt);
  await scene.clock.settle();
  const seen: number[] = [];
  consumer.feed.subscribe(event => seen.push(JSON.parse(event.json).fCnt));
  for (const fCnt of [500, 501, 502]) scene.up(devEui, fCnt);
  await scene.clock.settle();
  expect(seen).toEqual([500, 501, 502]);
});

test("the live feed gets events, and a listener that throws or leaves disturbs nothing", async () => {
  const scene = createScene();
  const sink = createSink("mqtt");
  const consumer = await scene.start(sink.sink);
  const devEui = randomDevEui();
  const seen: string[] = [];
  consumer.feed.subscribe(() => {
    throw new Error("a broken listener");
  });
  const leave = consumer.feed.subscribe(event => seen.push(event.kind));
  scene.up(devEui, 1);
  await scene.clock.settle();
  leave();
  scene.up(devEui, 2);
  await scene.clock.settle();
  expect(seen).toEqual(["up"]);
  expect(sink.counters()).toEqual([1, 2]);
});

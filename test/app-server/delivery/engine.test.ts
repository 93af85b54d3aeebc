import Type from "typebox";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { defineSink } from "../../../app-server/integration/sinks/kind.ts";
import type { SinkMessage, SinkOutcome } from "../../../app-server/integration-ports.ts";
import { queueChannel } from "../../../app-server/storage/delivery-queue.ts";
import type { DevEui, IntegrationId } from "../../../lorawan/ids.ts";
import { partitionOf } from "../../../platform/state/store.ts";
import { type DeliveryRig, startDeliveryRig, type TestEngine, usualLimits } from "../support/delivery.ts";
import { randomDevEui } from "../support/fixtures.ts";

const taken: SinkMessage[] = [];
const batches: number[] = [];
let outcomeOf: (message: SinkMessage) => SinkOutcome | Promise<SinkOutcome>;
const delivered: SinkOutcome = { kind: "delivered" };

async function outcomeOfAll(messages: readonly SinkMessage[]): Promise<SinkOutcome> {
  batches.push(messages.length);
  for (const message of messages) {
    const outcome = await outcomeOf(message);
    if (outcome.kind !== "delivered") return outcome;
  }
  taken.push(...messages);
  return delivered;
}

const scripted = (kind: string, maxBatch: number, maxInFlight: number) =>
  defineSink({
    kind,
    title: kind,
    settings: Type.Object({}),
    secrets: Type.Object({}),
    maxBatch,
    maxInFlight,
    open: () => ({ deliver: outcomeOfAll, close: async () => undefined }),
  });

let rig: DeliveryRig;
let engine: TestEngine;
beforeAll(async () => {
  rig = await startDeliveryRig([scripted("single", 1, 16), scripted("batch", 50, 1)]);
});
afterAll(() => rig.end());
beforeEach(() => {
  taken.length = 0;
  batches.length = 0;
  outcomeOf = () => delivered;
});
afterEach(() => rig.clear());

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const fCntOf = (message: SinkMessage): number => Number(message.event.fCnt);
const countersOf = (devEui: DevEui): readonly number[] =>
  taken.filter(message => message.devEui === devEui).map(fCntOf);
const emptied = (id: IntegrationId): Promise<void> =>
  vi.waitFor(async () => expect((await rig.desk.state(id)).queue.messages).toBe(0), { timeout: 10_000, interval: 10 });
const deliver = async (devEui: DevEui, fCnts: readonly number[], more: object = {}): Promise<void> => {
  for (const fCnt of fCnts) await engine.sink.deliver(rig.up(devEui, fCnt, more));
};
const lettersOf = async (id: IntegrationId) => (await rig.desk.deadLetters(id, {}, { limit: 1000 })).items;

test("an integration of the tenant gets events of every application, one of an application its own alone", async () => {
  const other = await rig.add("single", {}, {}, { applicationId: null, name: "all" });
  const own = await rig.add("single", {}, {}, { name: "own" });
  engine = await rig.startEngine();
  const devEui = randomDevEui();
  const { id } = (await rig.integrations.get(own.id)) ?? own;
  await engine.sink.deliver(rig.up(devEui, 1));
  await engine.sink.deliver({ ...rig.up(devEui, 2), applicationId: rig.otherApplication.id });
  await Promise.all([emptied(id), emptied(other.id)]);
  expect(countersOf(devEui).toSorted()).toEqual([1, 1, 2]);
});

test("what a paused integration gets waits, one that is off gets nothing, and turned on it goes on", async () => {
  const { id } = await rig.add("single", {}, {}, { mode: "paused" });
  engine = await rig.startEngine();
  const devEui = randomDevEui();
  await deliver(devEui, [1, 2]);
  expect((await rig.desk.state(id)).queue.messages).toBe(2);
  await rig.integrations.update(id, { mode: "off" });
  await vi.waitFor(() => expect(engine.sink.isIdle).toBe(true));
  await deliver(devEui, [3]);
  await rig.integrations.update(id, { mode: "active" });
  await emptied(id);
  await vi.waitFor(() => expect(engine.sink.isIdle).toBe(false));
  await deliver(devEui, [4]);
  await emptied(id);
  expect(countersOf(devEui)).toEqual([1, 2, 4]);
});

test("a receiver that wants nothing any more pauses its integration, and the message stays", async () => {
  const { id } = await rig.add("single", {});
  engine = await rig.startEngine();
  outcomeOf = () => ({ kind: "gone", message: "gone for good" });
  await deliver(randomDevEui(), [1]);
  await vi.waitFor(async () => expect((await rig.integrations.get(id))?.mode).toBe("paused"));
  await vi.waitFor(async () => {
    expect(await rig.desk.state(id)).toMatchObject({ queue: { messages: 1 }, lastError: { message: "gone for good" } });
  });
});

test("a message over which the receiver fails again and again is a dead letter, and only its device waits for that", async () => {
  const { id } = await rig.add("single", {}, {}, { limits: { ...usualLimits, maxAttempts: 3 } });
  engine = await rig.startEngine();
  const [bad, good] = [randomDevEui(), randomDevEui()];
  let tries = 0;
  outcomeOf = message => {
    if (message.devEui !== bad || fCntOf(message) !== 1) return delivered;
    tries += 1;
    return { kind: "failed", message: "oops" };
  };
  await Promise.all([deliver(bad, [1, 2]), deliver(good, upTo(5))]);
  await emptied(id);
  expect(tries).toBe(3);
  expect(countersOf(bad)).toEqual([2]);
  expect(countersOf(good)).toEqual(upTo(5));
  expect(await lettersOf(id)).toMatchObject([{ devEui: bad, reason: "attempts", message: "oops", attempts: 3 }]);
});

test("a receiver that is away makes no dead letter, however often it is tried", async () => {
  const { id } = await rig.add("single", {}, {}, { limits: { ...usualLimits, maxAttempts: 1 } });
  engine = await rig.startEngine();
  let tries = 0;
  outcomeOf = () => {
    tries += 1;
    return tries < 10 ? { kind: "unavailable", message: "away" } : delivered;
  };
  const devEui = randomDevEui();
  await deliver(devEui, [1, 2]);
  await emptied(id);
  expect(countersOf(devEui)).toEqual([1, 2]);
  expect(await lettersOf(id)).toEqual([]);
});

test("messages go together where the sink takes many, and one that spoils them is a dead letter alone", async () => {
  const { id } = await rig.add("batch", {}, {}, { mode: "paused" });
  engine = await rig.startEngine();
  const devices = upTo(10).map(randomDevEui);
  const [bad = randomDevEui()] = devices;
  outcomeOf = message =>
    message.devEui === bad && fCntOf(message) === 1 ? { kind: "rejected", message: "no" } : delivered;
  for (const devEui of devices) await deliver(devEui, upTo(3));
  await rig.integrations.update(id, { mode: "active" });
  await emptied(id);
  for (const devEui of devices) expect(countersOf(devEui)).toEqual(devEui === bad ? [0, 2] : [0, 1, 2]);
  expect(await lettersOf(id)).toMatchObject([{ devEui: bad, reason: "rejected" }]);
  expect(Math.max(...batches)).toBe(30);
});

test.each(["dead-letter", "drop"] as const)(
  "the oldest messages beyond the limits go by the policy %s, and it is told",
  async onOverflow => {
    const { id } = await rig.add("single", {}, {}, { limits: { ...usualLimits, maxMessages: 10, onOverflow } });
    engine = await rig.startEngine({ keepEveryMs: 50 });
    let isAway = true;
    outcomeOf = () => (isAway ? { kind: "unavailable", message: "away" } : delivered);
    const devEui = randomDevEui();
    await deliver(devEui, upTo(30));
    await vi.waitFor(async () => expect((await rig.desk.state(id)).queue.messages).toBe(10));
    const isKept = onOverflow === "dead-letter";
    await vi.waitFor(async () => {
      expect(await rig.desk.state(id)).toMatchObject({ deadLetters: isKept ? 20 : 0, dropped: isKept ? 0 : 20 });
    });
    expect(await rig.metrics.registry.metrics()).toMatch(/integration_overflow_total\{.*\} 20/);
    isAway = false;
    await emptied(id);
    expect(countersOf(devEui).slice(-10)).toEqual(upTo(30).slice(20));
    if (!isKept) return;
    expect(await rig.desk.replay(id, { reason: "overflow" })).toBe(20);
    await vi.waitFor(() => expect(new Set(countersOf(devEui))).toEqual(new Set(upTo(30))));
  },
);

test("messages that are too old go by the policy as well", async () => {
  const { id } = await rig.add("single", {}, {}, { mode: "paused" });
  engine = await rig.startEngine({ keepEveryMs: 50 });
  await deliver(randomDevEui(), [1, 2]);
  await rig.sql.run("update integration_queue set enqueued_at = now() - interval '8 days'");
  await vi.waitFor(async () =>
    expect(await lettersOf(id)).toMatchObject([{ reason: "expired" }, { reason: "expired" }]),
  );
});

test("a purge drops what waits in memory too", async () => {
  const { id } = await rig.add("single", {});
  engine = await rig.startEngine();
  let isAway = true;
  outcomeOf = () => (isAway ? { kind: "unavailable", message: "away" } : delivered);
  const devEui = randomDevEui();
  await deliver(devEui, upTo(20));
  const told = Promise.withResolvers<string>();
  // The engine listens on the same connection, and did so first.
  const unlisten = await rig.sql.listen(queueChannel, told.resolve, () => undefined);
  expect(await rig.desk.purge(id)).toBe(20);
  await told.promise;
  await unlisten();
  await deliver(devEui, [20, 21]);
  isAway = false;
  await emptied(id);
  await vi.waitFor(() => expect(countersOf(devEui)).toContain(21));
  // One may have been under way.
  expect(countersOf(devEui).filter(fCnt => fCnt > 0)).toEqual([20, 21]);
});

test("a message that left while the queue was read is not sent again", async () => {
  const { id } = await rig.add("single", {});
  engine = await rig.startEngine();
  const devices = upTo(10).map(randomDevEui);
  // News of a change makes the engine read the queue anew, again and again.
  let isOver = false;
  const reading = (async () => {
    while (!isOver) await rig.sql.run("select pg_notify($1, $2)", [queueChannel, id]);
  })();
  await Promise.all(devices.map(devEui => deliver(devEui, upTo(50))));
  await emptied(id);
  isOver = true;
  await reading;
  for (const devEui of devices) expect(countersOf(devEui)).toEqual(upTo(50));
});

test("more than fits in memory is read from the queue bit by bit, in order", async () => {
  const { id } = await rig.add("batch", {}, {}, { mode: "paused" });
  engine = await rig.startEngine();
  const devices = upTo(10).map(randomDevEui);
  await Promise.all(devices.map(devEui => deliver(devEui, upTo(500))));
  await rig.integrations.update(id, { mode: "active" });
  await emptied(id);
  for (const devEui of devices) expect(countersOf(devEui)).toEqual(upTo(500));
});

test("a partition goes over to another process without a message lost, doubled or out of order", async () => {
  const { id } = await rig.add("single", {});
  engine = await rig.startEngine();
  const second = await rig.startEngine({ held: false });
  const devices = upTo(20).map(randomDevEui);
  const feed = async (engines: readonly TestEngine[], fCnts: readonly number[]): Promise<void> => {
    for (const [index, devEui] of devices.entries()) {
      for (const fCnt of fCnts) await engines[index % engines.length]?.sink.deliver(rig.up(devEui, fCnt));
    }
  };
  outcomeOf = async () => {
    await new Promise(resolve => setTimeout(resolve, 1));
    return delivered;
  };
  await feed([engine], upTo(5));
  const moving = new Set(devices.filter((_, index) => index % 2 === 1).map(partitionOf));
  await Promise.all(
    [...moving].map(async partition => {
      await engine.hand(partition, second);
    }),
  );
  for (const devEui of devices) {
    const holder = moving.has(partitionOf(devEui)) ? second : engine;
    for (const fCnt of [5, 6, 7]) await holder.sink.deliver(rig.up(devEui, fCnt));
  }
  await emptied(id);
  for (const devEui of devices) expect(countersOf(devEui)).toEqual(upTo(8));
});

test("an integration that is deleted leaves nothing behind", async () => {
  const { id } = await rig.add("single", {}, {}, { mode: "paused" });
  engine = await rig.startEngine({ keepEveryMs: 20 });
  await deliver(randomDevEui(), upTo(5));
  await rig.integrations.remove(id);
  await vi.waitFor(() => expect(engine.sink.isIdle).toBe(true));
  for (const table of ["integration_queue", "integration_dead_letters", "integration_states"]) {
    expect(await rig.sql.rows(Type.Unknown(), `select 1 from ${table}`)).toEqual([]);
  }
});

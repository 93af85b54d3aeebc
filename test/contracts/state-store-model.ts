import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DevAddr, DevEui } from "../../lorawan/ids.ts";
import type { DeviceCommit, QueueChange, StateStore } from "../../platform/state/store.ts";
import type { OpenStore } from "./state-store.ts";
import { bytes, devAddrOf, devEuisIn, text } from "./state-store-values.ts";

/** What a store must look like from outside after any sequence of calls: plain values, no cleverness. */
interface Model {
  readonly devices: Map<
    DevEui,
    { version: number; value: string; devAddrs: readonly DevAddr[]; wakeAtMs: number | undefined }
  >;
  readonly queues: Map<DevEui, { id: string; value: string }[]>;
  /** Every event ever appended; `trimmed` of them are gone. */
  readonly events: { devEui: DevEui; value: string }[];
  trimmed: number;
  cursor: number;
}

interface Real {
  store: StateStore;
  readonly reopen: OpenStore["reopen"];
  /** Position of each event that was ever read, by its number from 1. */
  readonly positions: string[];
}

type Command = fc.AsyncCommand<Model, Real>;

const partition = 200;
const devEuis = devEuisIn(partition, 3);
const devAddrs = [1, 2, 3].map(devAddrOf);
const ids = ["a", "b", "c", "d"];

export function describeStateStoreModel(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name} as a state store, against a plain model`, () => {
    test("any sequence of calls leaves what the model says", { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), async sequence => {
          const opened = await open();
          try {
            await fc.asyncModelRun(
              () => ({
                model: { devices: new Map(), queues: new Map(), events: [], trimmed: 0, cursor: 0 },
                real: { store: opened.store, reopen: opened.reopen, positions: [] },
              }),
              sequence,
            );
          } finally {
            await opened.cleanup();
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}

/** A command that runs on both, then compares all that can be read. */
function command(label: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      await compare(model, real);
    },
    toString: () => label,
  };
}

const devEui = fc.constantFrom(...devEuis);
const id = fc.constantFrom(...ids);
const value = fc.string({ maxLength: 5 });
const queueChange: fc.Arbitrary<QueueChange> = fc.oneof(
  fc.record({ kind: fc.constant("remove" as const), id }),
  fc.record({ kind: fc.constant("replace" as const), id, value: value.map(bytes) }),
);

const commit = fc
  .record({
    devEui,
    /** Off by this much from the version that is stored. */
    drift: fc.constantFrom(0, 0, 0, 0, 1, -1),
    value: fc.option(value, { freq: 5 }),
    devAddrs: fc.array(fc.constantFrom(...devAddrs), { maxLength: 3 }),
    wakeAtMs: fc.option(fc.integer({ min: 0, max: 50 })),
    events: fc.array(value, { maxLength: 3 }),
    queue: fc.array(queueChange, { maxLength: 3 }),
  })
  .map(({ drift, wakeAtMs, events, queue, ...rest }) =>
    command(`commit ${JSON.stringify({ drift, wakeAtMs, events, queue, ...rest })}`, async (model, real) => {
      const stored = model.devices.get(rest.devEui)?.version ?? 0;
      const change: DeviceCommit = {
        ...rest,
        expectedVersion: stored + drift,
        value: rest.value === null ? null : bytes(rest.value),
        ...(wakeAtMs === null ? {} : { wakeAtMs }),
        events: events.map(bytes),
        queue,
      };
      const outcome = await real.store.commit(change);
      if (drift !== 0) return expect(outcome).toEqual({ kind: "conflict" });
      expect(outcome).toEqual({ kind: "committed", version: rest.value === null ? 0 : stored + 1 });
      if (rest.value === null) model.devices.delete(rest.devEui);
      else {
        const { value, devAddrs } = rest;
        model.devices.set(rest.devEui, { version: stored + 1, value, devAddrs, wakeAtMs: wakeAtMs ?? undefined });
      }
      model.events.push(...events.map(event => ({ devEui: rest.devEui, value: event })));
      for (const each of queue) changeQueue(model, rest.devEui, each);
    }),
  );

function changeQueue(model: Model, of: DevEui, change: QueueChange): void {
  const queue = model.queues.get(of) ?? [];
  const index = queue.findIndex(entry => entry.id === change.id);
  if (index < 0) return;
  if (change.kind === "remove") queue.splice(index, 1);
  else queue[index] = { id: change.id, value: text(change.value) };
}

const enqueue = fc.record({ devEui, id, value, maxEntries: fc.integer({ min: 0, max: 4 }) }).map(each =>
  command(`enqueue ${JSON.stringify(each)}`, async (model, { store }) => {
    const queue = model.queues.get(each.devEui) ?? [];
    model.queues.set(each.devEui, queue);
    const fits = queue.length < each.maxEntries && queue.every(entry => entry.id !== each.id);
    const entry = { id: each.id, value: bytes(each.value) };
    expect(await store.enqueue(each.devEui, entry, each.maxEntries)).toBe(fits);
    if (fits) queue.push({ id: each.id, value: each.value });
  }),
);

const removeQueued = fc.record({ devEui, id }).map(each =>
  command(`removeQueued ${JSON.stringify(each)}`, async (model, { store }) => {
    const waits = (model.queues.get(each.devEui) ?? []).some(entry => entry.id === each.id);
    expect(await store.removeQueued(each.devEui, each.id)).toBe(waits);
    changeQueue(model, each.devEui, { kind: "remove", id: each.id });
  }),
);

const flush = devEui.map(each =>
  command(`flushQueue ${each}`, async (model, { store }) => {
    expect(await store.flushQueue(each)).toBe(model.queues.get(each)?.length ?? 0);
    model.queues.delete(each);
  }),
);

/** Fractions of the log, since its length is not known when the sequence is made. */
const fraction = fc.double({ min: 0, max: 1, noNaN: true });

const trim = fraction.map(part =>
  command(`trimEvents ${part}`, async (model, { store, positions }) => {
    const upTo = Math.floor(part * model.events.length);
    await store.trimEvents(partition, positions[upTo - 1] ?? "");
    model.trimmed = Math.max(model.trimmed, upTo);
  }),
);

const setCursor = fraction.map(part =>
  command(`setCursor ${part}`, async (model, { store, positions }) => {
    const at = Math.floor(part * model.events.length);
    await store.setCursor("model", partition, positions[at - 1] ?? "");
    model.cursor = Math.max(model.cursor, at);
  }),
);

const reopen = fc.constant(
  command("reopen", async (_model, real) => {
    if (real.reopen !== undefined) real.store = await real.reopen();
  }),
);

const commands = [commit, commit, commit, enqueue, enqueue, removeQueued, flush, trim, setCursor, reopen];

async function compare(model: Model, { store, positions }: Real): Promise<void> {
  for (const each of devEuis) {
    const device = await store.device(each);
    const expected = model.devices.get(each);
    expect(device && { version: device.version, value: text(device.value) }).toEqual(
      expected && { version: expected.version, value: expected.value },
    );
    const queue = (await store.queue(each)).map(entry => ({ id: entry.id, value: text(entry.value) }));
    expect(queue).toEqual(model.queues.get(each) ?? []);
  }
  for (const devAddr of devAddrs) {
    const found = (await store.devicesByDevAddr(devAddr)).map(device => device.devEui).sort();
    expect(found).toEqual(devEuis.filter(each => model.devices.get(each)?.devAddrs.includes(devAddr)));
  }
  for (const nowMs of [0, 25, 50]) await compareDue(model, store, nowMs);
  const events = await store.readEvents(partition, "", 1000);
  expect(events.map(event => ({ devEui: event.devEui, value: text(event.value) }))).toEqual(
    model.events.slice(model.trimmed),
  );
  for (const [index, event] of events.entries()) {
    const number = model.trimmed + index;
    // A position belongs to its event for ever, and no two events have the same.
    if (positions[number] === undefined) {
      expect(positions).not.toContain(event.position);
      positions[number] = event.position;
    }
    expect(event.position).toBe(positions[number]);
  }
  expect(await store.cursor("model", partition)).toBe(positions[model.cursor - 1] ?? "");
}

/** Order among equal times is not defined. */
async function compareDue(model: Model, store: StateStore, nowMs: number): Promise<void> {
  const timeOf = (each: DevEui): number => model.devices.get(each)?.wakeAtMs ?? Number.POSITIVE_INFINITY;
  const due = await store.dueDevices(nowMs, 10);
  expect([...due].sort()).toEqual(devEuis.filter(each => timeOf(each) <= nowMs));
  const times = due.map(timeOf);
  expect(times).toEqual([...times].sort((a, b) => a - b));
}

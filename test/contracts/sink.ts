import Type from "typebox";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { defineSink, type SinkKind } from "../../app-server/integration/sinks/kind.ts";
import type { Integration, NewIntegration, SinkOutcome } from "../../app-server/integration-ports.ts";
import type { DevEui } from "../../lorawan/ids.ts";
import { type DeliveryRig, startDeliveryRig, type TestEngine, usualLimits } from "../app-server/support/delivery.ts";
import { randomDevEui } from "../app-server/support/fixtures.ts";

/** What a receiver got, of messages that are ChirpStack's JSON as it is. */
export interface Received {
  readonly devEui: string;
  readonly fCnt: number;
}

/** A real server that a sink sends to. */
export interface Receiver {
  /** For this receiver; called for each integration. */
  readonly settings: Integration["settings"];
  readonly secrets: Readonly<Record<string, unknown>>;
  /** Everything that ever arrived, in the order in which it did. */
  received(): Promise<readonly Received[]>;
  /** It cannot be reached from now on; what it has it keeps. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
  /** Members of an event that the receiver refuses for ever, if there can be such an event. */
  readonly refused?: object;
}

/** Never answers. */
const hangingSink = defineSink({
  kind: "hanging",
  title: "Hanging",
  settings: Type.Object({}),
  secrets: Type.Object({}),
  open: () => ({
    deliver: (_messages, signal) =>
      new Promise<SinkOutcome>(resolve => {
        signal.addEventListener("abort", () => resolve({ kind: "unavailable", message: "hung" }));
      }),
    close: async () => undefined,
  }),
});

const patience = { timeout: 15_000, interval: 20 };

/** The contract of Sink, on a real server with the engine and its durable queue: every sink passes it. */
export function describeSink(kind: SinkKind, open: () => Promise<Receiver>): void {
  describe(`${kind.kind} as a sink`, () => {
    let rig: DeliveryRig;
    let engine: TestEngine;
    let receiver: Receiver;
    beforeAll(async () => {
      rig = await startDeliveryRig([kind, hangingSink]);
      receiver = await open();
      engine = await rig.startEngine();
    });
    afterAll(async () => {
      await rig.end();
      await receiver.close();
    });

    const add = async (more: Partial<NewIntegration> = {}): Promise<Integration> => {
      const integration = await rig.add(kind.kind, receiver.settings, receiver.secrets, more);
      onTestFinished(async () => void (await rig.integrations.remove(integration.id)));
      // The engine hears of it from the database; an event that comes before is not for it.
      await known(integration.id);
      return integration;
    };
    const known = async (id: Integration["id"]): Promise<void> => {
      const probe = rig.up(randomDevEui(), 0);
      await vi.waitFor(async () => {
        await engine.sink.deliver(probe);
        const { queue, delivered, deadLetters } = await rig.desk.state(id);
        expect(queue.messages + delivered + deadLetters).toBeGreaterThan(0);
      }, patience);
      await drained(id);
    };
    const drained = (id: Integration["id"]): Promise<void> =>
      vi.waitFor(async () => expect((await rig.desk.state(id)).queue.messages).toBe(0), patience);
    const arrivedOf = async (devEui: DevEui): Promise<readonly number[]> =>
      (await receiver.received()).filter(one => one.devEui === devEui).map(({ fCnt }) => fCnt);
    /** First copies alone: a second one may come at any time. */
    const firstsOf = async (devEui: DevEui): Promise<readonly number[]> => [...new Set(await arrivedOf(devEui))];
    const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
    /** As the event log does: one event of a device after the other, devices side by side. */
    const deliverAll = async (devices: readonly DevEui[], fCnts: readonly number[]): Promise<void> => {
      await Promise.all(
        devices.map(async devEui => {
          for (const fCnt of fCnts) await engine.sink.deliver(rig.up(devEui, fCnt));
        }),
      );
    };

    test("gets every event of many devices once and in order", async () => {
      const { id } = await add();
      const devices = upTo(20).map(randomDevEui);
      await deliverAll(devices, upTo(10));
      await drained(id);
      for (const devEui of devices) expect(await arrivedOf(devEui)).toEqual(upTo(10));
    });

    test("gets after an outage all that happened meanwhile, and the event log does not wait for it", async () => {
      const { id } = await add();
      const devices = upTo(5).map(randomDevEui);
      await deliverAll(devices, [0, 1]);
      await drained(id);
      await receiver.stop();
      await deliverAll(devices, [2, 3, 4, 5]);
      expect((await rig.desk.state(id)).queue.messages).toBeGreaterThan(0);
      await vi.waitFor(async () => {
        expect(await rig.desk.state(id)).toMatchObject({ circuit: "open", lastError: { message: /./ } });
      }, patience);
      await receiver.start();
      await drained(id);
      for (const devEui of devices) expect(await firstsOf(devEui)).toEqual(upTo(6));
      expect((await rig.desk.state(id)).deadLetters).toBe(0);
    });

    test("loses nothing when the process dies while messages wait", async () => {
      const { id } = await add();
      const devices = upTo(5).map(randomDevEui);
      await receiver.stop();
      await deliverAll(devices, upTo(5));
      engine.kill();
      engine = await rig.startEngine();
      await receiver.start();
      await deliverAll(devices, [5, 6]);
      await drained(id);
      for (const devEui of devices) expect(await firstsOf(devEui)).toEqual(upTo(7));
    });

    test("a message that cannot be made is a dead letter alone, and arrives once it can be and is queued again", async () => {
      const { id } = await add();
      await rig.integrations.update(id, { mapping: "merge(@, {fCnt: abs(fCnt)})" });
      const [bad, good] = [randomDevEui(), randomDevEui()];
      await vi.waitFor(async () => {
        await engine.sink.deliver(rig.up(bad, 1, { fCnt: "none" }));
        expect((await rig.desk.deadLetters(id, {}, { limit: 100 })).items.length).toBeGreaterThan(0);
      }, patience);
      await deliverAll([good, bad], [2, 3]);
      await drained(id);
      expect(await arrivedOf(good)).toEqual([2, 3]);
      const { items } = await rig.desk.deadLetters(id, { reason: "mapping" }, { limit: 100 });
      expect(new Set(items.map(({ devEui }) => devEui))).toEqual(new Set([bad]));
      const before = (await arrivedOf(bad)).length;
      await rig.integrations.update(id, { mapping: "merge(@, {fCnt: `7`})" });
      await vi.waitFor(async () => {
        const marked = randomDevEui();
        await engine.sink.deliver(rig.up(marked, 1));
        await drained(id);
        expect(await arrivedOf(marked)).toEqual([7]);
      }, patience);
      expect(await rig.desk.replay(id, { devEui: bad })).toBe(items.length);
      await vi.waitFor(async () => expect((await arrivedOf(bad)).length).toBe(before + items.length), patience);
      expect((await rig.desk.state(id)).deadLetters).toBe(0);
    });

    test("a message that the receiver refuses is a dead letter alone", async context => {
      if (receiver.refused === undefined) return context.skip("this receiver refuses nothing for what it says");
      const { id } = await add();
      const [bad, good] = [randomDevEui(), randomDevEui()];
      await Promise.all([
        engine.sink.deliver(rig.up(bad, 1, receiver.refused)),
        deliverAll([good], upTo(5)),
        deliverAll([bad], [2]),
      ]);
      await drained(id);
      expect(await arrivedOf(good)).toEqual(upTo(5));
      const { items } = await rig.desk.deadLetters(id, {}, { limit: 10 });
      expect(items).toMatchObject([{ devEui: bad, reason: "rejected" }]);
      expect(await rig.desk.drop(id, { ids: items.map(letter => letter.id) })).toBe(1);
    });

    test("a receiver that never answers delays it by nothing", async () => {
      const hanging = await rig.add("hanging", {}, {}, { limits: usualLimits });
      const { id } = await add();
      const devEui = randomDevEui();
      await deliverAll([devEui], upTo(10));
      await drained(id);
      expect(await arrivedOf(devEui)).toEqual(upTo(10));
      expect((await rig.desk.state(hanging.id)).queue.messages).toBeGreaterThan(0);
      await rig.integrations.remove(hanging.id);
    });

    test("a test sends one message past the queue, and says why when it cannot", async () => {
      const integration = await add();
      const configured = { integration, secrets: receiver.secrets };
      const before = (await receiver.received()).length;
      expect(await rig.sinks.test(configured)).toMatchObject({ outcome: "delivered" });
      await vi.waitFor(async () => expect((await receiver.received()).length).toBe(before + 1), patience);
      await receiver.stop();
      expect(await rig.sinks.test(configured)).toMatchObject({ outcome: "unavailable", message: /./ });
      await receiver.start();
    });

    test("its secrets are in no answer, no error and no log", async () => {
      const texts = secretTexts(receiver.secrets);
      const integration = await add();
      expect(integration.secretNames).toEqual(Object.keys(receiver.secrets).sort());
      const state = await rig.desk.state(integration.id);
      const shown = JSON.stringify([integration, await rig.integrations.get(integration.id), state, rig.logged]);
      for (const text of texts) expect(shown).not.toContain(text);
      const rows = await rig.sql.rows(Type.Unknown(), "select to_jsonb(i) from integrations i where id = $1", [
        integration.id,
      ]);
      for (const text of texts) expect(JSON.stringify(rows)).not.toContain(text);
    });
  });
}

/** Texts long enough to be recognised. */
const secretTexts = (value: unknown): readonly string[] => {
  if (typeof value === "string") return value.length > 5 ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(secretTexts) : [];
};

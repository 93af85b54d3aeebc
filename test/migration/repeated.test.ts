import Type from "typebox";
import { describe, expect, test } from "vitest";
import { parseDevAddr, parseDevEui } from "../../lorawan/ids.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import type { Sql } from "../../platform/sql.ts";
import type { StateStore } from "../../platform/state/store.ts";
import { startHistory, testEvent } from "../app-server/history/support.ts";
import { createCarriedLife, oldSession } from "./support/carried-life.ts";
import type { FixtureDevice } from "./support/chirpstack-fixture.ts";
import { sourceOf } from "./support/chirpstack-source.ts";
import { sessionMessage } from "./support/session-message.ts";

const euiOf = (n: number): string => n.toString(16).padStart(16, "0");
const devEui = euiOf(1);
const session = oldSession();
const messageOf = (nFCntDown: number, own = session) => sessionMessage(own, { macVersion: 3, nFCntDown });
const queue = [
  { text: "first", createdAt: "2026-01-01T10:00:00Z" },
  { text: "second", createdAt: "2026-01-01T11:00:00Z" },
];

const sensor = (n: number): FixtureDevice => {
  const own = oldSession({ devAddr: n.toString(16).padStart(8, "0") });
  return { devEui: euiOf(n), session: messageOf(77, own), fCntUp: 1234, devNonces: [n], joinNonce: n, queue };
};

type Life = Awaited<ReturnType<typeof createCarriedLife>>;

const kept = [
  "tenants",
  "users",
  "tenant_users",
  "applications",
  "device_profiles",
  "gateways",
  "devices",
  "carried_downlinks",
];

async function rowsOf(sql: Sql, table: string): Promise<readonly string[]> {
  const text = `select (to_jsonb(t) - 'created_at' - 'updated_at')::text as row from ${table} t order by 1`;
  return (await sql.rows(Type.Object({ row: Type.String() }), text)).map(({ row }) => row);
}

/** Everything that a migration writes; sealed keys have another envelope each time, so the document's version stands for it. */
async function everything({ sql, store }: Life, devices: number) {
  const tables = Object.fromEntries(
    await Promise.all(kept.map(async table => [table, await rowsOf(sql, table)] as const)),
  );
  const states = [];
  for (let n = 1; n <= devices; n += 1) {
    const document = await store.device(parseDevEui(euiOf(n)));
    const { active } = decodeDeviceState(document?.value ?? new Uint8Array());
    const waiting = (await store.queue(parseDevEui(euiOf(n)))).map(({ id }) => id);
    states.push({ ...active, appSKey: undefined, waiting });
  }
  return { tables, states };
}

const activeOf = async ({ store }: Life) =>
  decodeDeviceState((await store.device(parseDevEui(devEui)))?.value ?? new Uint8Array()).active;

test("a second run changes nothing", async () => {
  const life = await createCarriedLife();
  await life.migrate(await sourceOf([sensor(1), sensor(2)]));
  const before = await everything(life, 2);
  const version = (await life.store.device(parseDevEui(devEui)))?.version;
  const { counts, faults } = await life.migrate(await sourceOf([sensor(1), sensor(2)]));
  expect(faults).toEqual([]);
  expect(Object.values(counts).map(({ carried, raised }) => carried + raised)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(await everything(life, 2)).toEqual(before);
  expect((await life.store.device(parseDevEui(devEui)))?.version).toBe(version);
});

describe("a run that was ended after", () => {
  test.each([1, 8, 14])("%i writes to the store is repeated, and everything is here once", async writes => {
    const devices = [1, 2, 3, 4, 5].map(sensor);
    const whole = await createCarriedLife();
    await whole.migrate(await sourceOf(devices));
    const life = await createCarriedLife();
    let left = writes;
    const fail = (): void => {
      left -= 1;
      if (left < 0) throw new Error("killed");
    };
    const store: StateStore = {
      ...life.store,
      async commit(change) {
        fail();
        return life.store.commit(change);
      },
      async enqueue(...entry) {
        fail();
        return life.store.enqueue(...entry);
      },
    };
    const ended = life.migrate(await sourceOf(devices), { target: { ...life.target, store } });
    await expect(ended).rejects.toThrow("killed");
    await life.migrate(await sourceOf(devices));
    expect(await everything(life, 5)).toEqual(await everything(whole, 5));
  });
});

describe("a run that was ended while it put a downlink into the queue", () => {
  const there = { devEui, session: messageOf(77), fCntUp: 1234, queue };
  const killed = async () => {
    throw new Error("killed");
  };
  const waiting = async ({ store }: Life) => (await store.queue(parseDevEui(devEui))).map(({ id }) => id);

  test("is repeated, and what it was about to put there is there, once", async () => {
    const life = await createCarriedLife();
    const store = { ...life.store, enqueue: killed };
    await expect(life.migrate(await sourceOf([there]), { target: { ...life.target, store } })).rejects.toThrow(
      "killed",
    );
    expect(await waiting(life)).toEqual([]);
    await life.migrate(await sourceOf([there]));
    expect(await waiting(life)).toHaveLength(2);
  });

  test("is repeated, and what was sent since is not sent again", async () => {
    const life = await createCarriedLife();
    await life.migrate(await sourceOf([{ ...there, queue: [] }]));
    // A server runs beside, and the run ends between the queue and the note of it.
    const sql: Sql = {
      ...life.sql,
      run: (text, values) => (text.startsWith("update carried_downlinks") ? killed() : life.sql.run(text, values)),
    };
    const again = { ...there, session: messageOf(78) };
    await expect(life.migrate(await sourceOf([again]), { target: { ...life.target, sql } })).rejects.toThrow("killed");
    const [first = "", second = ""] = await waiting(life);
    const device = await life.turnOn(devEui, session);
    await device.say("one");
    expect(await waiting(life)).toEqual([second]);
    const { keeper, clock } = startHistory(life.sql);
    const body = { queueItemId: first, time: new Date(clock.nowMs()).toISOString() };
    await keeper.keep([{ ...testEvent(1, { kind: "txack", body }), devEui: parseDevEui(devEui) }]);
    await life.migrate(await sourceOf([again]));
    expect(await waiting(life)).toEqual([second]);
    await device.say("two");
    await device.say("three", true);
    expect(device.downlinks().filter(({ payload }) => payload.length > 0)).toHaveLength(2);
  });
});

describe("when it is repeated later", () => {
  test("a session that was heard on there since comes with its new counters, and what was sent there waits here no more", async () => {
    const life = await createCarriedLife();
    const first = { devEui, session: messageOf(77), fCntUp: 1234, queue };
    await life.migrate(await sourceOf([first]));
    const later = { ...first, session: messageOf(78), fCntUp: 1300, queue: queue.slice(1) };
    // The second item keeps its id there.
    const renumbered = later.queue.map(item => ({ ...item, changes: { id: "00000001-0000-4000-8000-000000000001" } }));
    const { counts } = await life.migrate(await sourceOf([{ ...later, queue: renumbered }]));
    expect(counts.session).toMatchObject({ raised: 1 });
    expect(await activeOf(life)).toMatchObject({ fCntUp: 1300, nFCntDown: 78 });
    const waiting = await life.store.queue(parseDevEui(devEui));
    expect(
      waiting.map(({ value }) => Buffer.from(JSON.parse(Buffer.from(value).toString()).data, "base64").toString()),
    ).toEqual(["second"]);
  });

  test("a session that went on here keeps its counters, and nothing that was sent here is sent again", async () => {
    const life = await createCarriedLife();
    const there = { devEui, session: messageOf(77), fCntUp: 1234, queue };
    await life.migrate(await sourceOf([there]));
    const device = await life.turnOn(devEui, session);
    await device.say("one");
    await device.say("two");
    expect(device.downlinks().map(({ fCnt }) => fCnt)).toEqual([77, 78]);
    const before = await activeOf(life);
    await life.migrate(await sourceOf([there]));
    expect(await activeOf(life)).toEqual(before);
    expect(await life.store.queue(parseDevEui(devEui))).toEqual([]);
    await device.say("three", true);
    expect(device.downlinks().map(({ fCnt }) => fCnt)).toEqual([77, 78, 79]);
    expect(device.events.filter(({ kind }) => kind === "violation")).toEqual([]);
  });

  test("downlink counters that the other server used meanwhile are left out here", async () => {
    const life = await createCarriedLife();
    await life.migrate(await sourceOf([{ devEui, session: messageOf(77), fCntUp: 1234 }]));
    const device = await life.turnOn(devEui, session);
    await device.say("here already");
    await life.migrate(await sourceOf([{ devEui, session: messageOf(90), fCntUp: 1234 }]));
    expect(await activeOf(life)).toMatchObject({ fCntUp: 1235, nFCntDown: 90 });
  });

  test("a device that joined here since keeps its new session", async () => {
    const life = await createCarriedLife();
    const there = { devEui, session: messageOf(77), fCntUp: 1234, devNonces: [9], joinNonce: 3 };
    await life.migrate(await sourceOf([there]));
    const { device, say } = await life.turnOn(devEui, undefined);
    device.start();
    await life.clock.advance(20_000);
    await say("in the new session");
    const before = await activeOf(life);
    expect(before?.devAddr).not.toBe(session.devAddr);
    const { report } = await life.migrate(await sourceOf([there]));
    expect(await activeOf(life)).toEqual(before);
    expect(report.notes().map(({ topic }) => topic)).toContain("other-session");
  });

  test("a device that joined there since has the session of that join", async () => {
    const life = await createCarriedLife();
    await life.migrate(
      await sourceOf([{ devEui, session: messageOf(77), fCntUp: 1234, devNonces: [9], joinNonce: 3 }]),
    );
    const joined = oldSession({ devAddr: "0badcafe", nwkSKey: "e1".repeat(16), fCntUp: 2 });
    const again = { devEui, session: messageOf(1, joined), fCntUp: 2, devNonces: [9, 10], joinNonce: 4 };
    await life.migrate(await sourceOf([again]));
    expect(await activeOf(life)).toMatchObject({ devAddr: "0badcafe", fCntUp: 2, nFCntDown: 1 });
    expect((await life.store.devicesByDevAddr(parseDevAddr(session.devAddr))).length).toBe(0);
  });
});

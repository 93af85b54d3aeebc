import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AlertKind } from "../../../app-server/alert-ports.ts";
import type { Sql } from "../../../platform/sql.ts";
import { partitionOf } from "../../../platform/state/store.ts";
import { createAlertRig } from "../../support/alert-rig.ts";
import { migratedTestSql } from "../../support/postgres.ts";

const [second, minute, hour] = [1000, 60_000, 3_600_000];
let sql: Sql;
let end: () => Promise<void>;
let rig: Awaited<ReturnType<typeof createAlertRig>>;
beforeAll(async () => {
  ({ sql, end } = await migratedTestSql());
});
afterAll(() => end());
beforeEach(async () => {
  await sql.run("delete from alert_watch");
  rig = await createAlertRig(sql);
  await rig.pass(10 * second);
});
afterEach(() => rig.end());

const kinds = async (): Promise<readonly AlertKind[]> => (await rig.open()).map(({ kind }) => kind).toSorted();

describe("a device that is silent", () => {
  test("is told by what its profile expects, and heard again it is well", async () => {
    await rig.keep(rig.up(rig.devEui));
    await rig.pass(2.9 * hour, 2 * minute);
    expect(await kinds()).toEqual([]);
    await rig.restart();
    await rig.pass(10 * minute, 2 * minute);
    expect(await rig.open()).toMatchObject([
      { kind: "device-silent", threshold: 3, details: { intervalSeconds: 3600 } },
    ]);
    await rig.keep(rig.up(rig.devEui));
    await rig.pass(20 * second, 10 * second);
    expect(await kinds()).toEqual([]);
  });

  test("is told by the interval that was learned, once enough is known", async () => {
    for (let n = 0; n < 7; n += 1) {
      await rig.keep(rig.up(rig.devEui));
      await rig.pass(5 * minute, 2 * minute);
    }
    expect(await kinds()).toEqual([]);
    await rig.pass(12 * minute, 2 * minute);
    expect(await kinds()).toEqual(["device-silent"]);
  });

  test("nobody is blamed for the time in which the server was away", async () => {
    await rig.keep(rig.up(rig.devEui));
    await rig.pass(minute);
    await rig.end();
    await rig.clock.advance(30 * hour);
    await rig.restart();
    await rig.pass(minute);
    expect(await kinds()).toEqual([]);
    await rig.pass(3 * hour, 2 * minute);
    expect(await kinds()).toEqual(["device-silent"]);
  });
});

describe("a device whose events are still in the log", () => {
  test("is not silent before it is known what is in them", async () => {
    await rig.keep(rig.up(rig.devEui));
    rig.state.hasAll = () => false;
    await rig.pass(20 * minute, 4 * minute);
    // Something of a while ago is looked at now: what came after it is not.
    await rig.keep(rig.up(rig.devEui, [], "01020304", rig.clock.nowMs() - 15 * minute));
    await rig.pass(3.2 * hour, 4 * minute);
    expect(await kinds()).toEqual([]);
    rig.state.hasAll = () => true;
    await rig.pass(20 * second, 10 * second);
    expect(await kinds()).toEqual(["device-silent"]);
  });

  test("has its time again although its last event is read once more after the server was away", async () => {
    const last = rig.up(rig.devEui);
    await rig.keep(last);
    await rig.pass(minute);
    await rig.end();
    await rig.clock.advance(30 * hour);
    await rig.restart();
    await rig.pass(10 * second);
    await rig.keep(last);
    await rig.pass(minute, 10 * second);
    expect(await kinds()).toEqual([]);
  });

  test("has its time from when the server was back, if it had said something before", async () => {
    await rig.keep(rig.up(rig.devEui));
    await rig.pass(minute);
    const later = rig.up(rig.devEui);
    await rig.end();
    await rig.clock.advance(30 * hour);
    await rig.restart();
    await rig.pass(10 * second);
    await rig.keep(later);
    await rig.pass(2 * hour, 4 * minute);
    expect(await kinds()).toEqual([]);
    await rig.pass(2 * hour, 4 * minute);
    expect(await kinds()).toEqual(["device-silent"]);
  });

  test("has so many of the intervals that were learned from when the server was back", async () => {
    for (let n = 0; n < 7; n += 1) {
      await rig.keep(rig.up(rig.devEui));
      await rig.pass(5 * minute);
    }
    const later = rig.up(rig.devEui);
    await rig.end();
    await rig.clock.advance(30 * hour);
    await rig.restart();
    await rig.pass(10 * second);
    await rig.keep(later);
    await rig.pass(10 * minute, 2 * minute);
    expect(await kinds()).toEqual([]);
    await rig.pass(10 * minute, 2 * minute);
    expect(await kinds()).toEqual(["device-silent"]);
  });

  test("is silent at its time although a frame came that a gateway had held back", async () => {
    const before = rig.clock.nowMs() - hour;
    await rig.keep(rig.up(rig.devEui));
    await rig.pass(10 * second);
    await rig.keep(rig.up(rig.devEui, [], "01020304", before));
    await rig.pass(2.9 * hour, 4 * minute);
    expect(await kinds()).toEqual([]);
    await rig.pass(15 * minute, 4 * minute);
    expect(await kinds()).toEqual(["device-silent"]);
  });

  test("holds up nobody whose events are all known", async () => {
    const others = await rig.addDevices(3);
    const other = others.find(devEui => partitionOf(devEui) !== partitionOf(rig.devEui));
    if (other === undefined) throw new Error("all devices are in one partition");
    await rig.keep(rig.up(rig.devEui), rig.up(other));
    rig.state.hasAll = partition => partition === partitionOf(other);
    await rig.pass(3.2 * hour, 4 * minute);
    expect((await rig.open()).map(({ subject }) => subject)).toEqual([other]);
  });
});

test("a partition that another server took over is not judged here", async () => {
  await rig.keep(rig.up(rig.devEui));
  await rig.pass(minute);
  await rig.letGo(rig.devEui);
  await rig.pass(3.2 * hour, 4 * minute);
  expect(await kinds()).toEqual([]);
});

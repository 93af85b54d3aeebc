import { describe, expect, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { createCarriedLife, oldSession } from "./support/carried-life.ts";
import type { FixtureDevice } from "./support/chirpstack-fixture.ts";
import { sourceOf } from "./support/chirpstack-source.ts";
import { sessionMessage } from "./support/session-message.ts";

const devEui = "0102030405060708";
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const session = oldSession();
const heard = Array.from({ length: 5 }, (_, index) => ({ fCnt: 1229 + index, snrDb: 9 }));
const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77, fCntUp: 1234, adrHistory: heard });
const sensor: FixtureDevice = {
  devEui,
  fCntUp: 1234,
  session: message,
  queue: [
    { text: "first", createdAt: "2026-01-01T10:00:00Z" },
    { text: "second", createdAt: "2026-01-01T11:00:00Z" },
  ],
};

describe.each([
  ["SQLite", "4.19"],
  ["PostgreSQL", "4.19"],
  ["SQLite", "4.11"],
  ["PostgreSQL", "4.11"],
] as const)("a device of ChirpStack on %s, schema of %s,", (engine, generation) => {
  test("goes on with its next counters, and hears what waited for it", async () => {
    const life = await createCarriedLife();
    const { counts, faults } = await life.migrate(await sourceOf([sensor], { engine, generation }));
    expect(faults).toEqual([]);
    expect(counts).toMatchObject({ device: { carried: 1 }, session: { carried: 1 }, downlink: { carried: 2 } });
    const { say, ups, downlinks, events } = await life.turnOn(devEui, session);
    await say("hello");
    await say("again");
    const heardUps = await ups();
    expect(heardUps.map(({ fCnt, devAddr }) => [fCnt, devAddr])).toEqual([
      [1234, session.devAddr],
      [1235, session.devAddr],
    ]);
    const [up] = heardUps;
    expect(up?.appSKey && hex(life.vault.open(up.appSKey) ?? new Uint8Array())).toBe(session.appSKey);
    expect(downlinks().map(({ fCnt, payload }) => [fCnt, Buffer.from(payload).toString()])).toEqual([
      [77, "first"],
      [78, "second"],
    ]);
    // Windows, channels and data rate are as they were: there is nothing to tell the device.
    expect(downlinks().map(({ macCommands }) => macCommands)).toEqual(["", ""]);
    expect(events.filter(({ kind }) => kind === "violation" || kind === "join-requested")).toEqual([]);
    const state = decodeDeviceState((await life.store.device(parseDevEui(devEui)))?.value ?? new Uint8Array());
    expect(state.active?.adrHistory.map(({ fCnt }) => fCnt)).toEqual([1229, 1230, 1231, 1232, 1233, 1234, 1235]);
    expect(state.active?.mac.current).toMatchObject({
      dataRate: 4,
      txPowerIndex: 1,
      enabledChannels: [0, 1, 2, 3, 4, 5, 6, 7],
    });
  });
});

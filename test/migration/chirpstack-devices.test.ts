import { describe, expect, test } from "vitest";
import { freshNonces, type JoinNonces } from "../../join-server/join.ts";
import { parseDevAddr, parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { cryptPayload } from "../../lorawan/phy/security.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { createCarriedLife, oldSession, sameRegion } from "./support/carried-life.ts";
import { joinEui } from "./support/chirpstack-fixture.ts";
import { sourceOf } from "./support/chirpstack-source.ts";
import { sessionMessage } from "./support/session-message.ts";

const devEui = "0102030405060708";
const text = (payload: Uint8Array): string => Buffer.from(payload).toString();
const quiet = ({ kind }: { kind: string }): boolean => kind === "violation" || kind === "bad-mic" || kind === "joined";

type Life = Awaited<ReturnType<typeof createCarriedLife>>;
const stateOf = async ({ store }: Life) =>
  decodeDeviceState((await store.device(parseDevEui(devEui)))?.value ?? new Uint8Array());

test("a LoRaWAN 1.1 device keeps its two downlink counters apart, and its three network keys", async () => {
  const life = await createCarriedLife();
  const version11 = {
    sNwkSIntKey: "d1".repeat(16),
    nwkSEncKey: "d2".repeat(16),
    lastAFCntDown: 40,
    confFCnt: 9,
    indications: [],
  };
  const session = oldSession({ version11, lastFCntDown: 19 });
  const message = sessionMessage(session, { macVersion: 5, nFCntDown: 20, aFCntDown: 41, confFCnt: 9 });
  await life.migrate(
    await sourceOf([
      {
        devEui,
        profile: "version11",
        session: message,
        fCntUp: 1234,
        nwkKey: "c4".repeat(16),
        appKey: "c3".repeat(16),
        queue: [{ text: "for the application", createdAt: "2026-01-01T10:00:00Z" }],
      },
    ]),
  );
  const credentials = { devEui, joinEui, appKey: "c3".repeat(16), nwkKey: "c4".repeat(16) };
  const device = await life.turnOn(devEui, session, { credentials, macVersion: "1.1.0" });
  await device.say("one");
  await device.say("two", true);
  expect((await device.ups()).map(({ fCnt }) => fCnt)).toEqual([1234, 1235]);
  expect(device.downlinks().map(({ fCnt, fPort, ack }) => [fCnt, fPort, ack])).toEqual([
    [41, 10, false],
    [20, undefined, true],
  ]);
  expect(device.events.filter(quiet)).toEqual([]);
});

test("C12 an uplink that ChirpStack has had is not taken again, wherever its version keeps the counter", async () => {
  // Up to 4.14 in the message, then in a column, beside which the message grows old.
  for (const [inMessage, inRow] of [
    [1234, 0],
    [1000, 1234],
  ] as const) {
    const life = await createCarriedLife();
    const session = oldSession();
    const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77, fCntUp: inMessage });
    await life.migrate(await sourceOf([{ devEui, session: message, fCntUp: inRow }]));
    const old = await life.turnOn(devEui, { ...session, fCntUp: 1233 });
    await old.say("known already");
    await old.say("new");
    expect((await old.ups()).map(({ fCnt }) => fCnt)).toEqual([1234]);
  }
});

test("an ABP device goes on, and may start again at 0 where ChirpStack let it", async () => {
  const life = await createCarriedLife();
  const session = oldSession();
  const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77 });
  await life.migrate(
    await sourceOf([{ devEui, profile: "abp", session: message, fCntUp: 1234, row: { skip_fcnt_check: true } }]),
  );
  const device = await life.turnOn(devEui, session);
  await device.say("before");
  device.device.stop();
  const restarted = await life.turnOn(devEui, { ...session, fCntUp: 0 });
  await restarted.say("after its battery was changed");
  expect((await restarted.ups()).map(({ fCnt }) => fCnt)).toEqual([1234, 0]);
  const { active } = await stateOf(life);
  expect(active).not.toHaveProperty("joinEui");
});

test("a class C device hears at once what waited for it, through the gateway that heard it last", async () => {
  const life = await createCarriedLife();
  const session = oldSession();
  const heardBy = [life.gatewayIdOf("aaaaaaaaaaaaaaa1")];
  const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77, heardBy });
  const queue = [{ text: "close the valve", createdAt: "2026-01-01T10:00:00Z" }];
  await life.migrate(await sourceOf([{ devEui, profile: "classC", session: message, fCntUp: 1234, queue }]));
  const { downlinks } = await life.turnOn(devEui, session, { deviceClass: "C" });
  await life.clock.advance(20_000);
  expect(downlinks().map(({ fCnt, window, payload }) => [fCnt, window, text(payload)])).toEqual([
    [77, "RXC", "close the valve"],
  ]);
});

test("a confirmed downlink that was under way is acknowledged by the next uplink, and not sent again", async () => {
  const life = await createCarriedLife();
  const session = oldSession({ ackOwed: true });
  const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77, confFCnt: 76 });
  const sent = { confirmed: true, is_pending: true, f_cnt_down: 76, timeout_after: new Date("2026-01-01T12:00:00Z") };
  const queue = [
    { text: "later", createdAt: "2026-01-01T09:00:00Z" },
    { text: "sent", createdAt: "2026-01-01T10:00:00Z", changes: sent },
  ];
  await life.migrate(await sourceOf([{ devEui, session: message, fCntUp: 1234, queue }]));
  const device = await life.turnOn(devEui, session);
  await device.say("and here is the acknowledgement");
  const acks = (await life.eventsOf(device.devEui)).filter(({ kind }) => kind === "ack");
  expect(acks).toMatchObject([{ acknowledged: true, fCntDown: 76 }]);
  expect(device.downlinks().map(({ payload }) => text(payload))).toEqual(["later"]);
});

test("a downlink that the application encrypted is carried in the clear, and leaves under the next counter", async () => {
  const life = await createCarriedLife();
  const session = oldSession();
  const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77 });
  const data = cryptPayload(
    parseAesKey(session.appSKey),
    "down",
    parseDevAddr(session.devAddr),
    77,
    Buffer.from("sealed there"),
  );
  const queue = [{ data, createdAt: "2026-01-01T10:00:00Z", changes: { is_encrypted: true, f_cnt_down: 77 } }];
  await life.migrate(await sourceOf([{ devEui, session: message, fCntUp: 1234, queue }]), { skippedDownlinks: 100 });
  const device = await life.turnOn(devEui, session);
  await device.say("hello");
  expect(device.downlinks().map(({ fCnt, payload }) => [fCnt, text(payload)])).toEqual([[177, "sealed there"]]);
});

test("a downlink that was encrypted under a key nobody here knows leaves as it is, under the counter that it is for", async () => {
  const life = await createCarriedLife();
  const session = oldSession();
  const message = sessionMessage(session, {
    macVersion: 3,
    nFCntDown: 77,
    kekLabel: "theirs",
    appSKey: "00".repeat(24),
  });
  const plain = Buffer.from("for its device alone");
  const data = cryptPayload(parseAesKey(session.appSKey), "down", parseDevAddr(session.devAddr), 80, plain);
  const queue = [{ data, createdAt: "2026-01-01T10:00:00Z", changes: { is_encrypted: true, f_cnt_down: 80 } }];
  const { report } = await life.migrate(await sourceOf([{ devEui, session: message, fCntUp: 1234, queue }]));
  expect(report.notes().map(({ topic }) => topic)).toContain("wrapped-keys");
  const device = await life.turnOn(devEui, session);
  await device.say("hello");
  expect(device.downlinks().map(({ fCnt, payload }) => [fCnt, text(payload)])).toEqual([[80, "for its device alone"]]);
});

test("an answer to a MAC command that ChirpStack sent changes the session", async () => {
  const life = await createCarriedLife({ regions: [{ ...sameRegion, rx1DelaySeconds: 6 }] });
  // RXTimingSetupReq with 6 s: the device has heard it and answers.
  const session = oldSession({ answers: [{ bytes: "08", sticky: true }] });
  const message = sessionMessage(session, { macVersion: 3, nFCntDown: 77, pending: { 8: "0806" } });
  await life.migrate(await sourceOf([{ devEui, session: message, fCntUp: 1234 }]));
  const parameters = { ...session.parameters, rx1DelaySeconds: 6 };
  const device = await life.turnOn(devEui, { ...session, parameters });
  await device.say("with the answer", true);
  expect((await stateOf(life)).active?.mac).toMatchObject({ current: { rx1DelaySeconds: 6 }, pending: [] });
  expect(device.downlinks()).toMatchObject([{ ack: true, window: "RX1" }]);
});

describe("a device that has not joined yet", () => {
  test("C24 joins, but not with a DevNonce that it used on ChirpStack", async () => {
    const life = await createCarriedLife();
    // The first one of a device with this seed.
    const used = 41_095;
    await life.migrate(await sourceOf([{ devEui, devNonces: [7, used], joinNonce: 7 }]));
    const { device, events } = await life.turnOn(devEui, undefined, { joinRetryMs: 1000 });
    device.start();
    await life.clock.advance(120_000);
    const requested = events.flatMap(event => (event.kind === "join-requested" ? [event.devNonce] : []));
    expect(requested).toEqual([used, expect.any(Number)]);
    expect(events.filter(({ kind }) => kind === "joined")).toHaveLength(1);
    expect(device.snapshot()).toMatchObject({ lastJoinNonce: 8 });
  });

  test("C23 of LoRaWAN 1.0.4 joins with a DevNonce above all that it used", async () => {
    const life = await createCarriedLife();
    await life.migrate(await sourceOf([{ devEui, profile: "version104", devNonces: [3, 4], joinNonce: 2 }]));
    const { joinNonce, lastDevNonce } = await nonces(life);
    expect([joinNonce, lastDevNonce]).toEqual([2, 4]);
    const { device, events } = await life.turnOn(devEui, undefined, { macVersion: "1.0.4", joinRetryMs: 1000 });
    device.start();
    await life.clock.advance(300_000);
    expect(events.filter(({ kind }) => kind === "join-requested").length).toBeGreaterThan(5);
    expect(events.filter(({ kind }) => kind === "joined")).toHaveLength(1);
  });
});

async function nonces({ target }: Life) {
  let found: JoinNonces = freshNonces;
  await target.nonces.change(parseDevEui(devEui), parseJoinEui(joinEui), known => {
    found = known;
    return {};
  });
  return found;
}

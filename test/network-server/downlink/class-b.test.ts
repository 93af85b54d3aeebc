import { describe, expect, test } from "vitest";
import { gpsMsOf } from "../../../lorawan/gps-time.ts";
import { parseDevAddr, parseGatewayId } from "../../../lorawan/ids.ts";
import { initialMacState } from "../../../lorawan/mac/engine.ts";
import type { RegionName } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { decodeDeviceState, encodeDeviceState } from "../../../network-server/device-record.ts";
import { isClassB, maxPingPayload, pingWindowAfter } from "../../../network-server/downlink/class-b.ts";
import { deviceClassOf } from "../../../network-server/downlink/device-class.ts";
import {
  afterRepeat,
  afterUplink,
  answerableQueue,
  inPingSlot,
  isMissed,
  nextTurn,
  windowsInOrder,
} from "../../../network-server/downlink/pacing.ts";
import { encodeQueueItem } from "../../../network-server/downlink/queue.ts";
import { dataWindows } from "../../../network-server/downlink/windows.ts";
import type { DeviceProfileConfig } from "../../../network-server/ports.ts";
import { regionOfSession, type Session } from "../../../network-server/session.ts";
import type { QueueItem } from "../../../platform/state/queue-item.ts";
import { scenarioProfile } from "../../support/scenario.ts";
import { someSession } from "../../support/sessions.ts";

const nowMs = Date.UTC(2026, 0, 1);
const leadMs = 1_000;
const profile: DeviceProfileConfig = { ...scenarioProfile("EU868"), supportsClassB: true };
const heardBy = [{ gatewayId: parseGatewayId("0000000000000001"), snrDb: 5, rssiDbm: -90, hasGpsTime: true }];

/** A device whose last uplink had the bit, with a ping slot every 0.96 s times 2^periodicity. */
function listening(changes: Partial<Session> = {}, periodicity = 3): Session {
  const session = someSession({ heardBy, classB: {}, ...changes });
  return { ...session, mac: { ...session.mac, pingSlotPeriodicity: periodicity } };
}

const withCurrent = (session: Session, current: Partial<Session["mac"]["current"]>): Session => ({
  ...session,
  mac: { ...session.mac, current: { ...session.mac.current, ...current } },
});

const item = (id: string, changes: Partial<QueueItem> = {}) => ({
  id,
  value: encodeQueueItem({ id, fPort: 1, confirmed: false, data: "AQ==", enqueuedAtMs: 0, ...changes }),
});

const turn = (active: Session, queue = [item("a")], atMs = nowMs) => nextTurn({ active }, queue, profile, atMs, leadMs);

function pingOf(session: Session, afterMs = nowMs, ofProfile = profile) {
  const ping = pingWindowAfter(session, ofProfile, afterMs);
  if (!ping) throw new Error("the device has ping slots");
  return ping;
}

describe("who is of class B", () => {
  test("whose uplink has the bit, whose profile knows of it, and whose periodicity is known", () => {
    expect(isClassB(listening(), profile)).toBe(true);
    expect(isClassB(listening(), { ...profile, supportsClassB: false })).toBe(false);
    const { classB: _, ...without } = listening();
    expect(isClassB(without, profile)).toBe(false);
    const untold = someSession({ classB: {} });
    expect(isClassB(untold, profile)).toBe(false);
    expect(isClassB(untold, { ...profile, pingSlotPeriodicity: 0 })).toBe(true);
  });

  test("what the device says goes before its profile", () => {
    const told = pingOf(listening({}, 2), nowMs, { ...profile, pingSlotPeriodicity: 7 });
    expect(told).toEqual(pingOf(listening({}, 2)));
  });

  test("class C goes before class B", () => {
    expect(deviceClassOf(listening(), profile)).toBe("B");
    expect(deviceClassOf(listening(), { ...profile, supportsClassC: true })).toBe("C");
    expect(deviceClassOf(someSession(), profile)).toBe("A");
  });
});

describe("a ping slot", () => {
  test("C45 is where the network has put it, else as the device is built, else the region's", () => {
    const channelOf = (session: Session, built: Partial<DeviceProfileConfig> = {}) => {
      const { frequencyHz, modulation } = pingOf(session, nowMs, { ...profile, ...built }).window;
      return [frequencyHz, modulation.kind === "lora" && modulation.spreadingFactor];
    };
    const built = { pingSlotFrequencyHz: 868_300_000, pingSlotDataRate: 5 };
    expect(channelOf(listening())).toEqual([869_525_000, 9]);
    expect(channelOf(listening(), built)).toEqual([868_300_000, 7]);
    const told = withCurrent(listening(), { pingSlotFrequencyHz: 868_500_000, pingSlotDataRate: 0 });
    expect(channelOf(told, built)).toEqual([868_500_000, 12]);
    const given = withCurrent(listening(), { pingSlotFrequencyHz: 0, pingSlotDataRate: 3 });
    expect(channelOf(given, built)).toEqual([869_525_000, 9]);
    expect(maxPingPayload(told, profile)).toBe(51);
    expect(pingOf(told).window.maxPayload).toBe(51);
  });

  const inRegion = (region: RegionName, changes: Partial<Session> = {}): Session => {
    const facts = regionOf(region, "RP002-1.0.4");
    const channels = facts.defaultChannels;
    const mac = initialMacState(facts, {
      rx1DelaySeconds: 1,
      rx1DrOffset: 0,
      rx2DataRate: facts.rx2.dataRate,
      rx2FrequencyHz: facts.rx2.frequencyHz,
      channels,
      enabledChannels: [0],
    });
    return listening({ region, mac, ...changes });
  };

  test("C45 hops with the beacon in US915, unless the network has put it somewhere", () => {
    const session = inRegion("US915", { devAddr: parseDevAddr("00000003") });
    const first = pingOf(session);
    const second = pingOf(session, first.startsAtMs + 128_000);
    const numbers = [first, second].map(({ window }) => (window.frequencyHz - 923_300_000) / 600_000);
    const beacons = gpsMsOf(first.startsAtMs) / 128_000;
    expect(numbers[0]).toBe((3 + Math.floor(beacons)) % 8);
    expect(numbers[1]).toBe(((numbers[0] ?? 0) + 1) % 8);
    expect(first.window.modulation).toMatchObject({ spreadingFactor: 12, bandwidthHz: 500_000 });
    const put = withCurrent(session, { pingSlotFrequencyHz: 923_300_000 });
    expect(pingOf(put, first.startsAtMs + 128_000).window.frequencyHz).toBe(923_300_000);
  });

  test("C45 follows in CN470 the channel that the device joined on, else its RX2, whatever RX2 has become", () => {
    const range = (session: Session) => {
      const found = Array.from(
        { length: 8 },
        (_, count) => pingOf(session, nowMs + count * 128_000).window.frequencyHz,
      );
      return Math.min(...found);
    };
    // Join channel 2 of plan 20A: downlink channels 16 to 23.
    const joined = inRegion("CN470-20A", { joinChannelHz: 474_100_000 });
    expect(range(joined)).toBe(483_900_000 + 2 * 1_600_000);
    expect(range(withCurrent(joined, { rx2FrequencyHz: 486_900_000 }))).toBe(483_900_000 + 2 * 1_600_000);
    const earlier = inRegion("CN470-20A");
    expect(range(withCurrent(earlier, { rx2FrequencyHz: 488_500_000 }))).toBe(483_900_000 + 2 * 1_600_000);
    // Activated by personalisation: that of the region's RX2.
    expect(range(earlier)).toBe(483_900_000 + 1_600_000);
  });
});

describe("the next turn", () => {
  test("C45 is to wait until a second before the next ping slot, then to send", () => {
    const session = listening();
    const { startsAtMs } = pingOf(session);
    expect(turn(session)).toEqual({ kind: "wait", untilMs: startsAtMs - leadMs });
    expect(turn(session, [item("a")], startsAtMs - leadMs)).toMatchObject({
      kind: "send",
      target: { deviceClass: "B", ping: { startsAtMs } },
    });
  });

  test("lets a ping slot pass for which gateways would have it too late", () => {
    const session = listening();
    const { startsAtMs } = pingOf(session);
    const next = pingOf(session, startsAtMs);
    const late = turn(session, [item("a")], startsAtMs - leadMs / 2);
    expect(late).toEqual({ kind: "wait", untilMs: next.startsAtMs - leadMs });
  });

  test("C20 waits for the windows of an uplink, and for the outcome of a frame that waits for its slot", () => {
    const quiet = listening({ pacing: { quietUntilMs: nowMs + 700 } });
    expect(turn(quiet)).toEqual({ kind: "wait", untilMs: nowMs + 700 });
    const slotMs = nowMs + 200_000;
    const postponed = item("a", { sent: { fCntDown: 1, atMs: slotMs, attempts: 1 } });
    expect(turn(listening(), [postponed])).toEqual({ kind: "wait", untilMs: nowMs + 2_000 });
    expect(answerableQueue(listening(), [postponed, item("b")], nowMs)).toEqual({ queue: [], moreWaits: true });
  });

  test("is nothing while nobody knows where the device listens", () => {
    const session = listening();
    const changing = { ...session, mac: { ...session.mac, pending: ["1118f54803"] } };
    expect(turn(changing)).toEqual({ kind: "nothing" });
    expect(turn(listening({ heardBy: [] }))).toEqual({ kind: "nothing" });
    const { classB: _, ...classA } = session;
    expect(turn(classA)).toEqual({ kind: "nothing" });
  });

  test("C66 ends the wait for an acknowledgement with the profile's time-out of class B", () => {
    const awaiting = listening({ awaitedAck: { queueItemId: "a", fCntDown: 1 } });
    const ping = pingOf(awaiting);
    const slow = { ...profile, classBTimeoutSeconds: 30 };
    const sent = inPingSlot(awaiting, ping, 20, slow, true);
    const endsAtMs = sent.awaitedAck?.endsAtMs ?? 0;
    expect(endsAtMs).toBeGreaterThan(ping.startsAtMs + 100);
    expect(sent.awaitedAck?.timeoutAtMs).toBe(endsAtMs + 30_000);
    expect(sent.pacing).toMatchObject({ onAirUntilMs: endsAtMs, wakeAtMs: endsAtMs + 30_000 });
    expect(turn(sent, [item("a")], endsAtMs + 29_999)).toMatchObject({ kind: "wait" });
    expect(turn(sent, [item("a")], endsAtMs + 30_000)).toEqual({ kind: "timed-out" });
    expect(inPingSlot(awaiting, ping, 20, slow, false).pacing).not.toHaveProperty("onAirUntilMs");
  });
});

describe("an uplink beside a ping slot", () => {
  const traces = {
    startedAtMs: nowMs - 60,
    receivedAtMs: nowMs,
    receptions: [
      { rxInfo: { gatewayId: parseGatewayId("0000000000000002"), uplinkId: 1, timeSinceGpsEpoch: "1s" }, snrDb: 7 },
      { rxInfo: { gatewayId: parseGatewayId("0000000000000003"), uplinkId: 1 }, snrDb: 9 },
    ],
    downlink: undefined,
    profile,
    joined: undefined,
    hasQueue: true,
  };

  test("C47 leaves behind which gateways heard it, and which of them with GPS time, through the store", () => {
    const active = afterUplink(listening({ heardBy: [] }), traces);
    expect(active.heardBy).toMatchObject([{ snrDb: 9 }, { snrDb: 7, hasGpsTime: true }]);
    expect(active.heardBy?.[0]).not.toHaveProperty("hasGpsTime");
    expect(decodeDeviceState(encodeDeviceState({ active })).active).toEqual(active);
  });

  test("C20 its answer opens after a frame that gateways have already, or not at all", () => {
    const session = listening();
    const windows = dataWindows(regionOfSession(session), session.mac.current, {
      frequencyHz: 868_100_000,
      dataRate: 5,
    });
    const names = (onAirUntilMs?: number) =>
      windowsInOrder({ ...session, pacing: onAirUntilMs === undefined ? {} : { onAirUntilMs } }, windows, nowMs).map(
        ({ name }) => name,
      );
    expect(names()).toEqual(["RX1", "RX2"]);
    expect(names(nowMs + 500)).toEqual(["RX1", "RX2"]);
    expect(names(nowMs + 1_200)).toEqual(["RX2"]);
    expect(names(nowMs + 2_500)).toEqual([]);
    // The clock was set back since.
    expect(names(nowMs + 3_600_000)).toEqual(["RX1", "RX2"]);
  });

  test("C20 the frame is on its way still, and the device left alone until both are over", () => {
    const onAirUntilMs = nowMs + 4_000;
    const after = afterUplink(listening({ pacing: { onAirUntilMs } }), traces);
    expect(after.pacing).toMatchObject({ onAirUntilMs, quietUntilMs: onAirUntilMs + 300 });
    const past = afterUplink(listening({ pacing: { onAirUntilMs: nowMs - 1 } }), traces);
    expect(past.pacing).not.toHaveProperty("onAirUntilMs");
  });

  test("takes away what was to come from its beginning to the end of its windows, repeats included", () => {
    const after = afterUplink(listening(), traces);
    expect(isMissed(after, nowMs + 500, nowMs + 600)).toBe(true);
    expect(isMissed(after, nowMs - 200, nowMs)).toBe(true);
    // The device has waited for the end of the frame before it sent.
    expect(isMissed(after, nowMs - 200, nowMs - 60)).toBe(false);
    expect(isMissed(after, nowMs - 200, nowMs - 50)).toBe(false);
    expect(isMissed(after, nowMs + 2_400, nowMs + 2_500)).toBe(false);
    const repeated = afterRepeat(after, { startedAtMs: nowMs + 4_000, receivedAtMs: nowMs + 4_060 }, undefined);
    expect(isMissed(repeated, nowMs + 500, nowMs + 600)).toBe(true);
    expect(isMissed(repeated, nowMs + 5_000, nowMs + 5_100)).toBe(true);
    expect(isMissed(listening({ pacing: { quietUntilMs: nowMs + 1_000 } }), nowMs, nowMs + 100)).toBe(false);
  });
});

import { describe, expect, test } from "vitest";
import { parseDevAddr, parseDeviceProfileId, parseGatewayId } from "../../../lorawan/ids.ts";
import { decodeDeviceState, encodeDeviceState } from "../../../network-server/device-record.ts";
import { classCWindow, isClassC } from "../../../network-server/downlink/class-c.ts";
import {
  afterUplink,
  answerableQueue,
  nextTurn,
  type UplinkTraces,
  underWayMs,
} from "../../../network-server/downlink/pacing.ts";
import { encodeQueueItem } from "../../../network-server/downlink/queue.ts";
import type { DeviceProfileConfig } from "../../../network-server/ports.ts";
import type { Session } from "../../../network-server/session.ts";
import type { QueueItem } from "../../../platform/state/queue-item.ts";
import { someSession } from "../../support/sessions.ts";

const nowMs = 1_000_000;
const gatewayId = parseGatewayId("0000000000000001");
const heardBy = [{ gatewayId, snrDb: 5, rssiDbm: -90 }];
const classCProfile: DeviceProfileConfig = {
  id: parseDeviceProfileId("00000000-0000-4000-8000-000000000003"),
  supportsClassC: true,
  classCTimeoutSeconds: 8,
  region: "EU868",
  macVersion: "1.0.4",
  regionalParameters: "RP002-1.0.4",
  supportsOtaa: true,
  supportsClassB: false,
  classBTimeoutSeconds: 8,
  adrAlgorithm: "default",
  expectedUplinkIntervalSeconds: 3600,
  deviceStatusIntervalSeconds: 0,
  flushQueueOnActivate: true,
  confirmedDownlinkRetries: 2,
  abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 },
};
const item = (id: string, changes: Partial<QueueItem> = {}) => ({
  id,
  value: encodeQueueItem({ id, fPort: 1, confirmed: false, data: "AQ==", enqueuedAtMs: 0, ...changes }),
});
const sent = (atMs: number) => ({ sent: { fCntDown: 1, atMs, attempts: 1 } });
const heard = (changes: Partial<Session> = {}): Session => someSession({ heardBy, ...changes });
const turn = (active: Session, queue = [item("a")], joined?: Session) =>
  nextTurn({ active, ...(joined && { joined }) }, queue, classCProfile, nowMs, 1_000);

describe("who is of class C", () => {
  test("1.0.x: whose profile says so; 1.1: who said so with DeviceModeInd", () => {
    const session = someSession();
    const v11 = someSession({ macVersion: "1.1.0" });
    expect(isClassC(session, classCProfile)).toBe(true);
    expect(isClassC(session, { ...classCProfile, supportsClassC: false })).toBe(false);
    expect(isClassC(v11, classCProfile)).toBe(false);
    expect(isClassC({ ...v11, mac: { ...v11.mac, deviceClass: "C" } }, classCProfile)).toBe(true);
    expect(isClassC({ ...v11, mac: { ...v11.mac, deviceClass: "A" } }, classCProfile)).toBe(false);
  });

  test("C51 it listens on what RX2 is for this device now", () => {
    const { mac } = someSession();
    const current = { ...mac.current, rx2DataRate: 3, rx2FrequencyHz: 868_300_000 };
    expect(classCWindow(someSession({ mac: { ...mac, current } }))).toMatchObject({
      frequencyHz: 868_300_000,
      modulation: { spreadingFactor: 9 },
      maxPayload: 115,
    });
  });
});

describe("the next turn", () => {
  test("is to send when something waits and nothing is in the way", () => {
    expect(turn(heard())).toMatchObject({ kind: "send" });
    expect(turn(heard(), [])).toEqual({ kind: "nothing" });
  });

  test("has no way to a device that was never heard", () => {
    expect(turn(someSession())).toEqual({ kind: "nothing" });
  });

  test("C51 waits for the windows of an uplink", () => {
    expect(turn(heard({ pacing: { quietUntilMs: nowMs + 700 } }))).toEqual({ kind: "wait", untilMs: nowMs + 700 });
    expect(turn(heard({ pacing: { quietUntilMs: nowMs } }))).toMatchObject({ kind: "send" });
  });

  test("does not wait for an hour because the clock was set back by one", () => {
    expect(turn(heard({ pacing: { quietUntilMs: nowMs + 3_600_000 } }))).toMatchObject({ kind: "send" });
    expect(turn(heard(), [item("a", sent(nowMs + 3_600_000))])).toMatchObject({ kind: "send" });
  });

  test("C20 waits for the outcome of what is under way, and not for ever", () => {
    expect(turn(heard(), [item("a", sent(nowMs - 1_000))])).toMatchObject({ kind: "wait" });
    expect(turn(heard(), [item("a", sent(nowMs - underWayMs))])).toMatchObject({ kind: "send" });
  });

  test("C66 waits for an acknowledgement until its time is over", () => {
    const awaitedAck = { queueItemId: "a", fCntDown: 1 };
    const until = (timeoutAtMs: number) => heard({ awaitedAck: { ...awaitedAck, timeoutAtMs } });
    expect(turn(until(nowMs + 1))).toEqual({ kind: "wait", untilMs: nowMs + 1 });
    expect(turn(until(nowMs))).toEqual({ kind: "timed-out" });
    // Sent while the device was of class A: only an uplink ends it.
    expect(turn(heard({ awaitedAck }))).toEqual({ kind: "nothing" });
  });

  test("C31 waits for the first uplink after a join, unless the device was heard on its old session since", () => {
    const joined = someSession({ devAddr: parseDevAddr("01000001") });
    expect(turn(heard(), [item("a")], joined)).toEqual({ kind: "nothing" });
    const since = heard({ pacing: { heardSinceJoin: joined.devAddr } });
    expect(turn(since, [item("a")], joined)).toMatchObject({ kind: "send" });
    expect(turn(since, [item("a")], { ...joined, devAddr: parseDevAddr("01000002") })).toEqual({ kind: "nothing" });
  });

  test("leaves the item to the answer while an uplink waits for copies", () => {
    const open = {
      deduplicationId: "1",
      phyPayload: "",
      fCnt: 1,
      dataRate: 5,
      channelIndex: 0,
      receivedAtMs: nowMs,
      txInfo: { frequency: 868_100_000, modulation: { fsk: { datarate: 50_000 } } },
      receptions: [],
    };
    expect(nextTurn({ active: heard(), open }, [item("a")], classCProfile, nowMs, 1_000)).toEqual({ kind: "nothing" });
  });
});

describe("what an answer to an uplink may carry", () => {
  const ids = (session: Session, queue: readonly ReturnType<typeof item>[]) => {
    const answerable = answerableQueue(session, queue, nowMs);
    return [answerable.queue.map(({ id }) => id), answerable.moreWaits];
  };

  test("what comes before the first confirmed item", () => {
    expect(ids(heard(), [item("a"), item("b")])).toEqual([["a", "b"], false]);
    expect(ids(heard(), [item("a"), item("b", { confirmed: true }), item("c")])).toEqual([["a"], true]);
  });

  test("C20 C67 nothing while an item is under way, and whether more waits is told truthfully", () => {
    const underWay = item("a", sent(nowMs - 1_000));
    expect(ids(heard(), [underWay])).toEqual([[], false]);
    expect(ids(heard(), [underWay, item("b")])).toEqual([[], true]);
    const awaiting = heard({ awaitedAck: { queueItemId: "a", fCntDown: 1, timeoutAtMs: nowMs } });
    expect(ids(awaiting, [item("a", { confirmed: true }), item("b")])).toEqual([[], true]);
  });
});

describe("after an uplink", () => {
  const reception = (id: string, snrDb: number) => ({
    rxInfo: { gatewayId: parseGatewayId(id.padStart(16, "0")), uplinkId: 1, rssi: -90 },
    snrDb,
  });
  const traces: UplinkTraces = {
    startedAtMs: nowMs - 60,
    receivedAtMs: nowMs,
    receptions: [reception("1", 3), reception("2", 7), reception("1", 5)],
    downlink: undefined,
    profile: classCProfile,
    joined: undefined,
    hasQueue: true,
  };

  test("the gateways that heard it are kept, best first, and the end of its windows, through the store", () => {
    const active = afterUplink(someSession(), traces);
    expect(active.heardBy?.map(({ gatewayId, snrDb }) => [gatewayId.at(-1), snrDb])).toEqual([
      ["2", 7],
      ["1", 5],
    ]);
    expect(active.pacing?.quietUntilMs).toBeGreaterThan(nowMs + 2_000);
    expect(active.pacing?.wakeAtMs).toBe(active.pacing?.quietUntilMs);
    expect(decodeDeviceState(encodeDeviceState({ active })).active).toEqual(active);
  });

  test("that came late, those that heard the one before are kept", () => {
    expect(afterUplink(heard(), { ...traces, receptions: [] }).heardBy).toEqual(heardBy);
  });

  test("of a class A device nothing is kept", () => {
    const before = heard({ pacing: { wakeAtMs: nowMs } });
    const after = afterUplink(before, { ...traces, profile: { ...classCProfile, supportsClassC: false } });
    expect(after).not.toHaveProperty("heardBy");
    expect(after).not.toHaveProperty("pacing");
  });
});

import { describe, expect, test } from "vitest";
import { parseGatewayId, parseJoinEui } from "../../lorawan/ids.ts";
import { decodeDeviceState, encodeDeviceState } from "../../network-server/device-record.ts";
import type { DeviceState, Session } from "../../network-server/session.ts";
import { UnreadableSession } from "../../network-server/session-record.ts";
import { someSession } from "../support/sessions.ts";

const gatewayId = parseGatewayId("aa00000000000001");

const extraChannel = {
  uplinkFrequencyHz: 867_100_000,
  downlinkFrequencyHz: 869_525_000,
  minDataRate: 0,
  maxDataRate: 5,
  fastDataRates: true,
};

/** Every member that a session may have. */
function fullSession(): Session {
  const { mac, ...session } = someSession();
  return {
    ...session,
    regionConfigId: "Müller's network\n2",
    appSKey: { kekLabel: "label", aesKey: "00112233445566778899aabbccddeeff0011223344556677" },
    sessionKeyId: "a1b2",
    joinEui: parseJoinEui("0e0e0e0e0e0e0e0e"),
    fCntUp: 70_000,
    nFCntDown: 3,
    aFCntDown: 5,
    confFCntDown: 4,
    lastConfFCnt: 3,
    rjCount0: 2,
    adrHistory: [
      { fCnt: 69_998, snrDb: -7.5, gatewayCount: 1 },
      { fCnt: 69_999, snrDb: 9.2, gatewayCount: 3 },
    ],
    adrSince: { fCnt: 69_998, heard: 2 },
    awaitedAck: { queueItemId: "item", fCntDown: 4, endsAtMs: 17, timeoutAtMs: 8017 },
    heardBy: [{ gatewayId, snrDb: 9.2, rssiDbm: -80 }],
    pacing: { quietUntilMs: 20, wakeAtMs: 30, failures: 1, heardSinceJoin: session.devAddr },
    lastMic: "01020304",
    lastUplinkAtMs: 1_700_000_000_123,
    lastDataRate: 5,
    mac: {
      ...mac,
      current: {
        ...mac.current,
        channels: [...mac.current.channels, extraChannel, undefined, extraChannel],
        adrAckLimitExponent: 6,
      },
      pending: ["0350070001"],
      failures: { "06": 2 },
      resting: { "06": 8 },
      deviceStatus: { battery: 254, marginDb: -3, atMs: 1 },
      linkAdrRefusals: { dataRates: [6], txPowerIndexes: [], enabledChannels: ["0,1"] },
    },
  };
}

const withoutAppSKey = ({ appSKey: _, ...session }: Session): Session => session;

const open: DeviceState["open"] = {
  deduplicationId: "0b9f5b0e-8e5c-4e0f-9a3a-3f4f2b7f6a10",
  phyPayload: "40cd23ab01",
  fCnt: 69_999,
  dataRate: 5,
  channelIndex: 2,
  receivedAtMs: 1_700_000_000_123,
  txInfo: {
    frequency: 868_500_000,
    modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5" } },
  },
  receptions: [{ rxInfo: { gatewayId, uplinkId: 1 }, snrDb: 9.2 }],
};

describe("a device's record", () => {
  test.each<[string, DeviceState]>([
    ["nothing", {}],
    ["a session just begun", { active: someSession() }],
    ["every member of a session", { active: fullSession() }],
    ["a session that waits for its first uplink", { joined: fullSession() }],
    ["a session whose AppSKey is elsewhere", { active: withoutAppSKey(fullSession()) }],
    ["two sessions and an open uplink", { active: fullSession(), joined: someSession(), open }],
  ])("gives %s back as it was", (_what, state) => {
    expect(decodeDeviceState(encodeDeviceState(state))).toEqual(state);
  });

  test("says what has changed in a session that was written before", () => {
    const before = fullSession();
    encodeDeviceState({ active: before });
    const { mac, ...rest } = before;
    const changed: readonly Session[] = [
      { ...before, fCntUp: before.fCntUp + 1 },
      { ...before, fNwkSIntKey: "ffffffffffffffffffffffffffffffff" },
      { ...rest, mac: { ...mac, pending: [] } },
      { ...before, region: "IN865" },
      { ...before, sessionKeyId: "b3" },
      withoutAppSKey(before),
    ];
    for (const active of changed) expect(decodeDeviceState(encodeDeviceState({ active }))).toEqual({ active });
  });

  test("is read in format 1 too", () => {
    const { mac, ...session } = fullSession();
    const channels = [
      [3, extraChannel],
      [0, null],
    ];
    const stored = { ...session, mac: { ...mac, current: { ...mac.current, channels } } };
    const text = JSON.stringify({ format: 1, active: stored, joined: stored, open });
    const [, second, third] = mac.current.channels;
    const read = {
      ...session,
      mac: { ...mac, current: { ...mac.current, channels: [undefined, second, third, extraChannel] } },
    };
    expect(decodeDeviceState(Buffer.from(text))).toEqual({ active: read, joined: read, open });
  });

  test("has under its present name what earlier versions wrote as classC", () => {
    const active = fullSession();
    const written = Buffer.from(encodeDeviceState({ active })).toString();
    expect(decodeDeviceState(Buffer.from(written.replace('"pacing":', '"classC":')))).toEqual({ active });
  });

  test.each([
    ["empty", ""],
    ["of a later format", "3\n\n\n\n\n\n\n"],
    ["cut short", "2\n\n\n"],
    ["longer than it should be", "2\n\n\n\n\n\n\n\n"],
    ["without its MAC state", `2\n${JSON.stringify({ devAddr: "01ab23cd" })}\n\n\n\n\n\n`],
    ["no JSON", "2\n\n\n\n\n\n\n{"],
    ["of format 1 without its members", '{"format":1,"active":{}}'],
  ])("that is %s is refused", (_what, text) => {
    expect(() => decodeDeviceState(Buffer.from(text))).toThrow(UnreadableSession);
  });
});

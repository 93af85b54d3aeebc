import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parseDevAddr, parseDevEui, parseGatewayId, parseJoinEui } from "../../lorawan/ids.ts";
import { type RegionName, regionNames } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { type RegionalParametersRevision, regionalParametersRevisions } from "../../lorawan/version.ts";
import { loadDevice, updateDevice } from "../../network-server/device-documents.ts";
import { decodeDeviceState, encodeDeviceState, withSharedParts } from "../../network-server/device-record.ts";
import type { DeviceState, Session } from "../../network-server/session.ts";
import { UnreadableSession } from "../../network-server/session-record.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { someSession } from "../support/sessions.ts";
import documents from "../vectors/device-records.json" with { type: "json" };

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

/** As earlier versions wrote it. */
function format1(channels: readonly (readonly [number, unknown])[]): string {
  const { mac, ...session } = fullSession();
  const stored = { ...session, mac: { ...mac, current: { ...mac.current, channels } } };
  return JSON.stringify({ format: 1, active: stored, joined: stored, open });
}

const documentOf = (...session: readonly string[]): string => `3\n${session.join("\n")}\n`;
const [, session = "", parameters = ""] = Buffer.from(encodeDeviceState({ active: someSession() }))
  .toString()
  .split("\n");

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

  test("says what has changed in a session whose AppSKey was written before", () => {
    const changes: readonly Partial<Session>[] = [
      { devAddr: parseDevAddr("01ab23ce") },
      { macVersion: "1.0.2" },
      { regionalParameters: "RP002-1.0.1" },
      { region: "IN865" },
      { regionConfigId: "other" },
      { fNwkSIntKey: "ffffffffffffffffffffffffffffffff" },
      { sNwkSIntKey: "ffffffffffffffffffffffffffffffff" },
      { nwkSEncKey: "ffffffffffffffffffffffffffffffff" },
      { sessionKeyId: "b3" },
      { joinEui: parseJoinEui("0e0e0e0e0e0e0e0f") },
      { joinChannelHz: 470_300_000 },
    ];
    for (const change of changes) {
      const before = fullSession();
      encodeDeviceState({ active: before });
      const active = { ...before, ...change };
      expect(decodeDeviceState(encodeDeviceState({ active })).active).toMatchObject(change);
    }
  });

  test("gives devices whose radio parameters are the same one object of them", () => {
    const [first, second] = [1, 2].map(battery => {
      const { mac, ...session } = someSession();
      const active = { ...session, mac: { ...mac, deviceStatus: { battery, marginDb: 3, atMs: 4 } } };
      return decodeDeviceState(encodeDeviceState({ active })).active;
    });
    expect(second?.mac.deviceStatus?.battery).toBe(2);
    expect(second?.mac.current).toBe(first?.mac.current);
  });

  test("has the same MAC state as others at rest that say the same, and else the same radio parameters", () => {
    const macOf = (pending: readonly string[]) => {
      const active = someSession();
      const mac = { ...active.mac, current: { ...active.mac.current, dataRate: 3 }, pending };
      return withSharedParts({ active: { ...active, mac } }).active?.mac;
    };
    const atRest = macOf([]);
    expect(macOf([])).toBe(atRest);
    const awaiting = macOf(["0350070001"]);
    expect(awaiting?.pending).toEqual(["0350070001"]);
    expect(awaiting?.current).toBe(atRest?.current);
    expect(awaiting?.current.dataRate).toBe(3);
  });

  test("that has its parts in common with others stays the same object", () => {
    const state = withSharedParts({ active: someSession(), joined: { ...someSession(), macVersion: "1.1.0" } });
    expect(withSharedParts(state)).toBe(state);
  });

  test("is read in format 1 too", () => {
    const { mac, ...session } = fullSession();
    const [, second, third] = mac.current.channels;
    const read = {
      ...session,
      mac: { ...mac, current: { ...mac.current, channels: [undefined, second, third, extraChannel] } },
    };
    const text = format1([
      [3, extraChannel],
      [0, null],
    ]);
    expect(decodeDeviceState(Buffer.from(text))).toEqual({ active: read, joined: read, open });
  });

  test.each([
    ["empty", ""],
    ["of a later format", "4\n\n\n\n\n\n"],
    ["cut short", "3\n\n\n"],
    ["longer than it should be", "3\n\n\n\n\n\n\n"],
    ["without its MAC state", documentOf(session, "", "", "[0,0,0,0]")],
    ["without its counters", documentOf(session, parameters, "", "")],
    ["without one of its counters", documentOf(session, parameters, "", "[0,null,0,0]")],
    [
      "of more members than this version knows",
      documentOf(session, parameters.replace("]", ",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"), "", "[0,0,0,0]"),
    ],
    ["without all its ADR samples", documentOf(session, parameters, "", '[0,0,0,0,1,2,"",[0,2],[0,[1,2],"1"]]')],
    [
      "with a channel that has its data rates of none",
      documentOf(session, "[0,0,0,1,1,[[4,[867100000]]]]", "", "[0,0,0,0]"),
    ],
    ["with a channel of an impossible number", documentOf(session, "[0,0,0,1,1,[[255,[null,null]]]]", "", "[0,0,0,0]")],
    ["with impossibly many channels", documentOf(session, "[0,0,0,1,1,null,[0,1e300]]", "", "[0,0,0,0]")],
    ["no JSON", "3\n\n\n\n\n{"],
    ["of format 2 and cut short", "2\n\n\n"],
    ["of format 2 and longer than it should be", "2\n\n\n\n\n\n\n\n"],
    ["of format 2 without its MAC state", `2\n${JSON.stringify({ devAddr: "01ab23cd" })}\n\n\n\n\n\n`],
    ["of format 1 without its members", '{"format":1,"active":{}}'],
    ["of format 1 with a channel of an impossible number", format1([[1e9, null]])],
  ])("that is %s is refused", (_what, text) => {
    expect(() => decodeDeviceState(Buffer.from(text))).toThrow(UnreadableSession);
  });
});

/** JSON has null for a channel that is not defined. */
const plain = (state: DeviceState): unknown => JSON.parse(JSON.stringify(state));

/*
 * Documents as versions wrote them, byte by byte. They stand in stores: what is here is never written anew, and where a
 * test fails because the record is written otherwise now, that is a new format, which gets a number and documents of its own.
 */
describe.each(documents)("the document of $name", ({ state, format2, format3 }) => {
  test("is read in format 2", () => {
    expect(plain(decodeDeviceState(Buffer.from(format2)))).toEqual(state);
  });

  test("is written and read in format 3", () => {
    const read = decodeDeviceState(Buffer.from(format2));
    expect(Buffer.from(encodeDeviceState(read)).toString()).toBe(format3);
    expect(decodeDeviceState(Buffer.from(format3))).toEqual(read);
  });
});

test("a document of format 2 has under its present name what was once written as classC", () => {
  const [{ format2 = "", state } = {}] = documents.filter(({ name }) => name === "every member of a session");
  expect(plain(decodeDeviceState(Buffer.from(format2.replace('"pacing":', '"classC":'))))).toEqual(state);
});

test("a device that was read in format 2 is written in format 3 with its next commit", async () => {
  const [{ format2 = "" } = {}] = documents.filter(({ name }) => name === "a class A session with twenty ADR samples");
  const store = createMemoryStore();
  const devEui = parseDevEui("0102030405060708");
  await store.commit({ devEui, expectedVersion: 0, value: Buffer.from(format2), devAddrs: [] });
  const before = await loadDevice({ store }, devEui);
  const { active = someSession() } = before.state;
  await updateDevice({ store }, devEui, () => ({ state: { active: { ...active, fCntUp: 27 } } }));
  const document = await store.device(devEui);
  expect(Buffer.from(document?.value ?? []).toString()).toMatch(/^3\n/);
  expect((await loadDevice({ store }, devEui)).state).toEqual({ active: { ...active, fCntUp: 27 } });
});

/*
 * Documents of all formats leave out the default channels of the region. If this fails, stored documents have come to mean
 * other channels than devices have: leave the tables alone, or keep the former channels for the reading of documents up to
 * now, and give the record a new format number.
 */
test("the channels that documents leave out are the same as ever", () => {
  const changes = regionNames.flatMap(name =>
    regionalParametersRevisions
      .map((revision): [RegionalParametersRevision, string] => [revision, leftOut(name, revision)])
      .filter(([, channels], index, all) => channels !== all[index - 1]?.[1])
      .map(([revision, channels]) => `${name} from ${revision}: ${channels}`),
  );
  expect(changes).toEqual([
    "EU868 from TS001-1.0.0: 3 channels 18b2a93024691f55",
    "US915 from TS001-1.0.0: 72 channels 5891506a9d96f1b4",
    "US915 from RP002-1.0.2: 72 channels b32969c9f40db7e2",
    "US915 from RP002-1.0.5: 72 channels 9c494ed3444bd4f4",
    "AU915 from TS001-1.0.0: 72 channels e1457c5a02a5590d",
    "AU915 from RP001-1.0.2-B: 72 channels 2053e7abf4098944",
    "AU915 from RP002-1.0.2: 72 channels 7c1fb1e7ff04156d",
    "AU915 from RP002-1.0.5: 72 channels 57a65ac3561eea16",
    "AS923 from TS001-1.0.0: 2 channels 84f615b55fc5f350",
    "AS923-2 from TS001-1.0.0: 2 channels e95ef7f0074b7f4c",
    "AS923-3 from TS001-1.0.0: 2 channels 193828a5674bd43b",
    "AS923-4 from TS001-1.0.0: 2 channels 568bf4fff8c93b9a",
    "CN470 from TS001-1.0.0: 96 channels 730d3aa1c12a9667",
    "CN470-20A from TS001-1.0.0: 64 channels e2b0608b96ab264c",
    "CN470-20A from RP002-1.0.1: 64 channels a87d01363d0e1d3c",
    "CN470-20B from TS001-1.0.0: 64 channels 75e5cc9b3d053849",
    "CN470-20B from RP002-1.0.1: 64 channels 7b84576309bca5f9",
    "CN470-26A from TS001-1.0.0: 48 channels 0779691402e9ac8c",
    "CN470-26A from RP002-1.0.1: 48 channels 243cd7864a3b60aa",
    "CN470-26B from TS001-1.0.0: 48 channels 4ede5e19511110ee",
    "CN470-26B from RP002-1.0.1: 48 channels f7e0e2a2c55e4f3b",
    "CN779 from TS001-1.0.0: 3 channels 9f98e0105f523ba7",
    "EU433 from TS001-1.0.0: 3 channels 0f0ccbd849f5b6ec",
    "IN865 from TS001-1.0.0: 3 channels 98e4eeeb3950b64a",
    "KR920 from TS001-1.0.0: 3 channels b688c3506d763c5d",
    "RU864 from TS001-1.0.0: 2 channels 2d5944dfc2ad00f4",
    "ISM2400 from TS001-1.0.0: 3 channels 61d066d5d2103321",
  ]);
});

function leftOut(name: RegionName, revision: RegionalParametersRevision): string {
  const { defaultChannels } = regionOf(name, revision);
  const numbers = defaultChannels.map(
    channel =>
      channel && [
        channel.uplinkFrequencyHz,
        channel.downlinkFrequencyHz,
        channel.minDataRate,
        channel.maxDataRate,
        channel.fastDataRates ? 1 : 0,
      ],
  );
  return `${defaultChannels.length} channels ${hash("sha256", JSON.stringify(numbers)).slice(0, 16)}`;
}

import { describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import { wrapKey } from "../../lorawan/backend/key-envelope.ts";
import { parseDevEui, parseGatewayId, parseJoinEui } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { macVersionOf, regionOfPlan, revisionOfPhy } from "../../migration/things-stack/frequency-plan.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { systemClock } from "../../platform/clock.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createCarriedLife, oldSession, sameRegion } from "./support/carried-life.ts";
import { exportedDevice, exportedDownlink, exportedSession, exportSource } from "./support/things-stack-export.ts";

const devEui = "0102030405060708";
const regions = [{ ...sameRegion, id: "EU_863_870_TTN" }];
const session = oldSession();
const whole = exportedDevice(
  devEui,
  exportedSession(session, { network: 76, application: 70 }, [
    exportedDownlink(session, 77, "first"),
    exportedDownlink(session, 78, "second"),
  ]),
);
const text = (payload: Uint8Array): string => Buffer.from(payload).toString();

type Life = Awaited<ReturnType<typeof createCarriedLife>>;
const activeOf = async ({ store }: Life) =>
  decodeDeviceState((await store.device(parseDevEui(devEui)))?.value ?? new Uint8Array()).active;

test("a device of The Things Stack goes on with its next counters, and hears what waited for it", async () => {
  const life = await createCarriedLife({ regions });
  const { faults, counts } = await life.migrate(exportSource(JSON.stringify(whole)));
  expect(faults).toEqual([]);
  expect(counts).toMatchObject({
    tenant: { carried: 1 },
    application: { carried: 1 },
    profile: { carried: 1 },
    downlink: { carried: 2 },
  });
  const { say, ups, downlinks, events } = await life.turnOn(devEui, session);
  await say("hello");
  await say("again");
  expect((await ups()).map(({ fCnt }) => fCnt)).toEqual([1234, 1235]);
  expect(downlinks().map(({ fCnt, payload, macCommands }) => [fCnt, text(payload), macCommands])).toEqual([
    [77, "first", ""],
    [78, "second", ""],
  ]);
  expect(events.filter(({ kind }) => kind === "violation" || kind === "join-requested")).toEqual([]);
  const device = await life.target.repositories.devices.get(parseDevEui(devEui));
  expect(device).toMatchObject({ name: "north wall", tags: { room: "3", "device-id": `eui-${devEui}` } });
});

test("a second run of the same export changes nothing", async () => {
  const life = await createCarriedLife({ regions });
  await life.migrate(exportSource(JSON.stringify([whole])));
  const before = await activeOf(life);
  const { counts } = await life.migrate(exportSource(JSON.stringify([whole])));
  expect(Object.values(counts).map(({ carried, raised, faulty }) => carried + raised + faulty)).toEqual([
    0, 0, 0, 0, 0, 0, 0, 0,
  ]);
  expect(await activeOf(life)).toEqual(before);
});

test("a LoRaWAN 1.1 device keeps its counters apart", async () => {
  const life = await createCarriedLife({ regions });
  const version11 = {
    sNwkSIntKey: "d1".repeat(16),
    nwkSEncKey: "d2".repeat(16),
    lastAFCntDown: 40,
    confFCnt: 0,
    indications: [],
  };
  const own = oldSession({ version11, lastFCntDown: 19 });
  const exported = exportedDevice(devEui, {
    lorawan_version: "1.1.0",
    lorawan_phy_version: "1.1.0-b",
    root_keys: { app_key: { key: "c3".repeat(16) }, nwk_key: { key: "c4".repeat(16) } },
    ...exportedSession(own, { network: 19, application: 40 }, [exportedDownlink(own, 41, "for the application")]),
  });
  await life.migrate(exportSource(JSON.stringify(exported)));
  const credentials = { devEui, joinEui: "0e0e0e0e0e0e0e0e", appKey: "c3".repeat(16), nwkKey: "c4".repeat(16) };
  const device = await life.turnOn(devEui, own, { credentials, macVersion: "1.1.0" });
  await device.say("one");
  await device.say("two", true);
  expect(device.downlinks().map(({ fCnt, ack }) => [fCnt, ack])).toEqual([
    [41, false],
    [20, true],
  ]);
});

test("a device that waits for its first uplink after a join is heard under the new keys", async () => {
  const life = await createCarriedLife({ regions });
  const joined = oldSession({ devAddr: "0badcafe", nwkSKey: "e1".repeat(16), fCntUp: 0 });
  delete joined.lastFCntDown;
  const { session: pending_session, mac_state: pending_mac_state } = exportedSession(joined, {
    network: 0,
    application: 0,
  });
  await life.migrate(exportSource(JSON.stringify({ ...whole, pending_session, pending_mac_state })));
  const device = await life.turnOn(devEui, joined);
  await device.say("the first");
  expect(await device.ups()).toMatchObject([{ fCnt: 0, devAddr: "0badcafe" }]);
  expect(await activeOf(life)).toMatchObject({ devAddr: "0badcafe" });
});

test("C24 a DevNonce that was used there is refused, and the JoinNonce goes on", async () => {
  const life = await createCarriedLife({ regions });
  const used = 41_095;
  const exported = exportedDevice(devEui, { used_dev_nonces: [7, used], last_join_nonce: 12 });
  await life.migrate(exportSource(JSON.stringify(exported)));
  const { device, events } = await life.turnOn(devEui, undefined, { joinRetryMs: 1000 });
  device.start();
  await life.clock.advance(60_000);
  expect(events.filter(({ kind }) => kind === "join-requested")).toHaveLength(2);
  expect(device.snapshot()).toMatchObject({ lastJoinNonce: 13 });
});

test("C23 LoRaWAN 1.0.4 has the last DevNonce alone", async () => {
  const life = await createCarriedLife({ regions });
  const versions = { lorawan_version: "MAC_V1_0_4", lorawan_phy_version: "RP002_V1_0_3" };
  await life.migrate(
    exportSource(JSON.stringify(exportedDevice(devEui, { ...versions, last_dev_nonce: 42, last_join_nonce: 5 }))),
  );
  const seen: unknown[] = [];
  await life.target.nonces.change(parseDevEui(devEui), parseJoinEui("0e0e0e0e0e0e0e0e"), found => {
    seen.push(found);
    return {};
  });
  expect(seen).toMatchObject([{ joinNonce: 5, lastDevNonce: 42 }]);
});

test("an ABP device that was never heard begins at 0 with what it was made with", async () => {
  const life = await createCarriedLife({ regions: [] });
  const exported = exportedDevice(devEui, {
    supports_join: false,
    root_keys: undefined,
    mac_settings: { rx1_delay: { value: "RX_DELAY_5" }, resets_f_cnt: true, supports_32_bit_f_cnt: { value: true } },
    session: {
      dev_addr: "01A2B3C4",
      keys: { f_nwk_s_int_key: { key: "a1".repeat(16) }, app_s_key: { key: "b2".repeat(16) } },
    },
  });
  await life.migrate(exportSource(JSON.stringify(exported)));
  expect(await activeOf(life)).toMatchObject({ fCntUp: 0, nFCntDown: 0, mac: { current: { rx1DelaySeconds: 5 } } });
  expect(await life.target.repositories.devices.get(parseDevEui(devEui))).toMatchObject({ resetsFCnt: true });
});

describe("keys that are wrapped", () => {
  const kek = Buffer.from("0f".repeat(16), "hex");
  const sealed = (hex: string) => ({
    encrypted_key: Buffer.from(wrapKey(kek, Buffer.from(hex, "hex"))).toString("base64"),
    kek_label: "theirs",
  });
  const exported = {
    ...whole,
    root_keys: { app_key: sealed("c3".repeat(16)) },
    session: {
      dev_addr: "01A2B3C4",
      last_f_cnt_up: 1,
      keys: { f_nwk_s_int_key: { key: "a1".repeat(16) }, app_s_key: sealed("b2".repeat(16)) },
    },
  };

  test("are told, and what can be carried without them is", async () => {
    const life = await createCarriedLife({ regions });
    const { report } = await life.migrate(exportSource(JSON.stringify(exported)));
    expect(
      report
        .notes()
        .map(({ topic }) => topic)
        .sort(),
    ).toEqual(["wrapped-keys", "wrapped-root-keys"]);
    expect(await activeOf(life)).toMatchObject({ fCntUp: 2, appSKey: { kekLabel: "theirs" } });
    const network = {
      ...exported,
      session: { ...exported.session, keys: { f_nwk_s_int_key: sealed("a1".repeat(16)) } },
    };
    const { faults } = await life.migrate(exportSource(JSON.stringify(network)));
    expect(faults).toEqual([{ kind: "session", id: devEui, reason: expect.stringContaining("theirs") }]);
  });
});

test("two formatters become one codec that does both", async () => {
  const life = await createCarriedLife({ regions });
  const formatters = {
    up_formatter: "FORMATTER_JAVASCRIPT",
    up_formatter_parameter:
      "const scale = 10; function decodeUplink(input) { return { data: { t: input.bytes[0] / scale } }; }",
    down_formatter: "FORMATTER_JAVASCRIPT",
    down_formatter_parameter:
      "const scale = 2; function encodeDownlink(input) { return { bytes: [input.data.v * scale], fPort: 9 }; }",
  };
  await life.migrate(exportSource(JSON.stringify(exportedDevice(devEui, { formatters }))));
  const device = await life.target.repositories.devices.get(parseDevEui(devEui));
  const profile = device && (await life.target.repositories.deviceProfiles.get(device.deviceProfileId));
  expect(profile).toMatchObject({ codec: "javascript", name: expect.stringContaining("acme probe-1 1.0.3 EU868") });
  const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics() });
  const codec = { kind: "javascript", script: profile?.codecScript ?? "" } as const;
  const both = { fPort: 1, variables: {} };
  expect(await sandbox.decode(codec, { ...both, bytes: Uint8Array.of(215), recvTimeMs: 0 })).toMatchObject({
    object: { t: 21.5 },
  });
  expect(await sandbox.encode(codec, { ...both, object: { v: 3 } })).toMatchObject({
    fPort: 9,
    bytes: Uint8Array.of(6),
  });
  await sandbox.close();
});

describe("an export file", () => {
  const bare = (last: number) => exportedDevice(`000000000000000${last}`);
  test.each([
    ["a list", (devices: readonly object[]) => JSON.stringify(devices)],
    ["JSON lines", (devices: readonly object[]) => devices.map(device => JSON.stringify(device)).join("\n")],
    [
      "objects behind one another",
      (devices: readonly object[]) => devices.map(device => JSON.stringify(device, null, 2)).join("\n"),
    ],
    ["the API's answer", (devices: readonly object[]) => JSON.stringify({ end_devices: devices })],
  ])("is %s", async (_name, write) => {
    const life = await createCarriedLife({ regions });
    const { counts } = await life.migrate(exportSource(write([bare(1), bare(2)])));
    expect(counts).toMatchObject({ device: { carried: 2 }, profile: { carried: 1 }, application: { carried: 1 } });
  });

  test("with broken devices has the others carried, and each fault told", async () => {
    const life = await createCarriedLife({ regions });
    const cutOff = JSON.stringify(bare(1)).slice(0, -30);
    const devices = [
      exportedDevice("0000000000000002", { frequency_plan_id: "MARS_1" }),
      exportedDevice("0000000000000003", { lorawan_version: "MAC_V9" }),
      exportedDevice("0000000000000004", { ids: { device_id: "no-eui" } }),
      exportedDevice("0000000000000005", { used_dev_nonces: ["x"] }),
      { ...exportedDevice("0000000000000006"), session: { dev_addr: "01", keys: {} } },
      { ...exportedDevice("0000000000000007"), root_keys: { app_key: { key: "short" } } },
      bare(8),
    ];
    const file = `[${devices.map(device => JSON.stringify(device)).join(",")},${cutOff}`;
    const { counts, faults } = await life.migrate(exportSource(file));
    expect(counts.device).toMatchObject({ carried: 2 });
    expect(faults.map(({ kind, id, reason }) => `${kind} ${id.slice(-8)} ${reason}`)).toEqual([
      "device 00000002 the frequency plan MARS_1 is not known",
      "device 00000003 version MAC_V9 is not known",
      expect.stringMatching(/^device no-eui it has no DevEUI/),
      "device 00000005 used_dev_nonces is no list of numbers",
      "device 00000007 app_key is no key of 32 hex digits",
      expect.stringMatching(/^device object 8 it is no JSON/),
      expect.stringMatching(/^session 00000006 /),
    ]);
  });
});

test("gateways come with place and antenna, and those without an EUI are told", async () => {
  const life = await createCarriedLife({ regions });
  const roof = {
    ids: { gateway_id: "roof", eui: "A0B1C2D3E4F50607" },
    name: "the roof",
    frequency_plan_ids: ["EU_863_870_TTN"],
    antennas: [{ gain: 2.5, location: { latitude: 46.9, longitude: 7.4, altitude: 550 } }],
  };
  const gateways = JSON.stringify([roof, { ids: { gateway_id: "cellar" } }]);
  const { counts, report } = await life.migrate(exportSource("", { gateways }));
  expect(counts.gateway).toMatchObject({ carried: 1 });
  expect(await life.target.repositories.gateways.get(parseGatewayId(roof.ids.eui))).toMatchObject({
    name: "the roof",
    regionConfigId: "EU_863_870_TTN",
    antennaGainDb: 2.5,
    location: { latitude: 46.9, longitude: 7.4, altitude: 550 },
  });
  expect(report.notes()).toEqual([{ topic: "gateways-without-eui", count: 1, examples: ["cellar"] }]);
});

test("frequency plans and versions have the names that The Things Stack gives them", () => {
  for (const [plan, region] of [
    ["EU_863_870", "EU868"],
    ["US_902_928_FSB_2", "US915"],
    ["AU_915_928_FSB_1", "AU915"],
    ["AS_923_2_DT", "AS923-2"],
    ["AS_920_923_LBT", "AS923"],
    ["IN_865_867", "IN865"],
  ] as const) {
    expect(regionOfPlan(plan)).toBe(region);
    expect(regionNames).toContain(region);
  }
  expect(macVersionOf("MAC_V1_0")).toBe("1.0.0");
  expect(macVersionOf("MAC_V1_1")).toBe("1.1.0");
  expect(revisionOfPhy("PHY_V1_0_2_REV_B", "1.0.2")).toBe("RP001-1.0.2-B");
  expect(revisionOfPhy("RP001_V1_1_REV_A", "1.1.0")).toBe("RP001-1.1-A");
  expect(revisionOfPhy("RP002_V1_0_3", "1.0.4")).toBe("RP002-1.0.3");
  expect(revisionOfPhy("1.0.3-a", "1.0.3")).toBe("RP001-1.0.3-A");
  expect(revisionOfPhy("TS001_V1_0_1", "1.0.1")).toBe("TS001-1.0.1");
});

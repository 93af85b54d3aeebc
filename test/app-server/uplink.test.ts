import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import { parseNetworkEvent } from "../../app-server/event-record.ts";
import type { DirectoryDevice } from "../../app-server/ports.ts";
import { applicationEvents } from "../../app-server/uplink.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { parseGatewayId } from "../../lorawan/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { createMetrics } from "../../platform/metrics.ts";
import type { AppSKeyKnowledge, NetworkEvent } from "../../platform/state/network-event.ts";
import { applicationId, appSKey, bytesOf, devAddr, devEui, directoryDevice, uplinkRecord } from "./support/fixtures.ts";

const kek = randomBytes(16);
const vault = createAppSKeyVault({ kekLabel: "upchirp", kek });
const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1 });
afterAll(() => sandbox.close());

/** Through the log's bytes, as in the server. */
async function eventsOf(record: NetworkEvent, device: DirectoryDevice = directoryDevice()) {
  const event = parseNetworkEvent(bytesOf(record));
  if (event === undefined) throw new Error("the record is malformed");
  return applicationEvents(event, device, { vault, sandbox });
}

/** Of the first event. Whoever reads the body instead of parsing the JSON reads the same. */
const jsonOf = async (record: NetworkEvent, device?: DirectoryDevice): Promise<unknown> => {
  const [event] = await eventsOf(record, device);
  const json: unknown = JSON.parse(event?.json ?? "");
  expect(event?.body).toEqual(json);
  return json;
};

/** As ChirpStack's documentation of its event types prints it. */
const documentedDeviceInfo = {
  tenantId: "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
  tenantName: "ChirpStack",
  applicationId: "17c82e96-be03-4f38-aef3-f83d48582d97",
  applicationName: "Test app",
  deviceProfileId: "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
  deviceProfileName: "Test device-profile",
  deviceName: "Test device",
  devEui: "0101010101010101",
  deviceClassEnabled: "CLASS_A",
  tags: { key: "value" },
};

const base = {
  deduplicationId: "9c0d2e9a-52b6-41b8-9a5c-0a7fca2bd7b4",
  time: "2022-07-18T09:34:15.775023242Z",
  devEui,
  applicationId,
};

describe("events in the contract's JSON", () => {
  test("up, with every member and the decoded object", async () => {
    const codec = {
      kind: "javascript",
      script: "function decodeUplink(i) { return { data: { n: i.bytes[1] } }; }",
    } as const;
    const record = uplinkRecord({ fCnt: 70_000, adr: false, confirmed: true });
    expect(await jsonOf(record, directoryDevice(codec))).toEqual({
      deduplicationId: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
      time: "2022-07-18T09:34:15.775Z",
      deviceInfo: documentedDeviceInfo,
      devAddr: "00189440",
      adr: false,
      dr: 1,
      fCnt: 70_000,
      fPort: 1,
      confirmed: true,
      data: "AQI=",
      object: { n: 2 },
      rxInfo: [
        {
          gatewayId: "0016c001f153a14c",
          uplinkId: 4217106255,
          rssi: -36,
          snr: 10.5,
          context: "E3OWOQ==",
          crcStatus: "CRC_OK",
        },
      ],
      txInfo: {
        frequency: 867_100_000,
        modulation: { lora: { bandwidth: 125_000, spreadingFactor: 11, codeRate: "CR_4_5" } },
      },
      regionConfigId: "eu868",
    });
  });

  test("members with zero values are there, and an object that does not apply is not", async () => {
    const { fPort: _, ...withoutPort } = uplinkRecord({ fCnt: 0, dr: 0, adr: false }, new Uint8Array());
    const json = await jsonOf(withoutPort, directoryDevice({ kind: "cayenne-lpp" }, { tags: {} }));
    expect(json).toMatchObject({
      fCnt: 0,
      dr: 0,
      adr: false,
      fPort: 0,
      confirmed: false,
      data: "",
      deviceInfo: { tags: {} },
    });
    expect(json).not.toHaveProperty("object");
    expect(json).not.toHaveProperty("joinServerContext");
  });

  test("join", async () => {
    expect(await jsonOf({ kind: "join", ...base, devAddr, regionConfigId: "eu868" })).toEqual({
      deduplicationId: base.deduplicationId,
      time: base.time,
      deviceInfo: documentedDeviceInfo,
      devAddr: "00189440",
      regionConfigId: "eu868",
    });
  });

  test("with the class that the device had then, if that is known", async () => {
    const record = { kind: "join", ...base, devAddr, regionConfigId: "eu868" } as const;
    const device = directoryDevice();
    const classes: unknown[] = [];
    for (const deviceClass of ["C", "B", "A", undefined, "B"] as const) {
      const json = await jsonOf({ ...record, ...(deviceClass && { deviceClass }) }, device);
      classes.push(json);
    }
    const named = ["CLASS_C", "CLASS_B", "CLASS_A", documentedDeviceInfo.deviceClassEnabled, "CLASS_B"];
    expect(classes).toMatchObject(named.map(deviceClassEnabled => ({ deviceInfo: { deviceClassEnabled } })));
  });

  test("ack", async () => {
    const queueItemId = "62c4dbae-1d3c-4d3d-9a39-0b2e6e0a4c61";
    expect(await jsonOf({ kind: "ack", ...base, queueItemId, acknowledged: false, fCntDown: 0 })).toEqual({
      deduplicationId: base.deduplicationId,
      time: base.time,
      deviceInfo: documentedDeviceInfo,
      queueItemId,
      acknowledged: false,
      fCntDown: 0,
    });
  });

  test("txack", async () => {
    const gatewayId = parseGatewayId("0016c001f153a14c");
    const modulation = {
      lora: { bandwidth: 125_000, spreadingFactor: 12, codeRate: "CR_4_5", polarizationInversion: true },
    };
    const txInfo = { frequency: 868_300_000, modulation };
    expect(await jsonOf({ kind: "txack", ...base, downlinkId: 3_531_036_740, fCntDown: 2, gatewayId, txInfo })).toEqual(
      {
        downlinkId: 3_531_036_740,
        time: base.time,
        deviceInfo: documentedDeviceInfo,
        queueItemId: "",
        fCntDown: 2,
        gatewayId: "0016c001f153a14c",
        txInfo,
      },
    );
  });

  test("log", async () => {
    const log = { level: "ERROR", code: "UPLINK_MIC", description: "Invalid MIC", context: { f_cnt: "5" } } as const;
    expect(await jsonOf({ kind: "log", ...base, ...log })).toEqual({
      time: base.time,
      deviceInfo: documentedDeviceInfo,
      level: "ERROR",
      code: "UPLINK_MIC",
      description: "Invalid MIC",
      context: { f_cnt: "5", deduplication_id: base.deduplicationId },
    });
  });

  test("status", async () => {
    const status = { margin: -3, externalPowerSource: false, batteryLevelUnavailable: true, batteryLevel: 0 };
    expect(await jsonOf({ kind: "status", ...base, ...status })).toEqual({
      deduplicationId: base.deduplicationId,
      time: base.time,
      deviceInfo: documentedDeviceInfo,
      ...status,
    });
  });

  test("each event carries the topic's parts", async () => {
    const [event] = await eventsOf({ kind: "join", ...base, devAddr, regionConfigId: "eu868" });
    expect(event).toMatchObject({ kind: "join", applicationId, devEui, tenantId: documentedDeviceInfo.tenantId });
  });
});

describe("payloads", () => {
  test("C4 a payload above FPort 0 is decrypted with the AppSKey out of its envelope", async () => {
    const record = uplinkRecord({ appSKey: vault.seal(appSKey) }, Buffer.from("hello"));
    expect(await jsonOf(record)).toMatchObject({ data: Buffer.from("hello").toString("base64") });
  });

  test("C36 a payload under a key that is not ours stays encrypted and comes with what opens it", async () => {
    const appSKey = { kekLabel: "somebody-else", aesKey: "00112233445566778899aabbccddeeff0011223344556677" };
    const record = uplinkRecord({ appSKey });
    const [up, ...more] = await eventsOf(record, directoryDevice({ kind: "cayenne-lpp" }));
    expect(more).toEqual([]);
    expect(JSON.parse(up?.json ?? "")).toMatchObject({
      data: record.frmPayload,
      joinServerContext: {
        sessionKeyId: "",
        appSKey: { kekLabel: "somebody-else", aesKey: Buffer.from(appSKey.aesKey, "hex").toString("base64") },
      },
    });
    expect(up?.json).not.toContain('"object"');
  });

  test("C36 a join whose key is not ours says so, and one of a version that did not know says nothing", async () => {
    const join = { kind: "join", ...base, devAddr, regionConfigId: "eu868" } as const;
    const context = async (knowledge: AppSKeyKnowledge) => {
      const [event] = await eventsOf({ ...join, ...knowledge });
      return Object(JSON.parse(event?.json ?? "")).joinServerContext;
    };
    expect(await context({ sessionKeyId: "a1" })).toEqual({ sessionKeyId: "a1" });
    expect(await context({ sessionKeyId: "a1", appSKey: vault.seal(appSKey) })).toBeUndefined();
    expect(await context({})).toBeUndefined();
  });

  test("a codec that fails costs the object, not the event, and a log event says why", async () => {
    const codec = { kind: "javascript", script: "function decodeUplink() { throw new Error('odd length'); }" } as const;
    const [up, log] = await eventsOf(uplinkRecord(), directoryDevice(codec));
    expect(JSON.parse(up?.json ?? "")).toMatchObject({ data: "AQI=" });
    expect(up?.json).not.toContain('"object"');
    expect(log?.kind).toBe("log");
    expect(JSON.parse(log?.json ?? "")).toMatchObject({
      time: "2022-07-18T09:34:15.775Z",
      deviceInfo: documentedDeviceInfo,
      level: "ERROR",
      code: "UPLINK_CODEC",
      description: expect.stringContaining("odd length"),
      context: { deduplication_id: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d" },
    });
  });

  test("a codec's warnings and its normalized payload are in the event", async () => {
    const script = `function decodeUplink({ bytes, tags }) {
        return { data: { t: bytes[1], tag: tags.key }, warnings: ["battery is low"] };
      }
      function normalizeUplink({ data }) {
        return { data: [{ air: { temperature: data.t, relativeHumidity: 200 } }] };
      }`;
    const event = await jsonOf(uplinkRecord(), directoryDevice({ kind: "javascript", script }));
    expect(event).toMatchObject({
      object: { t: 2, tag: "value" },
      decodedPayloadWarnings: ["battery is low"],
      normalizedPayload: [{ air: { temperature: 2 } }],
      normalizedPayloadWarnings: [expect.stringContaining("air.relativeHumidity")],
    });
  });

  test("a normalizer that fails costs the normalized payload alone, and a log event says why", async () => {
    const script = `function decodeUplink() { return { data: { t: 1 } }; }
      function normalizeUplink() { return { data: { warmth: 1 } }; }`;
    const [up, log] = await eventsOf(uplinkRecord(), directoryDevice({ kind: "javascript", script }));
    expect(JSON.parse(up?.json ?? "")).toMatchObject({ object: { t: 1 } });
    expect(up?.json).not.toContain("normalizedPayload");
    expect(JSON.parse(log?.json ?? "")).toMatchObject({
      code: "UPLINK_CODEC",
      description: "normalizeUplink: warmth is no value of a measurement",
    });
  });

  test("a variable's value is in no event when the codec fails with it", async () => {
    const script = "function decodeUplink({ variables }) { throw new Error('no answer for ' + variables.token); }";
    const device = { ...directoryDevice({ kind: "javascript", script }), variables: { token: "s3cr3t-t0ken" } };
    const events = await eventsOf(uplinkRecord(), device);
    expect(JSON.stringify(events)).toContain("no answer for ***");
    expect(JSON.stringify(events)).not.toContain("s3cr3t-t0ken");
  });

  test("no event carries a key in the clear", async () => {
    const [up] = await eventsOf(uplinkRecord());
    expect(up?.json).not.toContain(Buffer.from(appSKey).toString("hex"));
    expect(up?.json).not.toContain(Buffer.from(appSKey).toString("base64"));
  });
});

describe("the vault", () => {
  test("opens what it sealed, and keys in the clear", () => {
    expect(vault.open(vault.seal(appSKey))).toEqual(appSKey);
    expect(vault.open(vault.seal(appSKey))).toEqual(appSKey);
    expect(vault.open({ aesKey: Buffer.from(appSKey).toString("hex") })).toEqual(appSKey);
  });

  test.each([
    { kekLabel: "upchirp", aesKey: "00112233445566778899aabbccddeeff0011223344556677" },
    { kekLabel: "upchirp", aesKey: "zz" },
    { kekLabel: "upchirp", aesKey: "" },
    { kekLabel: "other", aesKey: "000102030405060708090a0b0c0d0e0f" },
    { aesKey: "0001" },
    { aesKey: "" },
  ])("keeps %o closed", envelope => {
    expect(vault.open(envelope)).toBeUndefined();
  });

  test("refuses a key-encryption key that cannot be one", () => {
    expect(() => createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(5) })).toThrow(/16, 24 or 32/);
  });
});

describe("records that are none", () => {
  test.each([
    ["no JSON", Buffer.from("{")],
    ["no event", bytesOf({ kind: "else" })],
    ["an address of the wrong length", bytesOf({ ...uplinkRecord(), devAddr: "0018" })],
    ["upper-case ids", bytesOf({ ...uplinkRecord(), devEui: "ABABABABABABABAB" })],
    ["a counter past 32 bits", bytesOf({ ...uplinkRecord(), fCnt: 2 ** 32 })],
    ["null", bytesOf(null)],
  ])("%s is no event", (_name, bytes) => {
    expect(parseNetworkEvent(bytes)).toBeUndefined();
  });
});

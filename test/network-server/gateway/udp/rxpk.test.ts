import { describe, expect, test } from "vitest";
import type { Reception } from "../../../../network-server/gateway/types.ts";
import { type RxpkOutcome, receptionsOf } from "../../../../network-server/gateway/udp/rxpk.ts";
import { gatewayA, loraRxpk } from "../fixtures.ts";

const context = {
  gatewayId: gatewayA,
  receivedAtUs: 5_000_000,
  receivedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  uplinkId: 77,
};
const judge = (changes: object, original: object = loraRxpk): RxpkOutcome =>
  receptionsOf({ ...original, ...changes }, context);

function receptions(changes: object, original: object = loraRxpk): readonly Reception[] {
  const outcome = judge(changes, original);
  expect(outcome.kind).toBe("received");
  return outcome.kind === "received" ? outcome.receptions : [];
}

function reception(changes: object, original: object = loraRxpk): Reception {
  const [first] = receptions(changes, original);
  if (!first) throw new Error("no reception");
  return first;
}

/** The second rxpk of Semtech's protocol document. */
const fskRxpk = {
  time: "2013-03-31T16:21:17.530974Z",
  tmst: 3512348514,
  chan: 9,
  rfch: 1,
  freq: 869.1,
  stat: 1,
  modu: "FSK",
  datr: 50000,
  rssi: -75,
  size: 16,
  data: "VEVTVF9QQUNLRVRfMTIzNA==",
};

const lrFhssRxpk = {
  tmst: 1_000_000,
  freq: 868.3,
  stat: 1,
  modu: "LR-FHSS",
  datr: "M0CW137",
  codr: "4/6",
  hpw: 8,
  size: 5,
  data: "AQIDBAU=",
  rsig: [{ ant: 0, chan: 3, rssic: -74 }],
};

describe("an rxpk", () => {
  test("of LoRa becomes a reception", () => {
    const { phyPayload, ...rest } = reception({});
    expect(phyPayload).toHaveLength(32);
    expect(Buffer.from(phyPayload.subarray(0, 4)).toString("hex")).toBe("f834b808");
    expect(rest).toEqual({
      gatewayId: gatewayA,
      frequencyHz: 866_349_812,
      modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
      rssiDbm: -35,
      snrDb: 5.1,
      counterUs: 3512348611,
      receivedAtUs: 5_000_000,
      receivedAtMs: context.receivedAtMs,
      rxInfo: {
        gatewayId: gatewayA,
        uplinkId: 77,
        gwTime: "2013-03-31T16:21:17.528002Z",
        nsTime: "2026-01-02T03:04:05.678Z",
        rssi: -35,
        snr: 5.1,
        channel: 2,
        context: "0Vovww==",
        crcStatus: "CRC_OK",
      },
      txInfo: {
        frequency: 866_349_812,
        modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_6" } },
      },
    });
  });

  test("of FSK has no SNR and its bit rate as a number", () => {
    expect(reception({}, fskRxpk)).toMatchObject({
      frequencyHz: 869_100_000,
      modulation: { kind: "fsk", bitRate: 50_000 },
      rssiDbm: -75,
      snrDb: 0,
      txInfo: { frequency: 869_100_000, modulation: { fsk: { datarate: 50_000 } } },
    });
    expect(Buffer.from(reception({}, fskRxpk).phyPayload).toString()).toBe("TEST_PACKET_1234");
    expect(reception({}, fskRxpk).rxInfo).not.toHaveProperty("snr");
  });

  test("of LR-FHSS names its operating channel width, code rate and grid steps", () => {
    expect(reception({}, lrFhssRxpk)).toMatchObject({
      modulation: { kind: "lr-fhss", codingRate: "2/3", operatingChannelWidthHz: 137_000 },
      txInfo: { modulation: { lrFhss: { operatingChannelWidth: 137_000, codeRate: "CR_4_6", gridSteps: 8 } } },
    });
    expect(reception({ codr: "1/3", datr: "M0CW336" }, lrFhssRxpk)).toMatchObject({
      modulation: { kind: "lr-fhss", codingRate: "1/3", operatingChannelWidthHz: 336_000 },
      txInfo: { modulation: { lrFhss: { codeRate: "CR_2_6" } } },
    });
  });

  test("of several antennas becomes a reception an antenna, from the same board", () => {
    const rsig = [
      { ant: 0, chan: 7, rssic: -70, lsnr: 6.6, etime: "Z0gDhiPKC0ZJmLc3rk4dWA==", foff: -8898 },
      { ant: 1, chan: 23, rssic: -80, lsnr: 7.7 },
    ];
    const { rssi: _rssi, lsnr: _lsnr, ...rest } = loraRxpk;
    const [first, second, ...others] = receptions({ brd: 2, rsig }, rest);
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      rssiDbm: -70,
      snrDb: 6.6,
      rxInfo: { uplinkId: 77, rssi: -70, channel: 7, board: 2 },
    });
    expect(first?.rxInfo).not.toHaveProperty("antenna");
    expect(second).toMatchObject({
      rssiDbm: -80,
      snrDb: 7.7,
      rxInfo: { uplinkId: 78, channel: 23, antenna: 1, board: 2 },
    });
    expect(second?.phyPayload).toEqual(first?.phyPayload);
  });

  test("loses an impossible antenna, not the others", () => {
    const outcome = judge({ rsig: [{ ant: 0, rssic: null }, { ant: 1, rssic: -80 }, 7] });
    expect(outcome).toMatchObject({ kind: "received", refusedSignals: 2, receptions: [{ rssiDbm: -80 }] });
    expect(judge({ rsig: [{ rssic: "x" }] })).toEqual({ kind: "refused", reason: "bad_number" });
  });

  test("carries GPS time and fine time", () => {
    const timed = reception({ tmms: 1_451_606_400_123, ftime: 123_456_780 });
    expect(timed.gpsTimeMs).toBe(1_451_606_400_123);
    expect(timed.rxInfo).toMatchObject({
      timeSinceGpsEpoch: "1451606400.123s",
      fineTimeSinceGpsEpoch: "1451606400.12345678s",
    });
    expect(reception({ tmms: 1500 }).rxInfo.timeSinceGpsEpoch).toBe("1.5s");
    expect(reception({ tmms: 2000 }).rxInfo.timeSinceGpsEpoch).toBe("2s");
    expect(reception({ tmms: 2000, ftime: 5 }).rxInfo.fineTimeSinceGpsEpoch).toBe("2.000000005s");
  });

  test("of a gateway without GPS time has none", () => {
    expect(reception({ tmms: 0 })).not.toHaveProperty("gpsTimeMs");
    expect(reception({ ftime: 7 }).rxInfo).not.toHaveProperty("fineTimeSinceGpsEpoch");
  });

  test("leaves zero values out of rxInfo", () => {
    const bare = reception({ chan: 0, rssi: 0, lsnr: 0, stat: 0, time: undefined, tmst: 0 });
    expect(bare.rxInfo).toEqual({
      gatewayId: gatewayA,
      uplinkId: 77,
      nsTime: "2026-01-02T03:04:05.678Z",
      context: "AAAAAA==",
    });
  });

  test("carries the gateway's place and the forwarder's own texts", () => {
    const outcome = receptionsOf(
      { ...loraRxpk, meta: { network: "helium", nested: {}, number: 7 } },
      { ...context, location: { latitude: 46.24, longitude: 3.25 } },
    );
    expect(outcome).toMatchObject({
      receptions: [{ rxInfo: { location: { latitude: 46.24, longitude: 3.25 }, metadata: { network: "helium" } } }],
    });
  });

  test.each([
    ["4/5", "CR_4_5"],
    ["4/6", "CR_4_6"],
    ["4/7", "CR_4_7"],
    ["4/8", "CR_4_8"],
    ["1/2", "CR_4_8"],
    ["4/5LI", "CR_LI_4_5"],
    ["4/6LI", "CR_LI_4_6"],
    ["4/8LI", "CR_LI_4_8"],
    ["OFF", "CR_UNDEFINED"],
    ["constructor", "CR_UNDEFINED"],
    [undefined, "CR_UNDEFINED"],
  ])("of coding rate %s is called %s", (codr, codeRate) => {
    expect(reception({ codr }).txInfo.modulation).toMatchObject({ lora: { codeRate } });
  });

  test.each([
    ["2014-01-12 08:59:28 GMT", "2014-01-12T08:59:28.000Z"],
    ["2014-01-12T08:59:28.25+01:00", "2014-01-12T07:59:28.250Z"],
    ["2014-01-12T08:59:28Z", "2014-01-12T08:59:28Z"],
    ["soon", undefined],
    ["", undefined],
    [7, undefined],
  ])("with the time %j was heard at %s", (time, gwTime) => {
    expect(reception({ time }).rxInfo.gwTime).toBe(gwTime);
  });
});

describe("what real forwarders do is tolerated:", () => {
  test.each([
    ["no padding", "AQIDBA", "01020304"],
    ["half a padding", "AQIDBA=", "01020304"],
    ["padding", "AQIDBA==", "01020304"],
    ["the other alphabet", "-_-_", "fbffbf"],
  ])("base64 with %s", (_name, data, hex) => {
    expect(Buffer.from(reception({ data, size: hex.length / 2 }).phyPayload).toString("hex")).toBe(hex);
  });

  test("frequencies as whole MHz, or in single precision", () => {
    expect(reception({ freq: 868 }).frequencyHz).toBe(868_000_000);
    expect(reception({ freq: Math.fround(868.1) }).frequencyHz).toBe(868_100_000);
    expect(reception({ freq: 868.099976 }).frequencyHz).toBe(868_100_000);
    expect(reception({ freq: 868.099999 }).frequencyHz).toBe(868_099_999);
    expect(reception({ freq: 868.3 }).frequencyHz).toBe(868_300_000);
    expect(reception({ freq: 916.8 }).frequencyHz).toBe(916_800_000);
  });

  test("numbers as floats", () => {
    const floats = '{"tmst":3512348611.0,"chan":2.0,"rssi":-35.4,"lsnr":-7.25}';
    const changes: unknown = JSON.parse(floats);
    expect(reception(typeof changes === "object" && changes ? changes : {})).toMatchObject({
      counterUs: 3512348611,
      rssiDbm: -35,
      snrDb: -7.25,
      rxInfo: { channel: 2, rssi: -35 },
    });
  });

  test("a CRC status that is 0 or absent", () => {
    const { stat: _stat, ...without } = loraRxpk;
    expect(reception({}, without).rxInfo).not.toHaveProperty("crcStatus");
    expect(reception({ stat: 0 }).rxInfo).not.toHaveProperty("crcStatus");
  });

  test("no SNR", () => {
    const { lsnr: _lsnr, ...without } = loraRxpk;
    expect(reception({}, without).snrDb).toBe(0);
  });

  test("a size that is not the payload's, which is told", () => {
    expect(judge({ size: 31 })).toMatchObject({ kind: "received", sizeMismatch: true });
    expect(judge({})).toMatchObject({ kind: "received", sizeMismatch: false });
    expect(judge({ size: undefined })).toMatchObject({ kind: "received", sizeMismatch: false });
  });

  test("modulation names in lower case, and unknown fields", () => {
    expect(reception({ modu: "LoRa", aesk: 0, mid: 3, jver: 2, whatever: [1] }).modulation.kind).toBe("lora");
  });
});

const payloadOf = (length: number): string => Buffer.alloc(length, 7).toString("base64");

describe("an rxpk is refused", () => {
  test.each([-1, 2, "1", null, NaN])("C10 as bad CRC with the status %j", stat => {
    expect(judge({ stat })).toEqual({ kind: "refused", reason: "bad_crc" });
  });

  test.each([
    ["empty_payload", { data: "" }],
    ["empty_payload", { data: undefined }],
    ["empty_payload", { data: "==" }],
    ["bad_base64", { data: "AQ!D" }],
    ["bad_base64", { data: "AQIDB" }],
    ["bad_base64", { data: "A=ID" }],
    ["bad_base64", { data: 7 }],
    ["payload_too_long", { data: payloadOf(256) }],
    ["payload_too_long", { data: payloadOf(300) }],
    ["payload_too_long", { data: payloadOf(256).replace(/=+$/, "") }],
    ["bad_number", { tmst: undefined }],
    ["bad_number", { tmst: NaN }],
    ["bad_number", { tmst: null }],
    ["bad_number", { tmst: -1 }],
    ["bad_number", { tmst: 2 ** 32 }],
    ["bad_number", { tmst: "7" }],
    ["bad_number", { rssi: undefined }],
    ["bad_number", { rssi: Number.POSITIVE_INFINITY }],
    ["bad_number", { rssi: 1e9 }],
    ["bad_number", { lsnr: null }],
    ["bad_number", { lsnr: -1e300 }],
    ["bad_number", { chan: -1 }],
    ["bad_number", { rfch: 2 ** 33 }],
    ["bad_number", { brd: -2 }],
    ["bad_number", { tmms: -5 }],
    ["bad_number", { tmms: 1e300 }],
    ["bad_number", { ftime: 1e9 }],
    ["bad_number", { size: -1 }],
    ["bad_frequency", { freq: undefined }],
    ["bad_frequency", { freq: NaN }],
    ["bad_frequency", { freq: -868.1 }],
    ["bad_frequency", { freq: 99.9 }],
    ["bad_frequency", { freq: 2600.1 }],
    ["bad_frequency", { freq: 868_100_000 }],
    ["bad_frequency", { freq: "868.1" }],
    ["unknown_modulation", { modu: "OOK" }],
    ["unknown_modulation", { modu: undefined }],
    ["unknown_modulation", { modu: 7 }],
    ["bad_data_rate", { datr: "SF4BW125" }],
    ["bad_data_rate", { datr: "SF13BW125" }],
    ["bad_data_rate", { datr: "SF7" }],
    ["bad_data_rate", { datr: 50_000 }],
    ["bad_data_rate", { modu: "FSK" }],
    ["bad_data_rate", { modu: "FSK", datr: 0 }],
    ["bad_data_rate", { modu: "FSK", datr: NaN }],
    ["bad_data_rate", { modu: "LR-FHSS" }],
    ["bad_data_rate", { modu: "LR-FHSS", datr: "M0CW137", codr: "5/6" }],
  ])("as %s with %j", (reason, changes) => {
    expect(judge(changes)).toEqual({ kind: "refused", reason });
  });

  test.each([null, 7, "x", [], undefined])("as bad_rxpk when it is %j", rxpk => {
    expect(receptionsOf(rxpk, context)).toEqual({ kind: "refused", reason: "bad_rxpk" });
  });

  test("not with the longest payload that a radio carries", () => {
    expect(reception({ data: payloadOf(255), size: 255 }).phyPayload).toHaveLength(255);
  });
});

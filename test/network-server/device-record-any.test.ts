import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type DevAddr,
  type GatewayId,
  type JoinEui,
  parseDevAddr,
  parseGatewayId,
  parseJoinEui,
} from "../../lorawan/ids.ts";
import type { MacParameters, MacState } from "../../lorawan/mac/state.ts";
import { type Channel, type ChannelPlan, type RegionName, regionNames } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { macVersions, type RegionalParametersRevision, regionalParametersRevisions } from "../../lorawan/version.ts";
import { decodeDeviceState, encodeDeviceState, withSharedParts } from "../../network-server/device-record.ts";
import type { DeviceState, Session } from "../../network-server/session.ts";
import { UnreadableSession } from "../../network-server/session-record.ts";
import documents from "../vectors/device-records.json" with { type: "json" };

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(value => Buffer.from(value).toString("hex"));
const devAddr: fc.Arbitrary<DevAddr> = hex(4).map(parseDevAddr);
const joinEui: fc.Arbitrary<JoinEui> = hex(8).map(parseJoinEui);
const gatewayId: fc.Arbitrary<GatewayId> = hex(8).map(parseGatewayId);

const small = fc.nat(15);
const counter = fc.oneof(fc.nat(40), fc.nat(0xffff_fffe));
const timeMs = fc.oneof(fc.nat(2_000_000_000_000), fc.double({ min: 0, max: 2e12, noNaN: true }));
/** Without -0, which JSON has not. */
const decibels = fc.oneof(
  fc.integer({ min: -200, max: 200 }).map(tenths => tenths / 10 + 0),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0),
);
const frequencyHz = fc.oneof(fc.constantFrom(867_100_000, 867_300_000, 869_525_000), fc.integer());

/** Each member may be left out. */
const some = <T extends object>(members: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(members, { requiredKeys: [] });

const channel: fc.Arbitrary<Channel> = fc
  .tuple(frequencyHz, fc.option(frequencyHz, { nil: undefined }), fc.nat(1), fc.constantFrom(5, 6), fc.boolean())
  .map(([uplinkFrequencyHz, downlinkFrequencyHz = uplinkFrequencyHz, minDataRate, maxDataRate, isFast]) => ({
    uplinkFrequencyHz,
    downlinkFrequencyHz,
    minDataRate,
    maxDataRate,
    ...(isFast && { fastDataRates: true }),
  }));

/** The region's channels with some others and some that are gone, and further ones. */
const planOf = (defaultChannels: ChannelPlan): fc.Arbitrary<ChannelPlan> =>
  fc
    .tuple(
      fc.dictionary(fc.nat(95).map(String), fc.option(channel, { nil: undefined }), { maxKeys: 4 }),
      fc.array(channel, { maxLength: 6 }),
    )
    .map(([changes, more]) => [
      ...defaultChannels.map((own, index) => (String(index) in changes ? changes[index] : own)),
      ...more,
    ]);

const definedIn = (channels: ChannelPlan): readonly number[] => channels.flatMap((own, index) => (own ? [index] : []));

const numbersIn = (channels: ChannelPlan): fc.Arbitrary<readonly number[]> =>
  fc.oneof(
    fc.constant(definedIn(channels)),
    fc.subarray([...definedIn(channels)]),
    fc.array(fc.nat(95), { maxLength: 8 }),
  );

const parametersIn = (name: RegionName, revision: RegionalParametersRevision): fc.Arbitrary<MacParameters> =>
  planOf(regionOf(name, revision).defaultChannels).chain(channels =>
    fc
      .tuple(
        fc.record({
          dataRate: small,
          txPowerIndex: small,
          nbTrans: small,
          rx1DelaySeconds: small,
          rx1DrOffset: small,
          rx2DataRate: small,
          rx2FrequencyHz: frequencyHz,
          channels: fc.constant(channels),
          enabledChannels: numbersIn(channels),
          maxDutyCycleExponent: small,
          uplinkDwellTime: fc.boolean(),
          downlinkDwellTime: fc.boolean(),
          maxEirpDbm: decibels,
        }),
        some({
          pingSlotFrequencyHz: frequencyHz,
          pingSlotDataRate: small,
          beaconFrequencyHz: frequencyHz,
          adrAckLimitExponent: small,
          adrAckDelayExponent: small,
          rejoinMaxTimeExponent: small,
          rejoinMaxCountExponent: small,
        }),
      )
      .map(([required, optional]) => ({ ...required, ...optional })),
  );

const tries = fc.dictionary(hex(2), small, { maxKeys: 3 });

const macIn = (name: RegionName, revision: RegionalParametersRevision): fc.Arbitrary<MacState> =>
  fc
    .tuple(
      fc.record({
        current: parametersIn(name, revision),
        pending: fc.array(hex(3), { maxLength: 2 }),
        failures: tries,
      }),
      some({
        resting: tries,
        deviceStatus: fc.record({ battery: fc.nat(255), marginDb: fc.integer({ min: -32, max: 31 }), atMs: timeMs }),
        deviceStatusRequestedAtMs: timeMs,
        stickyAnswers: fc.array(fc.nat(255), { maxLength: 3 }),
        linkAdrRefusals: fc.record({
          dataRates: fc.array(small),
          txPowerIndexes: fc.array(small),
          enabledChannels: fc.array(fc.string()),
        }),
        channelsUncertain: fc.boolean(),
        pingSlotPeriodicity: small,
        deviceClass: fc.constantFrom("A" as const, "C" as const),
        forceRejoin: fc.record({
          period: small,
          maxRetries: small,
          rejoinType: fc.constantFrom(0 as const, 2 as const),
          dataRate: small,
        }),
      }),
    )
    .map(([required, optional]) => ({ ...required, ...optional }));

/** Counters that follow each other, and counters that do not. */
const adrHistory: fc.Arbitrary<Session["adrHistory"]> = fc
  .tuple(
    counter,
    fc.array(fc.tuple(fc.oneof(fc.constant(1), fc.integer({ min: -3, max: 100 })), decibels, fc.nat(40)), {
      maxLength: 20,
    }),
  )
  .map(([first, samples]) => {
    let fCnt = first;
    return samples.map(([step, snrDb, gatewayCount]) => {
      fCnt += step;
      return { fCnt, snrDb, gatewayCount };
    });
  });

const optionalMembers = some({
  appSKey: fc.oneof(
    fc.record({ aesKey: fc.oneof(hex(16), hex(24), fc.string({ unit: "binary" })) }),
    fc.record({ aesKey: hex(24), kekLabel: fc.string() }),
  ),
  sessionKeyId: fc.oneof(hex(16), fc.string({ unit: "binary" })),
  joinEui,
  joinChannelHz: frequencyHz,
  lastConfFCnt: counter,
  rjCount0: counter,
  adrSince: fc.record({ fCnt: counter, heard: counter }),
  awaitedAck: fc
    .tuple(fc.record({ queueItemId: fc.string(), fCntDown: counter }), some({ endsAtMs: timeMs, timeoutAtMs: timeMs }))
    .map(([required, optional]) => ({ ...required, ...optional })),
  heardBy: fc.array(
    fc
      .tuple(fc.record({ gatewayId, snrDb: decibels, rssiDbm: decibels }), some({ hasGpsTime: fc.boolean() }))
      .map(([required, optional]) => ({ ...required, ...optional })),
    { maxLength: 4 },
  ),
  pacing: some({
    quietUntilMs: timeMs,
    wakeAtMs: timeMs,
    failures: small,
    heardSinceJoin: devAddr,
    uplink: fc.record({ fromMs: timeMs, untilMs: timeMs }),
    onAirUntilMs: timeMs,
  }),
  classB: some({ withoutGpsSinceMs: timeMs }),
  lastMic: hex(4),
  storeLosses: small,
  lastUplinkAtMs: timeMs,
  lastDataRate: small,
});

/** The one key of LoRaWAN 1.0, or the three of 1.1. */
const networkKeys = fc
  .tuple(hex(16), fc.option(hex(16), { nil: undefined }), fc.option(hex(16), { nil: undefined }))
  .map(([fNwkSIntKey, sNwkSIntKey = fNwkSIntKey, nwkSEncKey = fNwkSIntKey]) => ({
    fNwkSIntKey,
    sNwkSIntKey,
    nwkSEncKey,
  }));

const session: fc.Arbitrary<Session> = fc
  .tuple(fc.constantFrom(...regionNames), fc.constantFrom(...regionalParametersRevisions))
  .chain(([region, regionalParameters]) =>
    fc
      .tuple(
        fc.record({
          devAddr,
          macVersion: fc.constantFrom(...macVersions),
          regionalParameters: fc.constant(regionalParameters),
          region: fc.constant(region),
          regionConfigId: fc.string({ unit: "binary" }),
          fCntUp: counter,
          nFCntDown: counter,
          aFCntDown: counter,
          confFCntDown: counter,
          mac: macIn(region, regionalParameters),
          adrHistory,
        }),
        networkKeys,
        optionalMembers,
      )
      .map(([required, keys, optional]) => ({ ...required, ...keys, ...optional })),
  );

const state: fc.Arbitrary<DeviceState> = some({ active: session, joined: session });

/** What the bytes say, and undefined where the decoder refuses them as it should. */
function readOrRefused(bytes: Uint8Array): DeviceState | undefined {
  try {
    return decodeDeviceState(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(UnreadableSession);
    return undefined;
  }
}

describe("any state of a device", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(state, any => {
        expect(decodeDeviceState(encodeDeviceState(any))).toEqual(any);
      }),
      { numRuns: 300 },
    );
  });
});

describe("any state of a device, with the parts that others share", () => {
  test("says the same", () => {
    fc.assert(
      fc.property(state, any => {
        expect(withSharedParts(any)).toEqual(any);
      }),
      { numRuns: 300 },
    );
  });
});

describe("any bytes", () => {
  test("are a state or refused", () => {
    const text = fc
      .tuple(fc.constantFrom("{", "1", "2", "3\n", "3\n[", "2\n{"), fc.string())
      .map(parts => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), text.map(Buffer.from)), bytes => {
        readOrRefused(bytes);
      }),
    );
  });

  const written = fc.constantFrom(
    ...documents.flatMap(({ format2, format3 }) => [Buffer.from(format2), Buffer.from(format3)]),
  );

  test("that were a document and were cut short are a state or refused", () => {
    fc.assert(
      fc.property(written, fc.nat(3000), (document, length) => {
        readOrRefused(document.subarray(0, length));
      }),
    );
  });

  test("that were a document and were altered are refused, or a state that can be written and read again", () => {
    const piece = fc.oneof(
      fc.constantFrom("null", "0", "-1", "1e300", '""', "[]", "{}", "true", ",", "\n", "[", "]", '"'),
      fc.string({ unit: "binary", maxLength: 3 }),
    );
    const altered = fc
      .tuple(written, fc.nat(3000), fc.nat(12), piece)
      .map(([document, at, length, other]) =>
        Buffer.concat([document.subarray(0, at), Buffer.from(other), document.subarray(at + length)]),
      );
    fc.assert(
      fc.property(altered, bytes => {
        const read = readOrRefused(bytes);
        if (!read) return;
        const again = encodeDeviceState(read);
        expect(Buffer.from(encodeDeviceState(decodeDeviceState(again))).toString()).toBe(Buffer.from(again).toString());
      }),
      { numRuns: 2000 },
    );
  });
});

import { readFileSync } from "node:fs";
import fc from "fast-check";
import Type from "typebox";
import Value from "typebox/value";
import { describe, expect, test } from "vitest";
import {
  beaconFrequencyHz,
  beaconGuardMs,
  beaconPeriodMs,
  beaconReservedMs,
  beaconStartMs,
  nextPingSlot,
  pingOffset,
  pingPeriodSlots,
  pingSlotFrequencyHz,
  pingSlotMs,
  pingSlotsPerPeriod,
} from "../../lorawan/class-b.ts";
import { parseDevAddr } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { regionOf } from "../../lorawan/region/regions.ts";

const file = Type.Object({
  pingOffset: Type.Object({
    vectors: Type.Array(
      Type.Object({
        devAddr: Type.String(),
        beaconTimeGpsSec: Type.Integer(),
        periodicity: Type.Integer(),
        pingPeriodSlots: Type.Integer(),
        pingOffset: Type.Integer(),
      }),
    ),
  }),
  nextPingSlot: Type.Object({
    vectors: Type.Array(
      Type.Object({
        afterGpsMs: Type.Integer(),
        devAddr: Type.String(),
        pingNb: Type.Integer(),
        expectedGpsMs: Type.Integer(),
      }),
    ),
  }),
});
const vectors = Value.Parse(file, JSON.parse(readFileSync(new URL("../vectors/classb.json", import.meta.url), "utf8")));

const devAddrs = fc
  .integer({ min: 0, max: 0xffff_ffff })
  .map(value => parseDevAddr(value.toString(16).padStart(8, "0")));
const periodicities = fc.integer({ min: 0, max: 7 });
// Until 2116, when 32 bits of seconds are over.
const gpsTimes = fc.integer({ min: 0, max: 2 ** 32 * 1000 - 1 });

describe("a beacon period", () => {
  test("C45 is 128 s from the GPS epoch: reserved time, 4096 slots of 30 ms, guard time", () => {
    expect(beaconStartMs(0)).toBe(0);
    expect(beaconStartMs(127_999)).toBe(0);
    expect(beaconStartMs(128_000)).toBe(128_000);
    expect(beaconReservedMs + pingSlotsPerPeriod * pingSlotMs + beaconGuardMs).toBe(beaconPeriodMs);
    expect([beaconPeriodMs, beaconReservedMs, beaconGuardMs, pingSlotMs]).toEqual([128_000, 2_120, 3_000, 30]);
  });

  test("C45 has 2^(7 - periodicity) ping slots of a device, evenly apart, none in reserved or guard time", () => {
    fc.assert(
      fc.property(devAddrs, periodicities, gpsTimes, (devAddr, periodicity, gpsTimeMs) => {
        const beaconGpsMs = beaconStartMs(gpsTimeMs);
        const slots: number[] = [];
        let slot = nextPingSlot(devAddr, periodicity, beaconGpsMs);
        for (; slot.beaconGpsMs === beaconGpsMs; slot = nextPingSlot(devAddr, periodicity, slot.gpsTimeMs)) {
          slots.push(slot.gpsTimeMs - beaconGpsMs);
        }
        expect(slot.beaconGpsMs).toBe(beaconGpsMs + 128_000);
        expect(slots).toHaveLength(2 ** (7 - periodicity));
        expect(slots[0]).toBeGreaterThanOrEqual(2_120);
        expect(slots.at(-1)).toBeLessThan(125_000);
        for (const [index, startMs] of slots.entries()) {
          expect((startMs - 2_120) % 30).toBe(0);
          expect(startMs - (slots[0] ?? 0)).toBe(index * 960 * 2 ** periodicity);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("the ping offset", () => {
  test.each(vectors.pingOffset.vectors)(
    "C46 of $devAddr at $beaconTimeGpsSec with periodicity $periodicity is $pingOffset",
    ({ devAddr, beaconTimeGpsSec, periodicity, ...expected }) => {
      expect(pingPeriodSlots(periodicity)).toBe(expected.pingPeriodSlots);
      expect(pingOffset(parseDevAddr(devAddr), beaconTimeGpsSec * 1000, periodicity)).toBe(expected.pingOffset);
    },
  );

  test.each(vectors.nextPingSlot.vectors)(
    "C46 of $devAddr with $pingNb slots a period, the next after $afterGpsMs ms is at $expectedGpsMs ms",
    ({ devAddr, pingNb, afterGpsMs, expectedGpsMs }) => {
      const slot = nextPingSlot(parseDevAddr(devAddr), 7 - Math.log2(pingNb), afterGpsMs);
      expect(slot).toEqual({ gpsTimeMs: expectedGpsMs, beaconGpsMs: beaconStartMs(expectedGpsMs) });
    },
  );

  test("C46 the next ping slot is later, and there is none in between", () => {
    fc.assert(
      fc.property(devAddrs, periodicities, gpsTimes, (devAddr, periodicity, afterGpsMs) => {
        const { gpsTimeMs } = nextPingSlot(devAddr, periodicity, afterGpsMs);
        expect(gpsTimeMs).toBeGreaterThan(afterGpsMs);
        expect(nextPingSlot(devAddr, periodicity, gpsTimeMs - 1).gpsTimeMs).toBe(gpsTimeMs);
        // Any moment between the two leads to the same one.
        const between = afterGpsMs + Math.floor((gpsTimeMs - afterGpsMs) / 2);
        if (between < gpsTimeMs) expect(nextPingSlot(devAddr, periodicity, between).gpsTimeMs).toBe(gpsTimeMs);
      }),
    );
  });
});

describe("frequencies of class B", () => {
  const us915 = regionOf("US915", "RP002-1.0.4");
  const devAddr = parseDevAddr("03020104");

  test("C45 US915 and AU915 hop with each beacon, beacons and ping slots", () => {
    for (const name of ["US915", "AU915"] as const) {
      const { beacon, pingSlot } = regionOf(name, "RP002-1.0.4");
      const mHz = (frequencyHz: number | undefined) => (frequencyHz ?? 0) / 1e6;
      const beacons = [0, 1, 2, 7, 8].map(count => mHz(beaconFrequencyHz(beacon.frequenciesHz, count * 128_000)));
      expect(beacons).toEqual([923.3, 923.9, 924.5, 927.5, 923.3]);
      // DevAddr 0x03020104 is 4 modulo 8.
      const slots = [0, 1, 3, 4].map(count =>
        mHz(pingSlotFrequencyHz(pingSlot.frequenciesHz, devAddr, count * 128_000)),
      );
      expect(slots).toEqual([925.7, 926.3, 927.5, 923.3]);
    }
  });

  test("C45 in CN470 they follow the join channel: eight of plan 20A, and 32 of plan 20B, hop", () => {
    const [first] = regionOf("CN470-20A", "RP002-1.0.4").joinChannels;
    const plan20B = regionOf("CN470-20B", "RP002-1.0.4").joinChannels[8];
    const at = (count: number, frequenciesHz: readonly number[] = []) =>
      pingSlotFrequencyHz(frequenciesHz, parseDevAddr("0000001f"), count * 128_000);
    expect(at(0, first?.pingSlotFrequenciesHz)).toBe(483_900_000 + 7 * 200_000);
    expect(at(1, first?.pingSlotFrequenciesHz)).toBe(483_900_000);
    expect(at(0, plan20B?.pingSlotFrequenciesHz)).toBe(476_900_000 + 31 * 200_000);
    expect(at(1, plan20B?.pingSlotFrequenciesHz)).toBe(476_900_000);
    expect(beaconFrequencyHz(plan20B?.beaconFrequenciesHz ?? [], 5 * 128_000)).toBe(481_500_000);
  });

  test("C45 every other region has one of each", () => {
    const hopping = ["US915", "AU915", "CN470", "CN470-20A", "CN470-20B"];
    for (const name of regionNames.filter(candidate => !hopping.includes(candidate))) {
      const { pingSlot } = regionOf(name, "RP002-1.0.4");
      const found = [0, 1, 2].map(count => pingSlotFrequencyHz(pingSlot.frequenciesHz, devAddr, count * 128_000));
      expect(new Set(found)).toEqual(new Set([pingSlot.frequenciesHz[0]]));
    }
    expect(us915.pingSlot.dataRate).toBe(8);
    expect(pingSlotFrequencyHz([], devAddr, 0)).toBeUndefined();
  });
});

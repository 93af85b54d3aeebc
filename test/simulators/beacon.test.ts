import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";
import { describe, expect, test } from "vitest";
import { beaconSeconds, encodeBeacon } from "../../simulators/beacon.ts";
import { hoppingChannel, pingSlotsAfterBeacon } from "../../simulators/ping-slots.ts";

const file = Type.Object({
  beacons: Type.Object({
    vectors: Type.Array(
      Type.Object({ emitter: Type.String(), sf: Type.Integer(), bwHz: Type.Integer(), hex: Type.String() }),
    ),
  }),
  pingOffset: Type.Object({
    vectors: Type.Array(
      Type.Object({
        devAddr: Type.String(),
        beaconTimeGpsSec: Type.Integer(),
        periodicity: Type.Integer(),
        pingOffset: Type.Integer(),
      }),
    ),
  }),
});
const vectors = Value.Parse(file, JSON.parse(readFileSync(new URL("../vectors/classb.json", import.meta.url), "utf8")));
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

describe("beacons", () => {
  test.each(vectors.beacons.vectors)("of $emitter with SF$sf are read, and ours have the same time part", vector => {
    const modulation = { kind: "lora", spreadingFactor: vector.sf, bandwidthHz: vector.bwHz } as const;
    const beacon = bytesOf(vector.hex);
    const gpsSeconds = beaconSeconds(modulation, beacon) ?? 0;
    expect(gpsSeconds % 128).toBe(0);
    expect(gpsSeconds).toBeGreaterThan(1_000_000_000 / 12);
    const ours = encodeBeacon(modulation, gpsSeconds);
    expect(ours).toHaveLength(beacon.length);
    // What stands before the gateway's own part, its CRC included.
    expect(Buffer.from(ours).toString("hex").slice(0, 16)).toBe(vector.hex.slice(0, 16));
    const damaged = Uint8Array.from(beacon);
    damaged[6] = (damaged[6] ?? 0) ^ 1;
    expect(beaconSeconds(modulation, damaged)).toBeUndefined();
    expect(beaconSeconds(modulation, beacon.subarray(1))).toBeUndefined();
  });
});

describe("a device's own reckoning", () => {
  test("has the ping offsets that LoRaMac-node computes", () => {
    for (const { devAddr, beaconTimeGpsSec, periodicity, pingOffset } of vectors.pingOffset.vectors) {
      const slots = pingSlotsAfterBeacon(devAddr, periodicity, beaconTimeGpsSec);
      expect(slots[0]).toBe(2_120 + 30 * pingOffset);
      expect(slots).toHaveLength(2 ** (7 - periodicity));
    }
  });

  test("hops by address and beacon", () => {
    const channels = [10, 11, 12];
    expect([0, 128, 256, 384].map(seconds => hoppingChannel(channels, seconds))).toEqual([10, 11, 12, 10]);
    expect(hoppingChannel(channels, 128, "00000004")).toBe(12);
    expect(hoppingChannel([], 128)).toBeUndefined();
  });
});

import { aesEncrypt, concat, little, reversed } from "./crypto11.ts";

/**
 * When a device of class B listens, counted forward from a beacon as a device does, and from the text of TS001-1.0.4 11: the
 * server's own reckoning is in lorawan/class-b.ts.
 */

const beaconPeriodSeconds = 128;
const pingSlots = 4096;
const noKey = new Uint8Array(16);

/** Milliseconds from the beacon of this GPS time to each of the device's ping slots in its period. */
export function pingSlotsAfterBeacon(devAddr: string, periodicity: number, gpsSeconds: number): readonly number[] {
  const count = 1 << (7 - periodicity);
  const period = pingSlots / count;
  const [first = 0, second = 0] = aesEncrypt(
    noKey,
    concat(little(gpsSeconds, 4), reversed(devAddr), new Uint8Array(8)),
  );
  const offset = (first + second * 256) % period;
  return Array.from({ length: count }, (_, slot) => 2120 + 30 * (offset + slot * period));
}

/** The channel that is this device's turn in the period of this beacon; the beacon's own without a device. */
export function hoppingChannel(
  frequenciesHz: readonly number[],
  gpsSeconds: number,
  devAddr = "0",
): number | undefined {
  const turn = (BigInt(`0x${devAddr}`) + BigInt(gpsSeconds / beaconPeriodSeconds)) % BigInt(frequenciesHz.length || 1);
  return frequenciesHz[Number(turn)];
}

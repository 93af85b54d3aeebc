import type { DevAddr } from "./ids.ts";
import { blockBytes, encryptBlocks } from "./phy/aes.ts";

/**
 * When and where class B devices listen (TS001-1.0.4 11 and 13). All times are milliseconds since the GPS epoch, at which
 * a beacon period began.
 */

/** From one beacon to the next. */
export const beaconPeriodMs = 128_000;
/** At its beginning, for the beacon itself. */
export const beaconReservedMs = 2_120;
/** At its end: no ping slot begins there, so that what began before is over when the next beacon comes. */
export const beaconGuardMs = 3_000;
export const pingSlotMs = 30;
export const pingSlotsPerPeriod = 4096;
/** TS001-1.0.4 10.1: a device goes on for so long without a beacon, and then goes back to class A. */
export const beaconLessMs = 2 * 3_600_000;

/** A moment at which a device listens. */
export interface PingSlot {
  readonly gpsTimeMs: number;
  /** The beginning of its beacon period, which offset and frequency depend on. */
  readonly beaconGpsMs: number;
}

/** The beginning of the beacon period that this moment is in. */
export const beaconStartMs = (gpsTimeMs: number): number => gpsTimeMs - (gpsTimeMs % beaconPeriodMs);

/** Slots from one ping slot of a device to its next: a device has one every 0.96 s times 2^periodicity, 0 to 7. */
export const pingPeriodSlots = (periodicity: number): number => 2 ** (5 + periodicity);

const zeroKey = new Uint8Array(16);

/** Slots before a device's first ping slot of a beacon period (TS001-1.0.4 11.2, C46). */
export function pingOffset(devAddr: DevAddr, beaconGpsMs: number, periodicity: number): number {
  const block = Buffer.alloc(blockBytes);
  block.writeUInt32LE((beaconGpsMs / 1000) % 2 ** 32, 0);
  block.writeUInt32LE(Number.parseInt(devAddr, 16), 4);
  const [low = 0, high = 0] = encryptBlocks(zeroKey, block);
  return (low + 256 * high) % pingPeriodSlots(periodicity);
}

/** The first ping slot of a device that begins later than `afterGpsMs`. */
export function nextPingSlot(devAddr: DevAddr, periodicity: number, afterGpsMs: number): PingSlot {
  const beaconGpsMs = beaconStartMs(afterGpsMs);
  const periodMs = pingPeriodSlots(periodicity) * pingSlotMs;
  const firstMs = beaconGpsMs + beaconReservedMs + pingOffset(devAddr, beaconGpsMs, periodicity) * pingSlotMs;
  const later = Math.max(0, Math.floor((afterGpsMs - firstMs) / periodMs) + 1);
  const gpsTimeMs = firstMs + later * periodMs;
  const endMs = beaconGpsMs + beaconReservedMs + pingSlotsPerPeriod * pingSlotMs;
  if (gpsTimeMs < endMs) return { gpsTimeMs, beaconGpsMs };
  return nextPingSlot(devAddr, periodicity, beaconGpsMs + beaconPeriodMs);
}

/**
 * Where a device listens in a beacon period, by default: one of the region's ping-slot channels, each device on another and
 * all on the next with each beacon (RP002-1.0.4 2.5.8, 2.8.8, 2.9.8). Undefined when there is none.
 */
export function pingSlotFrequencyHz(
  frequenciesHz: readonly number[],
  devAddr: DevAddr,
  beaconGpsMs: number,
): number | undefined {
  return frequenciesHz[(Number.parseInt(devAddr, 16) + beaconGpsMs / beaconPeriodMs) % frequenciesHz.length];
}

/** Where the beacon is sent that begins this period. Undefined when there is none. */
export const beaconFrequencyHz = (frequenciesHz: readonly number[], beaconGpsMs: number): number | undefined =>
  frequenciesHz[(beaconGpsMs / beaconPeriodMs) % frequenciesHz.length];

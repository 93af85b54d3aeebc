import type { Modulation } from "../lorawan/region/region.ts";

/** What fills the two parts of a beacon up to whole symbols, by spreading factor (RP002-1.0.4 2): before and behind them. */
const fillers: ReadonlyMap<number, readonly [number, number]> = new Map([
  [8, [1, 3]],
  [9, [2, 0]],
  [10, [3, 1]],
  [12, [5, 3]],
]);
const timeBytes = 4;
const crcBytes = 2;
const gatewayBytes = 7;

const fillersOf = (modulation: Modulation): readonly [number, number] =>
  (modulation.kind === "lora" ? fillers.get(modulation.spreadingFactor) : undefined) ?? [2, 0];

/** CRC-16 of the beacon's halves (TS001-1.0.4 13.2): polynomial 0x1021, from 0. */
function crc16(bytes: Uint8Array): number {
  let remainder = 0;
  for (const byte of bytes) {
    remainder ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      remainder = (remainder & 0x8000 ? (remainder << 1) ^ 0x1021 : remainder << 1) & 0xffff;
    }
  }
  return remainder;
}

const withCrc = (bytes: Uint8Array): Uint8Array => {
  const crc = crc16(bytes);
  return Uint8Array.of(...bytes, crc & 0xff, crc >> 8);
};

/** The beacon of a gateway that says nothing of itself. `gpsSeconds` is a multiple of 128. */
export function encodeBeacon(modulation: Modulation, gpsSeconds: number): Uint8Array {
  const [before, behind] = fillersOf(modulation);
  const common = new Uint8Array(before + timeBytes);
  new DataView(common.buffer).setUint32(before, gpsSeconds, true);
  return Uint8Array.of(...withCrc(common), ...withCrc(new Uint8Array(gatewayBytes + behind)));
}

/** GPS seconds of a beacon at this data rate; undefined for bytes that are none. */
export function beaconSeconds(modulation: Modulation, beacon: Uint8Array): number | undefined {
  const [before, behind] = fillersOf(modulation);
  const length = before + timeBytes + crcBytes + gatewayBytes + behind + crcBytes;
  const common = beacon.subarray(0, before + timeBytes + crcBytes);
  const [low = 0, high = 0] = common.subarray(-crcBytes);
  if (beacon.length !== length || crc16(common.subarray(0, -crcBytes)) !== (low | (high << 8))) return undefined;
  return new DataView(common.buffer, common.byteOffset).getUint32(before, true);
}

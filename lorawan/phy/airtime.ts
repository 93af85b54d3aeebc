import { MalformedValue } from "../errors.ts";
import { type LoraCodingRate, loraCodingRate } from "../region/coding-rate.ts";
import { loraPreambleSymbols } from "../region/preamble.ts";
import type { Modulation } from "../region/region.ts";

export interface AirtimeOptions {
  /** The frame carries a payload CRC: uplinks do, LoRa downlinks do not (C11). */
  readonly crc: boolean;
  /** LoRa only; true by default. Beacons have none. */
  readonly explicitHeader?: boolean;
  /** LoRa: symbols before the sync word, those of LoRaWAN by default. FSK: bytes, 5 by default. */
  readonly preamble?: number;
  /** LoRa only; that of LoRaWAN by default. The long interleaver counts as what it is without. */
  readonly codingRate?: "4/5" | "4/6" | "4/7" | "4/8" | LoraCodingRate;
}

/** Time on air in microseconds, rounded up. Throws MalformedValue for a length that is not 0 to 255 bytes. */
export function airtimeUs(modulation: Modulation, phyPayloadLength: number, options: AirtimeOptions): number {
  if (!Number.isInteger(phyPayloadLength) || phyPayloadLength < 0 || phyPayloadLength > 255) {
    throw new MalformedValue("a frame has 0 to 255 bytes", { bytes: phyPayloadLength });
  }
  switch (modulation.kind) {
    case "lora":
      return loraAirtimeUs(modulation, phyPayloadLength, options);
    case "fsk":
      return fskAirtimeUs(modulation.bitRate, phyPayloadLength, options);
    case "lr-fhss":
      return lrFhssAirtimeUs(modulation.codingRate, phyPayloadLength);
  }
}

const codedBitsOf = { "4/5": 5, "4/6": 6, "4/7": 7, "4/8": 8, "4/8LI": 8 } as const;

/** Semtech SX1261/2 data sheet 6.1.4; for SF7 to SF12 the same as SX1276 data sheet 4.1.1.7. */
function loraAirtimeUs(
  modulation: Extract<Modulation, { kind: "lora" }>,
  length: number,
  options: AirtimeOptions,
): number {
  const { spreadingFactor, bandwidthHz } = modulation;
  const { crc, explicitHeader = true } = options;
  const { preamble = loraPreambleSymbols(modulation), codingRate = loraCodingRate(modulation) } = options;
  const symbolUs = (2 ** spreadingFactor * 1e6) / bandwidthHz;
  const longPreamble = spreadingFactor < 7;
  // Low data rate optimisation is in force when a symbol lasts 16 ms or longer.
  const bitsPerSymbol = symbolUs >= 16_000 ? spreadingFactor - 2 : spreadingFactor;
  const bits = 8 * length + (crc ? 16 : 0) - 4 * spreadingFactor + (longPreamble ? 0 : 8) + (explicitHeader ? 20 : 0);
  const payloadSymbols = 8 + Math.max(0, Math.ceil(bits / (4 * bitsPerSymbol))) * codedBitsOf[codingRate];
  const preambleSymbols = preamble + (longPreamble ? 6.25 : 4.25);
  return Math.ceil((preambleSymbols + payloadSymbols) * symbolUs);
}

/** RP002, FSK physical layer: preamble, 3 bytes of sync word, length byte, payload, 2 bytes of CRC. */
function fskAirtimeUs(bitRate: number, length: number, { crc, preamble = 5 }: AirtimeOptions): number {
  const bytes = preamble + 3 + 1 + length + (crc ? 2 : 0);
  return Math.ceil((8e6 * bytes) / bitRate);
}

/** 488.28125 bit/s. */
const lrFhssBitUs = 2048;
/** A header of 114 bits, repeated thrice at coding rate 1/3 and twice at 2/3. */
const lrFhssHeaderBits = 114;
const lrFhssCodings = { "1/3": { headers: 3, expansion: 3 }, "2/3": { headers: 2, expansion: 1.5 } } as const;
/** Coded bits of one hop, sent after 2 bits of its own. */
const lrFhssFragmentBits = 48;
const lrFhssFragmentPreambleBits = 2;

/**
 * The bit count that Semtech's public LR-FHSS drivers (SWDR001, SWDM001) use: payload, 2 bytes of CRC (always there)
 * and 6 tail bits go through the convolutional code and out in fragments.
 */
function lrFhssAirtimeUs(codingRate: "1/3" | "2/3", length: number): number {
  const { headers, expansion } = lrFhssCodings[codingRate];
  const codedBits = ((length + 2) * 8 + 6) * expansion;
  const fragments = Math.ceil(codedBits / lrFhssFragmentBits);
  return (headers * lrFhssHeaderBits + codedBits + fragments * lrFhssFragmentPreambleBits) * lrFhssBitUs;
}

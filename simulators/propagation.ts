import type { Modulation } from "../lorawan/region/region.ts";
import { createRandom, seedOf } from "./random.ts";

/** Metres east and north of the middle of the map, and above the ground. */
export interface Position {
  readonly eastM: number;
  readonly northM: number;
  readonly heightM: number;
}

export interface PropagationOptions {
  readonly seed: number;
  /** Standard deviation of the loss that a link has for good; 7.8 dB by default. */
  readonly shadowingDb?: number;
  /** Standard deviation of what comes and goes with each frame; 1 dB by default. */
  readonly fadingDb?: number;
}

export interface Link {
  readonly rssiDbm: number;
  readonly snrDb: number;
}

const noiseFigureDb = 6;
/** Modems report no more than this, however strong the signal is. */
const highestSnrDb = 13;

/** Least SNR at which each spreading factor is demodulated (Semtech SX1301 data sheet, table 1; SF5 and SF6 SX1262). */
const loraSnrLimitDb: readonly (number | undefined)[] = [
  ...new Array<undefined>(5),
  -2.5,
  -5,
  -7.5,
  -10,
  -12.5,
  -15,
  -17.5,
  -20,
];
const fskSnrLimitDb = 6;
const lrFhssSnrLimitDb = -22;
/** 50 kbit/s with 25 kHz deviation, by Carson's rule. */
const fskBandwidthHz = 100_000;
/** One hop of LR-FHSS. */
const lrFhssBandwidthHz = 488;

const bandwidthOf = (modulation: Modulation): number => {
  switch (modulation.kind) {
    case "lora":
      return modulation.bandwidthHz;
    case "fsk":
      return fskBandwidthHz;
    case "lr-fhss":
      return lrFhssBandwidthHz;
  }
};

/** Thermal noise in the receiver's bandwidth. */
export const noiseFloorDbm = (modulation: Modulation): number =>
  -174 + 10 * Math.log10(bandwidthOf(modulation)) + noiseFigureDb;

/** Below this SNR nothing is heard. */
export function snrLimitDb(modulation: Modulation): number {
  switch (modulation.kind) {
    case "lora":
      return loraSnrLimitDb[modulation.spreadingFactor] ?? 0;
    case "fsk":
      return fskSnrLimitDb;
    case "lr-fhss":
      return lrFhssSnrLimitDb;
  }
}

const distanceM = (one: Position, other: Position): number =>
  Math.hypot(one.eastM - other.eastM, one.northM - other.northM, one.heightM - other.heightM);

/**
 * Log-distance loss as measured for LoRa at 868 MHz in a town (Petajajarvi et al., "On the coverage of LPWANs", 2015:
 * 128.95 dB at 1 km, exponent 2.32), not below 1 m.
 */
export const pathLossDb = (from: Position, to: Position): number =>
  128.95 + 23.2 * Math.log10(Math.max(1, distanceM(from, to)) / 1000);

/** Loss and fading depend on names and numbers alone, not on the order in which links are asked for. */
export function createPropagation(options: PropagationOptions) {
  const { seed, shadowingDb = 7.8, fadingDb = 1 } = options;
  const shadowing = new Map<string, number>();
  const shadowOf = (link: string): number => {
    const known = shadowing.get(link) ?? createRandom(seedOf(seed, link)).normal() * shadowingDb;
    shadowing.set(link, known);
    return known;
  };
  return {
    link(
      from: { readonly id: string; readonly position: Position; readonly powerDbm: number; readonly sequence: number },
      to: { readonly id: string; readonly position: Position },
      modulation: Modulation,
    ): Link {
      // A link is the same in both directions.
      const name = [from.id, to.id].sort().join(" ");
      const fade = createRandom(seedOf(seed, `${from.id} ${from.sequence} ${to.id}`)).normal() * fadingDb;
      const rssiDbm = from.powerDbm - pathLossDb(from.position, to.position) - shadowOf(name) - fade;
      return { rssiDbm, snrDb: Math.min(highestSnrDb, rssiDbm - noiseFloorDbm(modulation)) };
    },
  };
}

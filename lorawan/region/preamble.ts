import type { Modulation } from "./region.ts";

/**
 * Symbols before the sync word of a LoRaWAN frame: 8, and 12 at SF5 and SF6, which is what receivers of both ends are set to
 * (SX1261/2 data sheet 6.1.1.1; LoRa Basics Modem and the SX1302's own driver do so).
 */
export const loraPreambleSymbols = ({ spreadingFactor }: Extract<Modulation, { kind: "lora" }>): number =>
  spreadingFactor < 7 ? 12 : 8;

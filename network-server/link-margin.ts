import type { Modulation } from "../lorawan/region/region.ts";

/** Signal-to-noise ratio at which a LoRa gateway still demodulates, per spreading factor (SX1301 data sheet, 3.2). */
const demodulationFloorDb: Readonly<Record<number, number>> = {
  5: -2.5,
  6: -5,
  7: -7.5,
  8: -10,
  9: -12.5,
  10: -15,
  11: -17.5,
  12: -20,
};

/** Undefined where gateways report no SNR: FSK and LR-FHSS. */
export const demodulationFloor = (modulation: Modulation): number | undefined =>
  modulation.kind === "lora" ? demodulationFloorDb[modulation.spreadingFactor] : undefined;

/** Decibels above what is needed; 0 where SNR says nothing. */
export function linkMarginDb(modulation: Modulation, snrDb: number): number {
  const floor = demodulationFloor(modulation);
  return floor === undefined ? 0 : snrDb - floor;
}

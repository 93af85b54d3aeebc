import { loraCodingRate } from "../../../lorawan/region/coding-rate.ts";
import { loraPreambleSymbols } from "../../../lorawan/region/preamble.ts";
import type { Modulation } from "../../../lorawan/region/region.ts";
import type { Transmission } from "../types.ts";

/** The `txpk` object of PULL_RESP, as its protocol spells it. */
export type Txpk = Readonly<Record<string, string | number | boolean>>;

/** GFSK of the regional parameters: 50 kbit/s with 25 kHz deviation (RP002-1.0.4 2.4.3). */
const fskDeviationHz = 25_000;
/** TS001-1.0.4 class B, beacon physical layer: 10 symbols, implicit header, no CRC. */
const beaconPreambleSymbols = 10;
const forwarderPreambleSymbols = 8;

/**
 * `undefined` for a modulation that gateways cannot send. `antennaGainDb` is taken off the EIRP, rounded so that the
 * limit is never exceeded.
 */
export function txpkOf(transmission: Transmission, antennaGainDb: number): Txpk | undefined {
  const modulation = modulationFields(transmission.modulation, transmission.invertPolarization);
  if (!modulation) return undefined;
  const { answerTo, phyPayload } = transmission;
  return {
    ...timingField(transmission.timing),
    // The quotient prints with the six decimals at most that the nearest double of a whole number of Hz has.
    freq: Math.round(transmission.frequencyHz) / 1e6,
    rfch: 0,
    powe: Math.floor(transmission.eirpDbm - antennaGainDb + 1e-6),
    ...modulation,
    // C44: boards and antennas with a radio of their own send through the one that heard the device.
    ...(answerTo ? { brd: answerTo.rxInfo.board ?? 0, ant: answerTo.rxInfo.antenna ?? 0 } : {}),
    size: phyPayload.length,
    data: Buffer.from(phyPayload.buffer, phyPayload.byteOffset, phyPayload.byteLength).toString("base64"),
  };
}

/** Exactly one of the three: forwarders differ in which one wins. */
function timingField(timing: Transmission["timing"]): Txpk {
  switch (timing.kind) {
    case "at-counter":
      // C37: the counter has 32 bits.
      return { tmst: timing.counterUs >>> 0 };
    case "at-gps-time":
      return { tmms: Math.round(timing.gpsTimeMs) };
    case "immediately":
      return { imme: true };
  }
}

/** C11: LoRa downlinks are inverted, and none carries a payload CRC. What is not inverted is a beacon. */
function modulationFields(modulation: Modulation, invertPolarization: boolean): Txpk | undefined {
  switch (modulation.kind) {
    case "lora":
      return {
        modu: "LORA",
        datr: `SF${modulation.spreadingFactor}BW${Math.floor(modulation.bandwidthHz / 1000)}`,
        codr: loraCodingRate(modulation),
        ipol: invertPolarization,
        ncrc: true,
        ...preambleFields(modulation, invertPolarization),
      };
    case "fsk":
      return { modu: "FSK", datr: modulation.bitRate, fdev: fskDeviationHz };
    case "lr-fhss":
      return undefined;
  }
}

type LoraModulation = Extract<Modulation, { kind: "lora" }>;

/** Forwarders send 8 symbols where nothing is said. */
function preambleFields(modulation: LoraModulation, invertPolarization: boolean): Txpk {
  if (!invertPolarization) return { nhdr: true, prea: beaconPreambleSymbols };
  const symbols = loraPreambleSymbols(modulation);
  return symbols === forwarderPreambleSymbols ? {} : { prea: symbols };
}

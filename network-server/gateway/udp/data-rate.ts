import type { Modulation } from "../../../lorawan/region/region.ts";
import type { TxModulation } from "../../../platform/state/network-event.ts";

/** A reception's modulation as the server computes with it and as applications read it. */
export interface ReceivedModulation {
  readonly modulation: Modulation;
  readonly txModulation: TxModulation;
}

export type ModulationFault = "unknown_modulation" | "bad_data_rate";

const loraPattern = /^SF(\d{1,2})BW(\d{2,4})$/;
const lrFhssPattern = /^M\dCW(\d{2,4})$/;

/** `codr` to the contract's name. `LI` is the long interleaver; the reduced fractions come from older forwarders. */
const loraCodeRates: ReadonlyMap<string, string> = new Map([
  ["4/5", "CR_4_5"],
  ["4/6", "CR_4_6"],
  ["2/3", "CR_4_6"],
  ["4/7", "CR_4_7"],
  ["4/8", "CR_4_8"],
  ["2/4", "CR_4_8"],
  ["1/2", "CR_4_8"],
  ["4/5LI", "CR_LI_4_5"],
  ["4/6LI", "CR_LI_4_6"],
  ["4/8LI", "CR_LI_4_8"],
]);

/** The contract has no 1/3: it writes it as 2/6, and 2/3 as 4/6. */
const lrFhssCodeRates = new Map<string, { codingRate: "1/3" | "2/3"; codeRate: string }>([
  ["1/3", { codingRate: "1/3", codeRate: "CR_2_6" }],
  ["2/6", { codingRate: "1/3", codeRate: "CR_2_6" }],
  ["2/3", { codingRate: "2/3", codeRate: "CR_4_6" }],
  ["4/6", { codingRate: "2/3", codeRate: "CR_4_6" }],
]);

/** `modu`, `datr` and `codr` of an rxpk, `hpw` as the number of LR-FHSS grid steps. */
export function receivedModulation(
  modu: unknown,
  datr: unknown,
  codr: unknown,
  gridSteps: number,
): ReceivedModulation | ModulationFault {
  switch (typeof modu === "string" ? modu.toUpperCase() : undefined) {
    case "LORA":
      return lora(datr, codr);
    case "FSK":
      return fsk(datr);
    case "LR-FHSS":
      return lrFhss(datr, codr, gridSteps);
    default:
      return "unknown_modulation";
  }
}

function lora(datr: unknown, codr: unknown): ReceivedModulation | "bad_data_rate" {
  const match = typeof datr === "string" ? loraPattern.exec(datr) : null;
  if (!match) return "bad_data_rate";
  const spreadingFactor = Number(match[1]);
  const bandwidthHz = Number(match[2]) * 1000;
  if (spreadingFactor < 5 || spreadingFactor > 12) return "bad_data_rate";
  const codeRate = (typeof codr === "string" ? loraCodeRates.get(codr) : undefined) ?? "CR_UNDEFINED";
  return {
    modulation: { kind: "lora", spreadingFactor, bandwidthHz },
    txModulation: { lora: { bandwidth: bandwidthHz, spreadingFactor, codeRate } },
  };
}

function fsk(datr: unknown): ReceivedModulation | "bad_data_rate" {
  if (typeof datr !== "number" || !(datr >= 1 && datr <= 1_000_000)) return "bad_data_rate";
  const bitRate = Math.round(datr);
  return { modulation: { kind: "fsk", bitRate }, txModulation: { fsk: { datarate: bitRate } } };
}

function lrFhss(datr: unknown, codr: unknown, gridSteps: number): ReceivedModulation | "bad_data_rate" {
  const match = typeof datr === "string" ? lrFhssPattern.exec(datr) : null;
  const rate = typeof codr === "string" ? lrFhssCodeRates.get(codr) : undefined;
  if (!match || !rate) return "bad_data_rate";
  const operatingChannelWidthHz = Number(match[1]) * 1000;
  return {
    modulation: { kind: "lr-fhss", codingRate: rate.codingRate, operatingChannelWidthHz },
    txModulation: {
      lrFhss: {
        operatingChannelWidth: operatingChannelWidthHz,
        codeRate: rate.codeRate,
        ...(gridSteps === 0 ? {} : { gridSteps }),
      },
    },
  };
}

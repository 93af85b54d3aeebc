import type { Modulation } from "./region.ts";

/** As gateways spell it; LI is the long interleaver. */
export type LoraCodingRate = "4/5" | "4/8LI";

/** 4/5 below 1 GHz; at 2.4 GHz, where alone the bandwidth is 812 kHz, 4/8 (Physical Layer Proposal 2.4 GHz). */
export const loraCodingRate = ({ bandwidthHz }: Extract<Modulation, { kind: "lora" }>): LoraCodingRate =>
  bandwidthHz === 812_000 ? "4/8LI" : "4/5";

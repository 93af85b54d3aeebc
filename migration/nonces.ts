import type { MacVersion } from "../lorawan/version.ts";

/** TS001-1.0.4 6.2.5 and TS001-1.1 6.2.5: DevNonce is a counter there, a random number before. */
export const hasRisingDevNonce = (version: MacVersion): boolean => version === "1.0.4" || version === "1.1.0";

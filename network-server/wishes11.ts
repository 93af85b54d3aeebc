import type { WantedMacParameters } from "../lorawan/mac/state.ts";
import type { RegionConfig } from "./config.ts";

/** What the configuration wants of LoRaWAN 1.1 devices alone: RejoinParamSetupReq and ADRParamSetupReq. */
export function wishes11(config: RegionConfig): WantedMacParameters {
  const { rejoinMaxTimeExponent, rejoinMaxCountExponent, adrAckLimitExponent, adrAckDelayExponent } = config;
  return {
    ...(rejoinMaxTimeExponent !== undefined && { rejoinMaxTimeExponent }),
    ...(rejoinMaxCountExponent !== undefined && { rejoinMaxCountExponent }),
    ...(adrAckLimitExponent !== undefined && { adrAckLimitExponent }),
    ...(adrAckDelayExponent !== undefined && { adrAckDelayExponent }),
  };
}

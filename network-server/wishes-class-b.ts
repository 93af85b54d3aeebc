import { isWireFrequency } from "../lorawan/mac/message.ts";
import type { WantedMacParameters } from "../lorawan/mac/state.ts";
import type { Region } from "../lorawan/region/region.ts";
import type { RegionConfig } from "./config.ts";
import { isDownlinkRate } from "./region-config.ts";

/**
 * What the configuration wants of devices that have announced class B: PingSlotChannelReq and BeaconFreqReq (TS001-1.0.4
 * 12.2, 12.3). Others are not troubled with it.
 */
export function wishesClassB(
  { pingSlotFrequencyHz, pingSlotDataRate, beaconFrequencyHz }: RegionConfig,
  region: Region,
): WantedMacParameters {
  return {
    ...(isFrequency(pingSlotFrequencyHz) && { pingSlotFrequencyHz }),
    ...(isDownlinkRate(region, pingSlotDataRate) && { pingSlotDataRate }),
    ...(isFrequency(beaconFrequencyHz) && { beaconFrequencyHz }),
  };
}

/** 0 gives the region's own back. */
const isFrequency = (frequencyHz: number | undefined): frequencyHz is number =>
  frequencyHz !== undefined && (frequencyHz === 0 || isWireFrequency(frequencyHz));

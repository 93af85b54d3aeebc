import type { MacContext } from "../../lorawan/mac/engine.ts";
import type { MacState, WantedMacParameters } from "../../lorawan/mac/state.ts";
import type { Region } from "../../lorawan/region/region.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { AdrDecision } from "../adr/adr.ts";
import type { RegionConfig } from "../config.ts";
import { networkParameters, ownRx2Hz } from "../region-config.ts";
import type { Session } from "../session.ts";
import { wishesClassB } from "../wishes-class-b.ts";
import { wishes11 } from "../wishes11.ts";

/** Wishes of each configuration by all that they depend on: few, for many devices. A full memory begins anew. */
const known = new WeakMap<RegionConfig, Map<string, WantedMacParameters>>();
const maxKnown = 4096;

/** What of an uplink that has been read the wishes depend on. */
interface Announced {
  readonly session: Pick<Session, "mac" | "macVersion">;
  readonly announcesClassB: boolean;
  readonly macContext: Pick<MacContext, "pingSlots">;
}

/**
 * What the operator's configuration and ADR want of a device. The same wishes are the same object, so that the MAC layer
 * sees at a glance what it has answered before.
 * @param channelIndex number of the channel that the uplink came on.
 */
export function networkWishes(
  { session: { mac, macVersion }, announcesClassB: isClassB, macContext: { pingSlots } }: Announced,
  adrDecision: AdrDecision | undefined,
  region: Region,
  regionConfig: RegionConfig,
  channelIndex: number,
): WantedMacParameters {
  // The profile may have moved to another region, and the device has not joined there yet.
  const isHere = regionConfig.region === region.name;
  const heardOn = isHere ? drawnTo(mac, region, channelIndex) : undefined;
  const rx2Hz = ownRx2Hz(region, mac.current.rx2FrequencyHz);
  const { dataRate, txPowerIndex, nbTrans } = adrDecision?.wanted ?? {};
  const is11 = isVersion11(macVersion);
  // What a device was built with is no wish, but whether a wish is met depends on it.
  const built = isClassB && pingSlots ? `${pingSlots.pingSlotFrequencyHz} ${pingSlots.pingSlotDataRate}` : "";
  const key = `${built} ${region.revision} ${isHere} ${heardOn} ${rx2Hz} ${is11} ${isClassB} ${dataRate} ${txPowerIndex} ${nbTrans}`;
  const ofConfig = known.get(regionConfig) ?? new Map<string, WantedMacParameters>();
  known.set(regionConfig, ofConfig);
  const found = ofConfig.get(key);
  if (found) return found;
  const wishes: WantedMacParameters = {
    ...(isHere && networkParameters(regionConfig, region, heardOn, rx2Hz)),
    ...adrDecision?.wanted,
    ...(is11 && wishes11(regionConfig)),
    ...(isHere && isClassB && wishesClassB(regionConfig, region)),
  };
  if (ofConfig.size >= maxKnown) ofConfig.clear();
  ofConfig.set(key, wishes);
  return wishes;
}

/**
 * Where no sub-band is configured, a device that still uses all channels of a fixed plan is drawn to the sub-band it was
 * just heard in, and keeps it from then on.
 */
function drawnTo({ current }: MacState, region: Region, channelIndex: number): number | undefined {
  if (region.plan === "dynamic") return undefined;
  const { channels, enabledChannels } = current;
  const allEnabled = enabledChannels.length === channels.filter(Boolean).length;
  return allEnabled ? channelIndex : enabledChannels[0];
}

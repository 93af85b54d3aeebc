import { pingSlotChannelOf } from "../lorawan/mac/ping-slot-channel.ts";
import { isVersion11 } from "../lorawan/version.ts";
import type { RegionConfig } from "./config.ts";
import type { DeviceConfig } from "./ports.ts";
import { networkParameters, regionForProfile } from "./region-config.ts";
import { regionOfSession, type Session } from "./session.ts";

/**
 * Most application bytes that a downlink to this device can ever have: at the fastest of the data rates that its channels carry
 * and that ADR is allowed to ask for, in whichever window it listens (RP002-1.0.4 2). Without a session by what it will be told.
 */
export function mostPayload({ profile }: DeviceConfig, config: RegionConfig, session: Session | undefined): number {
  const region = session ? regionOfSession(session) : regionForProfile(profile);
  const start = region.dwellTimeAtStart;
  const told = session?.mac.current ?? networkParameters(config, region);
  const { channels, enabledChannels, rx1DrOffset, rx2DataRate, downlinkDwellTime = start.downlink } = told;
  const payloadOf = (dataRate: number): number =>
    region.downlinkDataRates[dataRate] === undefined
      ? 0
      : region.maxPayload(dataRate, { direction: "down", dwellTime: downlinkDwellTime, repeater: false });
  const used = enabledChannels.flatMap(index => channels[index] ?? []);
  const fastest = profile.adrAlgorithm === "none" ? undefined : (profile.adrMaxDataRate ?? config.adrMaxDataRate);
  const uplinkDataRates = [...region.uplinkDataRates.keys()].filter(
    dataRate =>
      region.uplinkDataRates[dataRate] !== undefined &&
      (fastest === undefined || dataRate <= fastest) &&
      used.some(channel => region.carries(channel, dataRate)),
  );
  const heard = session?.lastDataRate === undefined ? [] : [session.lastDataRate];
  const rx1 = [...uplinkDataRates, ...heard].map(dataRate =>
    payloadOf(region.rx1DataRate(dataRate, rx1DrOffset, downlinkDwellTime)),
  );
  const mayBeC = profile.supportsClassC || isVersion11(profile.macVersion);
  const pings = profile.supportsClassB
    ? [payloadOf(pingSlotChannelOf(session?.mac.current ?? config, region, profile).dataRate)]
    : [];
  return Math.max(0, ...rx1, ...(mayBeC ? [payloadOf(rx2DataRate)] : []), ...pings);
}

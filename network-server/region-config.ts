import type { MacParameters } from "../lorawan/mac/state.ts";
import type { Channel, ChannelPlan, Region, RegionName } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import type { RegionConfig } from "./config.ts";
import type { DeviceProfileConfig } from "./ports.ts";

/** Channels that eight-channel gateways of a region listen to out of the box, beside the region's default ones. */
const usualExtraChannels: Partial<Record<RegionName, readonly number[]>> = {
  EU868: [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000],
};

/** The configuration for a region that the operator wrote none for. */
export function defaultRegionConfig(region: RegionName): RegionConfig {
  const frequencies = usualExtraChannels[region] ?? [];
  return {
    id: region.toLowerCase(),
    region,
    rx1DelaySeconds: 1,
    rx1DrOffset: 0,
    extraChannels: frequencies.map(frequencyHz => ({ frequencyHz, minDataRate: 0, maxDataRate: 5 })),
    subBand: 0,
    installationMarginDb: 10,
  };
}

/** The configuration that a device's profile names, else the first of its region, else the region's default. */
export function regionConfigFor(configs: readonly RegionConfig[], profile: DeviceProfileConfig): RegionConfig {
  const ofRegion = configs.filter(config => config.region === profile.region);
  return (
    ofRegion.find(config => config.id === profile.regionConfigId) ?? ofRegion[0] ?? defaultRegionConfig(profile.region)
  );
}

export const regionForProfile = (profile: DeviceProfileConfig): Region =>
  regionOf(profile.region, profile.regionalParameters);

export interface NetworkParameters
  extends Pick<
    MacParameters,
    "rx1DelaySeconds" | "rx1DrOffset" | "rx2DataRate" | "rx2FrequencyHz" | "channels" | "enabledChannels"
  > {}

/**
 * What the network wants every device of this configuration to use.
 * @param joinChannel number of the channel that a join came on: with `subBand` 0 it tells which sub-band the gateways hear.
 */
export function networkParameters(config: RegionConfig, region: Region, joinChannel?: number): NetworkParameters {
  const channels = region.plan === "dynamic" ? withExtraChannels(region, config) : region.defaultChannels;
  return {
    rx1DelaySeconds: config.rx1DelaySeconds,
    rx1DrOffset: config.rx1DrOffset,
    rx2DataRate: config.rx2DataRate ?? region.rx2.dataRate,
    rx2FrequencyHz: config.rx2FrequencyHz ?? region.rx2.frequencyHz,
    channels,
    enabledChannels: enabledChannels(config, region, channels, joinChannel),
  };
}

function withExtraChannels(region: Region, config: RegionConfig): ChannelPlan {
  const channels: (Channel | undefined)[] = [...region.defaultChannels];
  for (const extra of config.extraChannels) {
    if (channels.length >= region.maxChannels) break;
    if (channels.some(channel => channel?.uplinkFrequencyHz === extra.frequencyHz)) continue;
    channels.push({
      uplinkFrequencyHz: extra.frequencyHz,
      downlinkFrequencyHz: extra.frequencyHz,
      minDataRate: extra.minDataRate,
      maxDataRate: extra.maxDataRate,
    });
  }
  return channels;
}

function enabledChannels(
  config: RegionConfig,
  region: Region,
  channels: ChannelPlan,
  joinChannel: number | undefined,
): readonly number[] {
  const all = channels.flatMap((channel, index) => (channel ? [index] : []));
  if (region.plan === "dynamic") return all;
  if (config.subBand > 0) return ascending(region.subBandChannels(config.subBand));
  if (joinChannel === undefined) return all;
  for (let subBand = 1; ; subBand += 1) {
    const members = region.subBandChannels(subBand);
    if (members.size === 0) return all;
    if (members.has(joinChannel)) return ascending(members);
  }
}

const ascending = (numbers: ReadonlySet<number>): readonly number[] => [...numbers].sort((left, right) => left - right);

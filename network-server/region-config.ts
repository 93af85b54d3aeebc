import { initialMacState } from "../lorawan/mac/engine.ts";
import { isWireFrequency } from "../lorawan/mac/message.ts";
import type { MacParameters, MacState } from "../lorawan/mac/state.ts";
import type { Channel, ChannelPlan, Region, RegionName } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import type { RegionConfig } from "./config.ts";
import type { DeviceConfig, DeviceProfileConfig, MacWishes, StoredRegionConfig } from "./ports.ts";

/** Channels that eight-channel gateways of a region listen to out of the box, beside the region's default ones. */
const usualExtraChannels: Partial<Record<RegionName, readonly number[]>> = {
  EU868: [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000],
};

const ownId = (region: RegionName): string => region.toLowerCase();

/** The configuration for a region that the operator wrote none for. */
export function defaultRegionConfig(region: RegionName): RegionConfig {
  const frequencies = usualExtraChannels[region] ?? [];
  return {
    id: ownId(region),
    region,
    rx1DelaySeconds: 1,
    rx1DrOffset: 0,
    extraChannels: frequencies.map(frequencyHz => ({ frequencyHz, minDataRate: 0, maxDataRate: 5 })),
    subBand: 0,
    installationMarginDb: 10,
  };
}

/**
 * Those of the configuration file and those that were made through the API as one list. The first of a region counts where
 * nobody names one: that which was made its default, else the first of the file, else the region's own, which one with its id
 * replaces. So one that is made for some gateways changes nothing for the others.
 */
export function allRegionConfigs(
  ofFile: readonly RegionConfig[],
  stored: readonly StoredRegionConfig[],
): readonly RegionConfig[] {
  const others = stored.filter(({ config }) => !ofFile.some(({ id }) => id === config.id));
  const first = [...configsOf(others, true), ...ofFile];
  const rest = configsOf(others, false);
  const decided = new Set(first.map(({ region }) => region));
  const own = [...new Set(rest.map(({ region }) => region))]
    .filter(region => !decided.has(region))
    .map(
      region => rest.find(config => config.region === region && config.id === ownId(region)) ?? knownDefault(region),
    );
  return [...first, ...own, ...rest.filter(config => !own.includes(config))];
}

const configsOf = (stored: readonly StoredRegionConfig[], isDefault: boolean): readonly RegionConfig[] =>
  stored.filter(each => each.isDefault === isDefault).map(({ config }) => config);

/** The part of a profile that tells where its devices are at home. */
export interface RegionChoice
  extends Pick<DeviceProfileConfig, "region" | "regionConfigId" | "regionalParameters" | "mac"> {
  /** What was settled by the gateways that heard the device; counts where the profile names none that exists. */
  readonly settledConfigId?: string;
}

/**
 * The configuration that a device's profile names, else the one that was settled for it, else the first of its region, else the
 * region's default; what the profile and then the device itself wish goes before it.
 */
export function regionConfigFor(
  configs: readonly RegionConfig[],
  profile: RegionChoice,
  device: Pick<DeviceConfig, "mac"> = {},
): RegionConfig {
  const named = (name: string | undefined) =>
    configs.find(({ id, region }) => region === profile.region && id === name);
  const config =
    named(profile.regionConfigId) ??
    named(profile.settledConfigId) ??
    configs.find(({ region }) => region === profile.region) ??
    knownDefault(profile.region);
  return hasMembers(profile.mac) || hasMembers(device.mac) ? { ...config, ...profile.mac, ...device.mac } : config;
}

const defaults = new Map<RegionName, RegionConfig>();

/** One object for each region, so that what follows from it need not be worked out for each device. */
function knownDefault(region: RegionName): RegionConfig {
  const config = defaults.get(region) ?? defaultRegionConfig(region);
  defaults.set(region, config);
  return config;
}

function hasMembers(wishes: MacWishes | undefined): boolean {
  for (const _ in wishes) return true;
  return false;
}

export const regionForProfile = ({ region, regionalParameters }: RegionChoice): Region =>
  regionOf(region, regionalParameters);

/**
 * The profile's choice with what the device's session settled: the configuration, where the profile leaves that to the gateways,
 * and the region. In CN470 a device chooses among the plans by the channel that it joins on; a session in any other region
 * is one from before the profile was changed.
 */
export function profileOfSession(
  profile: RegionChoice,
  session: { readonly region: RegionName; readonly regionConfigId?: string },
): RegionChoice {
  const { regionalParameters, mac, regionConfigId } = profile;
  const settledConfigId = session.regionConfigId ?? profile.settledConfigId;
  const isChosen = regionForProfile(profile).joinChannels.some(channel => channel.region === session.region);
  return {
    region: isChosen ? session.region : profile.region,
    regionalParameters,
    ...(mac && { mac }),
    ...(regionConfigId !== undefined && { regionConfigId }),
    ...(settledConfigId !== undefined && { settledConfigId }),
  };
}

/** Members that may be absent leave the device as it is. */
export interface NetworkParameters
  extends Pick<
      MacParameters,
      "rx1DelaySeconds" | "rx1DrOffset" | "rx2DataRate" | "rx2FrequencyHz" | "channels" | "enabledChannels"
    >,
    Partial<Pick<MacParameters, "maxDutyCycleExponent" | "uplinkDwellTime" | "downlinkDwellTime" | "maxEirpDbm">> {}

/**
 * What the network wants every device of this configuration to use. A value that this revision of the region lacks, or
 * that no command carries, gives way to the region's own: a device with an old revision is served all the same.
 * @param heardOn number of the channel that a join came on: with `subBand` 0 it tells which sub-band the gateways hear.
 * @param ownRx2Hz where RX2 of this device is by default, if that depends on where it joined.
 */
export function networkParameters(
  config: RegionConfig,
  region: Region,
  heardOn?: number,
  ownRx2Hz = region.rx2.frequencyHz,
): NetworkParameters {
  const channels = region.plan === "dynamic" ? withExtraChannels(region, config) : region.defaultChannels;
  const { rx2DataRate, rx2FrequencyHz, maxDutyCycleExponent } = config;
  const { uplinkDwellTime, downlinkDwellTime, maxEirpDbm } = region.txParamSetup ? config : {};
  return {
    rx1DelaySeconds: config.rx1DelaySeconds,
    rx1DrOffset: Math.min(config.rx1DrOffset, region.maxRx1DrOffset),
    rx2DataRate: isDownlinkRate(region, rx2DataRate) ? rx2DataRate : region.rx2.dataRate,
    rx2FrequencyHz: rx2FrequencyHz !== undefined && isWireFrequency(rx2FrequencyHz) ? rx2FrequencyHz : ownRx2Hz,
    channels,
    enabledChannels: enabledChannels(config, region, channels, heardOn),
    ...(maxDutyCycleExponent !== undefined && { maxDutyCycleExponent }),
    ...(uplinkDwellTime !== undefined && { uplinkDwellTime }),
    ...(downlinkDwellTime !== undefined && { downlinkDwellTime }),
    ...(maxEirpDbm !== undefined && { maxEirpDbm }),
  };
}

/** The present RX2 frequency if it is one that devices of this region have by default, else the region's own. */
export const ownRx2Hz = ({ name, joinChannels, rx2 }: Region, presentHz: number): number =>
  joinChannels.some(channel => channel.region === name && channel.rx2FrequencyHz === presentHz)
    ? presentHz
    : rx2.frequencyHz;

export const isDownlinkRate = (region: Region, dataRate: number | undefined): dataRate is number =>
  dataRate !== undefined && region.downlinkDataRates[dataRate] !== undefined;

/** What a device that was activated by personalisation starts with: what its profile says that it was built with. */
export function personalisedMacState(region: Region, { abp }: Pick<DeviceProfileConfig, "abp">): MacState {
  const channels = region.defaultChannels;
  return initialMacState(region, {
    rx1DelaySeconds: abp.rx1DelaySeconds,
    rx1DrOffset: abp.rx1DrOffset,
    rx2DataRate: abp.rx2DataRate ?? region.rx2.dataRate,
    rx2FrequencyHz: abp.rx2FrequencyHz ?? region.rx2.frequencyHz,
    channels,
    enabledChannels: definedIn(channels),
  });
}

function withExtraChannels(region: Region, config: RegionConfig): ChannelPlan {
  const channels: (Channel | undefined)[] = [...region.defaultChannels];
  for (const extra of config.extraChannels) {
    const { frequencyHz, downlinkFrequencyHz = frequencyHz, minDataRate, maxDataRate } = extra;
    const hasFast = extra.fastDataRates === true && region.fastDataRates.length > 0;
    if (channels.length >= region.maxChannels) break;
    if (channels.some(channel => channel?.uplinkFrequencyHz === frequencyHz)) continue;
    if (!isWireFrequency(frequencyHz) || !isWireFrequency(downlinkFrequencyHz)) continue;
    channels.push({
      uplinkFrequencyHz: frequencyHz,
      downlinkFrequencyHz,
      minDataRate,
      maxDataRate,
      ...(hasFast && { fastDataRates: true }),
    });
  }
  return channels;
}

function enabledChannels(
  config: RegionConfig,
  region: Region,
  channels: ChannelPlan,
  heardOn: number | undefined,
): readonly number[] {
  const all = definedIn(channels);
  if (region.plan === "dynamic") return all;
  const subBands = subBandsOf(region);
  const chosen = subBands[config.subBand - 1] ?? subBands.find(members => members.has(heardOn ?? -1));
  return chosen ? [...chosen].sort((left, right) => left - right) : all;
}

const definedIn = (channels: ChannelPlan): readonly number[] =>
  channels.flatMap((channel, index) => (channel ? [index] : []));

/** Of a fixed plan, in their order: between them they have every channel. */
export function subBandsOf(region: Region): readonly ReadonlySet<number>[] {
  const subBands: ReadonlySet<number>[] = [];
  let channels = 0;
  while (region.plan === "fixed" && channels < region.defaultChannels.length) {
    const members = region.subBandChannels(subBands.length + 1);
    subBands.push(members);
    channels += members.size;
  }
  return subBands;
}

import { isWireFrequency } from "../lorawan/mac/message.ts";
import { maxDataRateBesideFast } from "../lorawan/mac/new-channel.ts";
import type { Region } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { newestRegionalParameters } from "../lorawan/version.ts";
import type { RegionConfig } from "./config.ts";
import { isDownlinkRate, subBandsOf } from "./region-config.ts";

/**
 * Everything in these configurations that no device of the region could follow or no MAC command could carry, as
 * sentences for the operator; empty when all is well. Judged by the newest revision of each region.
 */
export function checkRegionConfigs(configs: readonly RegionConfig[]): readonly string[] {
  const doubled = configs.filter(({ id }, index) => configs.findIndex(other => other.id === id) !== index);
  return [
    ...doubled.map(({ id }) => `region configuration ${id}: there is another one with this id`),
    ...configs.flatMap(config => {
      const region = regionOf(config.region, newestRegionalParameters);
      return faultsOf(config, region).map(fault => `region configuration ${config.id} (${config.region}): ${fault}`);
    }),
  ];
}

const faultsOf = (config: RegionConfig, region: Region): readonly string[] => [
  ...receiveWindowFaults(config, region),
  ...extraChannelFaults(config, region),
  ...subBandFaults(config, region),
  ...transmitFaults(config, region),
  ...classBFaults(config, region),
  ...(config.adrFastDataRates && region.fastDataRates.length === 0
    ? ["adrFastDataRates: the region has no SF6 and SF5 at 125 kHz"]
    : []),
];

function receiveWindowFaults(config: RegionConfig, region: Region): readonly string[] {
  const { rx1DrOffset, rx2DataRate, rx2FrequencyHz } = config;
  return [
    ...(rx1DrOffset > region.maxRx1DrOffset
      ? [`rx1DrOffset is ${rx1DrOffset}, and ${region.maxRx1DrOffset} is the highest there`]
      : []),
    ...(rx2DataRate !== undefined && !isDownlinkRate(region, rx2DataRate)
      ? [`rx2DataRate ${rx2DataRate} is no data rate for downlinks there`]
      : []),
    ...(rx2FrequencyHz === undefined ? [] : frequencyFaults("rx2FrequencyHz", rx2FrequencyHz, region)),
  ];
}

function frequencyFaults(name: string, frequencyHz: number, region: Region): readonly string[] {
  if (!isWireFrequency(frequencyHz)) {
    return [`${name} ${frequencyHz} is no multiple of ${frequencyHz >= 2_400_000_000 ? 200 : 100} Hz`];
  }
  const isInBand =
    region.subBands.length === 0 ||
    region.subBands.some(({ fromHz, toHz }) => frequencyHz >= fromHz && frequencyHz < toHz);
  return isInBand ? [] : [`${name} ${frequencyHz} is outside the bands of the region`];
}

function extraChannelFaults({ extraChannels }: RegionConfig, region: Region): readonly string[] {
  if (extraChannels.length === 0) return [];
  if (region.plan === "fixed") return ["extraChannels: the channels of this region are fixed"];
  const room = region.maxChannels - region.defaultChannels.length;
  const isUplinkRate = (dataRate: number): boolean => region.uplinkDataRates[dataRate] !== undefined;
  return [
    ...(extraChannels.length > room ? [`extraChannels: there is room for ${room}`] : []),
    ...extraChannels.flatMap(({ frequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, fastDataRates }, index) => {
      const name = `extraChannels[${index}].`;
      const earlier = [
        ...region.defaultChannels.map(channel => channel?.uplinkFrequencyHz),
        ...extraChannels.slice(0, index).map(channel => channel.frequencyHz),
      ];
      return [
        ...frequencyFaults(`${name}frequencyHz`, frequencyHz, region),
        ...(downlinkFrequencyHz === undefined
          ? []
          : frequencyFaults(`${name}downlinkFrequencyHz`, downlinkFrequencyHz, region)),
        ...(earlier.includes(frequencyHz) ? [`${name}frequencyHz ${frequencyHz} is a channel already`] : []),
        ...(minDataRate > maxDataRate || !isUplinkRate(minDataRate) || !isUplinkRate(maxDataRate)
          ? [`${name}minDataRate to maxDataRate, ${minDataRate} to ${maxDataRate}, are no uplink data rates there`]
          : []),
        ...(fastDataRates && maxDataRate !== maxDataRateBesideFast
          ? [`${name}fastDataRates come on top of DR${maxDataRateBesideFast}, and maxDataRate is ${maxDataRate}`]
          : []),
        ...(fastDataRates && region.fastDataRates.length === 0
          ? [`${name}fastDataRates: the region has no SF6 and SF5 at 125 kHz`]
          : []),
      ];
    }),
  ];
}

function subBandFaults({ subBand }: RegionConfig, region: Region): readonly string[] {
  if (subBand === 0) return [];
  if (region.plan === "dynamic") return ["subBand: the region has no sub-bands"];
  const count = subBandsOf(region).length;
  return subBand > count ? [`subBand is ${subBand}, and ${count} is the highest there`] : [];
}

function transmitFaults(config: RegionConfig, region: Region): readonly string[] {
  if (region.txParamSetup) return [];
  const names = (["uplinkDwellTime", "downlinkDwellTime", "maxEirpDbm"] as const).filter(
    name => config[name] !== undefined,
  );
  return names.map(name => `${name} cannot be set there: the region has no TxParamSetupReq`);
}

function classBFaults(config: RegionConfig, region: Region): readonly string[] {
  const { pingSlotFrequencyHz, pingSlotDataRate, beaconFrequencyHz } = config;
  return [
    ...Object.entries({ pingSlotFrequencyHz, beaconFrequencyHz }).flatMap(([name, frequencyHz]) =>
      // 0 is the region's own.
      frequencyHz === undefined || frequencyHz === 0 ? [] : frequencyFaults(name, frequencyHz, region),
    ),
    ...(pingSlotDataRate !== undefined && !isDownlinkRate(region, pingSlotDataRate)
      ? [`pingSlotDataRate ${pingSlotDataRate} is no data rate for downlinks there`]
      : []),
  ];
}

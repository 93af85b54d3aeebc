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
      return faultsOf(config, region).map(
        fault => `region configuration ${config.id} (${config.region}): ${textOf(fault)}`,
      );
    }),
  ];
}

/** What is wrong with a member, as the rest of a sentence that begins with it: `rx1DrOffset`, ` is 9, and ...`. */
type Fault = readonly [member: string, says: string];

const textOf = ([member, says]: Fault): string => member + says;

/** The same for one configuration, each with the member that is at fault, like `extraChannels[1].frequencyHz`. */
export const regionConfigFaults = (
  config: RegionConfig,
): readonly { readonly member: string; readonly text: string }[] =>
  faultsOf(config, regionOf(config.region, newestRegionalParameters)).map(fault => ({
    member: fault[0],
    text: textOf(fault),
  }));

const faultsOf = (config: RegionConfig, region: Region): readonly Fault[] => [
  ...receiveWindowFaults(config, region),
  ...extraChannelFaults(config, region),
  ...subBandFaults(config, region),
  ...transmitFaults(config, region),
  ...classBFaults(config, region),
  ...(config.adrFastDataRates && region.fastDataRates.length === 0
    ? [["adrFastDataRates", ": the region has no SF6 and SF5 at 125 kHz"] as const]
    : []),
  ...adrFaults(config, region),
];

function receiveWindowFaults(config: RegionConfig, region: Region): readonly Fault[] {
  const { rx1DrOffset, rx2DataRate, rx2FrequencyHz } = config;
  return [
    ...(rx1DrOffset > region.maxRx1DrOffset
      ? [["rx1DrOffset", ` is ${rx1DrOffset}, and ${region.maxRx1DrOffset} is the highest there`] as const]
      : []),
    ...(rx2DataRate !== undefined && !isDownlinkRate(region, rx2DataRate)
      ? [["rx2DataRate", ` ${rx2DataRate} is no data rate for downlinks there`] as const]
      : []),
    ...(rx2FrequencyHz === undefined ? [] : frequencyFaults("rx2FrequencyHz", rx2FrequencyHz, region)),
  ];
}

function frequencyFaults(name: string, frequencyHz: number, region: Region): readonly Fault[] {
  if (!isWireFrequency(frequencyHz)) {
    return [[name, ` ${frequencyHz} is no multiple of ${frequencyHz >= 2_400_000_000 ? 200 : 100} Hz`]];
  }
  const isInBand =
    region.subBands.length === 0 ||
    region.subBands.some(({ fromHz, toHz }) => frequencyHz >= fromHz && frequencyHz < toHz);
  return isInBand ? [] : [[name, ` ${frequencyHz} is outside the bands of the region`]];
}

function extraChannelFaults({ extraChannels }: RegionConfig, region: Region): readonly Fault[] {
  if (extraChannels.length === 0) return [];
  if (region.plan === "fixed") return [["extraChannels", ": the channels of this region are fixed"]];
  const room = region.maxChannels - region.defaultChannels.length;
  const isUplinkRate = (dataRate: number): boolean => region.uplinkDataRates[dataRate] !== undefined;
  return [
    ...(extraChannels.length > room ? [["extraChannels", `: there is room for ${room}`] as const] : []),
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
        ...(earlier.includes(frequencyHz)
          ? [[`${name}frequencyHz`, ` ${frequencyHz} is a channel already`] as const]
          : []),
        ...(minDataRate > maxDataRate || !isUplinkRate(minDataRate) || !isUplinkRate(maxDataRate)
          ? [
              [
                `${name}minDataRate`,
                ` to maxDataRate, ${minDataRate} to ${maxDataRate}, are no uplink data rates there`,
              ] as const,
            ]
          : []),
        ...(fastDataRates && maxDataRate !== maxDataRateBesideFast
          ? [
              [
                `${name}fastDataRates`,
                ` come on top of DR${maxDataRateBesideFast}, and maxDataRate is ${maxDataRate}`,
              ] as const,
            ]
          : []),
        ...(fastDataRates && region.fastDataRates.length === 0
          ? [[`${name}fastDataRates`, ": the region has no SF6 and SF5 at 125 kHz"] as const]
          : []),
      ];
    }),
  ];
}

function subBandFaults({ subBand }: RegionConfig, region: Region): readonly Fault[] {
  if (subBand === 0) return [];
  if (region.plan === "dynamic") return [["subBand", ": the region has no sub-bands"]];
  const count = subBandsOf(region).length;
  return subBand > count ? [["subBand", ` is ${subBand}, and ${count} is the highest there`]] : [];
}

function transmitFaults(config: RegionConfig, region: Region): readonly Fault[] {
  if (region.txParamSetup) return [];
  const names = (["uplinkDwellTime", "downlinkDwellTime", "maxEirpDbm"] as const).filter(
    name => config[name] !== undefined,
  );
  return names.map(name => [name, " cannot be set there: the region has no TxParamSetupReq"] as const);
}

function classBFaults(config: RegionConfig, region: Region): readonly Fault[] {
  const { pingSlotFrequencyHz, pingSlotDataRate, beaconFrequencyHz } = config;
  return [
    ...Object.entries({ pingSlotFrequencyHz, beaconFrequencyHz }).flatMap(([name, frequencyHz]) =>
      // 0 is the region's own.
      frequencyHz === undefined || frequencyHz === 0 ? [] : frequencyFaults(name, frequencyHz, region),
    ),
    ...(pingSlotDataRate !== undefined && !isDownlinkRate(region, pingSlotDataRate)
      ? [["pingSlotDataRate", ` ${pingSlotDataRate} is no data rate for downlinks there`] as const]
      : []),
  ];
}

function adrFaults({ adrMinDataRate, adrMaxDataRate }: RegionConfig, region: Region): readonly Fault[] {
  const isCrossed = adrMinDataRate !== undefined && adrMaxDataRate !== undefined && adrMinDataRate > adrMaxDataRate;
  return [
    ...Object.entries({ adrMinDataRate, adrMaxDataRate }).flatMap(([name, dataRate]) =>
      dataRate === undefined || region.uplinkDataRates[dataRate] !== undefined
        ? []
        : [[name, ` ${dataRate} is no uplink data rate there`] as const],
    ),
    ...(isCrossed ? [["adrMinDataRate", ` is ${adrMinDataRate}, above adrMaxDataRate`] as const] : []),
  ];
}

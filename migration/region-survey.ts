import type { Channel, Region, RegionName } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { newestRegionalParameters } from "../lorawan/version.ts";
import type { RegionConfig } from "../network-server/config.ts";
import { defaultRegionConfig, networkParameters, subBandsOf } from "../network-server/region-config.ts";
import type { CarriedProfile, CarriedSession } from "./carried.ts";

/** How many sessions have a value, by its JSON. */
type Tally<Value> = Map<string, { readonly value: Value; count: number }>;

interface Survey {
  readonly region: Region;
  /** Sessions that were activated by personalisation tell less; they count where there are no others. */
  readonly isOfJoins: boolean;
  readonly rx1DelaySeconds: Tally<number>;
  readonly rx1DrOffset: Tally<number>;
  readonly rx2: Tally<{ readonly dataRate: number; readonly frequencyHz: number }>;
  /** Beside the region's default ones. */
  readonly channels: Tally<readonly Channel[]>;
  /** 0 unless all channels are of one. */
  readonly subBand: Tally<number>;
}

export interface RegionSurvey {
  /** True when this server has a configuration of that name. */
  add(profile: CarriedProfile, session: CarriedSession): boolean;
  /** TOML for those that it has not, or has otherwise, as most of their sessions are; empty when there is none. */
  blocks(): string;
}

/** Learns from sessions how the other server's regions are configured, which is in no export. */
export function createRegionSurvey(configs: readonly RegionConfig[]): RegionSurvey {
  const surveys = new Map<string, Survey>();
  return {
    add({ region: name }, session) {
      const { regionConfigId: id } = session;
      if (id === undefined) return true;
      const region = regionOf(name, newestRegionalParameters);
      const isOfJoins = session.joinEui !== undefined;
      const known = surveys.get(id);
      const survey = known && (known.isOfJoins || !isOfJoins) ? known : freshSurvey(region, isOfJoins);
      surveys.set(id, survey);
      if (survey.region === region && survey.isOfJoins === isOfJoins) take(survey, session);
      return knownConfig(configs, name, id) !== undefined;
    },
    blocks: () =>
      [...surveys]
        .flatMap(([id, survey]) => {
          const config = knownConfig(configs, survey.region.name, id);
          if (!config) return [blockOf(id, survey)];
          return isLike(survey, config) ? [] : [`# in place of the ${id} that is there\n${blockOf(id, survey)}`];
        })
        .join("\n\n"),
  };
}

function knownConfig(configs: readonly RegionConfig[], region: RegionName, id: string): RegionConfig | undefined {
  if (configs.some(config => config.region === region)) {
    return configs.find(config => config.region === region && config.id === id);
  }
  const own = defaultRegionConfig(region);
  return id === own.id ? own : undefined;
}

/** Devices would be told nothing new. */
function isLike({ region, ...survey }: Survey, config: RegionConfig): boolean {
  const here = networkParameters(config, region);
  const rx2 = mostOften(survey.rx2);
  const channels = mostOften(survey.channels) ?? [];
  const known = new Set(here.channels.map(channel => channel?.uplinkFrequencyHz));
  return (
    (mostOften(survey.rx1DelaySeconds) ?? 1) === here.rx1DelaySeconds &&
    (mostOften(survey.rx1DrOffset) ?? 0) === here.rx1DrOffset &&
    (!rx2 || (rx2.dataRate === here.rx2DataRate && rx2.frequencyHz === here.rx2FrequencyHz)) &&
    (region.plan === "fixed"
      ? config.subBand === 0 || config.subBand === mostOften(survey.subBand)
      : channels.length === here.channels.length - region.defaultChannels.length &&
        channels.every(({ uplinkFrequencyHz }) => known.has(uplinkFrequencyHz)))
  );
}

const freshSurvey = (region: Region, isOfJoins: boolean): Survey => ({
  region,
  isOfJoins,
  rx1DelaySeconds: new Map(),
  rx1DrOffset: new Map(),
  rx2: new Map(),
  channels: new Map(),
  subBand: new Map(),
});

function take(survey: Survey, { parameters }: CarriedSession): void {
  const { rx1DelaySeconds, rx1DrOffset, rx2DataRate, rx2FrequencyHz, extraChannels, enabledChannels = [] } = parameters;
  count(survey.rx1DelaySeconds, Math.max(1, rx1DelaySeconds ?? 1));
  count(survey.rx1DrOffset, rx1DrOffset ?? 0);
  if (rx2DataRate !== undefined && rx2FrequencyHz !== undefined) {
    count(survey.rx2, { dataRate: rx2DataRate, frequencyHz: rx2FrequencyHz });
  }
  count(survey.channels, extrasOf(survey.region, extraChannels));
  count(survey.subBand, subBandOf(survey.region, enabledChannels));
}

function extrasOf(region: Region, channels: ReadonlyMap<number, Channel>): readonly Channel[] {
  if (region.plan === "fixed") return [];
  const own = new Set(region.defaultChannels.map(channel => channel?.uplinkFrequencyHz));
  return [...channels]
    .sort(([one], [other]) => one - other)
    .flatMap(([, channel]) => (own.has(channel.uplinkFrequencyHz) ? [] : [channel]));
}

function count<Value>(tally: Tally<Value>, value: Value): void {
  const key = JSON.stringify(value);
  const known = tally.get(key);
  if (known) known.count += 1;
  else tally.set(key, { value, count: 1 });
}

function subBandOf(region: Region, enabled: readonly number[]): number {
  const subBands = subBandsOf(region);
  return enabled.length === 0 ? 0 : subBands.findIndex(members => enabled.every(index => members.has(index))) + 1;
}

const mostOften = <Value>(tally: Tally<Value>): Value | undefined =>
  [...tally.values()].sort((one, other) => other.count - one.count)[0]?.value;

function blockOf(id: string, { region, rx1DelaySeconds, rx1DrOffset, ...survey }: Survey): string {
  const rx2 = mostOften(survey.rx2);
  const subBand = mostOften(survey.subBand) ?? 0;
  const channels = mostOften(survey.channels) ?? [];
  return [
    "[[networkServer.regions]]",
    `id = ${JSON.stringify(id)}`,
    `region = ${JSON.stringify(region.name)}`,
    `rx1DelaySeconds = ${mostOften(rx1DelaySeconds) ?? 1}`,
    `rx1DrOffset = ${mostOften(rx1DrOffset) ?? 0}`,
    ...(rx2 ? [`rx2DataRate = ${rx2.dataRate}`, `rx2FrequencyHz = ${rx2.frequencyHz}`] : []),
    ...(subBand > 0 ? [`subBand = ${subBand}`] : []),
    ...(channels.length > 0
      ? ["extraChannels = [", ...channels.map(channel => `  ${channelText(channel)},`), "]"]
      : []),
  ].join("\n");
}

const channelText = ({ uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate }: Channel): string => {
  const downlink = downlinkFrequencyHz === uplinkFrequencyHz ? "" : `downlinkFrequencyHz = ${downlinkFrequencyHz}, `;
  const rates = `minDataRate = ${minDataRate}, maxDataRate = ${maxDataRate}`;
  return `{ frequencyHz = ${uplinkFrequencyHz}, ${downlink}${rates} }`;
};

import type { Channel, RegionName } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { newestRegionalParameters } from "../lorawan/version.ts";
import type { RegionConfig } from "../network-server/config.ts";
import { subBandsOf } from "../network-server/region-config.ts";
import type { CarriedProfile, CarriedSession } from "./carried.ts";

/** How many sessions have a value, by its JSON. */
type Tally<Value> = Map<string, { readonly value: Value; count: number }>;

interface Survey {
  readonly region: RegionName;
  readonly rx1DelaySeconds: Tally<number>;
  readonly rx1DrOffset: Tally<number>;
  readonly rx2: Tally<{ readonly dataRate: number; readonly frequencyHz: number }>;
  readonly channels: Tally<readonly Channel[]>;
  /** 0 unless all channels are of one. */
  readonly subBand: Tally<number>;
}

export interface RegionSurvey {
  /** True when this server has a configuration of that name. */
  add(profile: CarriedProfile, session: CarriedSession): boolean;
  /** TOML for those that it has not, as most of their sessions are; empty when there is none. */
  blocks(): string;
}

/** Learns from sessions how the other server's regions are configured, which is in no export. */
export function createRegionSurvey(configs: readonly RegionConfig[]): RegionSurvey {
  const missing = new Map<string, Survey>();
  return {
    add({ region }, session) {
      const { regionConfigId: id } = session;
      if (id === undefined || isKnown(configs, region, id)) return true;
      const survey = missing.get(id) ?? freshSurvey(region);
      missing.set(id, survey);
      if (survey.region === region) take(survey, session);
      return false;
    },
    blocks: () => [...missing].map(([id, survey]) => blockOf(id, survey)).join("\n\n"),
  };
}

const isKnown = (configs: readonly RegionConfig[], region: RegionName, id: string): boolean =>
  configs.some(config => config.region === region)
    ? configs.some(config => config.region === region && config.id === id)
    : id === region.toLowerCase();

const freshSurvey = (region: RegionName): Survey => ({
  region,
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
  const channels = [...extraChannels].sort(([one], [other]) => one - other).map(([, channel]) => channel);
  count(survey.channels, channels);
  count(survey.subBand, subBandOf(survey.region, enabledChannels));
}

function count<Value>(tally: Tally<Value>, value: Value): void {
  const key = JSON.stringify(value);
  const known = tally.get(key);
  if (known) known.count += 1;
  else tally.set(key, { value, count: 1 });
}

function subBandOf(name: RegionName, enabled: readonly number[]): number {
  const subBands = subBandsOf(regionOf(name, newestRegionalParameters));
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
    `region = ${JSON.stringify(region)}`,
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

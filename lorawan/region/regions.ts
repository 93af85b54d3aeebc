import { MalformedValue } from "../errors.ts";
import { type RegionalParametersRevision, regionalParametersRevisions } from "../version.ts";
import { as923, as923Group2, as923Group3, as923Group4 } from "./as923.ts";
import { au915 } from "./au915.ts";
import { channelFunctions } from "./channel-plan.ts";
import { cn470 } from "./cn470.ts";
import { cn470Plan20A, cn470Plan20B, cn470Plan26A, cn470Plan26B } from "./cn470-rp002.ts";
import { cn779 } from "./cn779.ts";
import { dataRateFunctions } from "./data-rates.ts";
import { eu433 } from "./eu433.ts";
import { eu868 } from "./eu868.ts";
import type { RegionChange, RegionDefinition, RegionFacts } from "./facts.ts";
import { in865 } from "./in865.ts";
import { ism2400 } from "./ism2400.ts";
import { kr920 } from "./kr920.ts";
import { type JoinChannel, type Region, type RegionName, regionNames } from "./region.ts";
import { ru864 } from "./ru864.ts";
import { us915 } from "./us915.ts";

const definitions: Readonly<Record<RegionName, RegionDefinition>> = {
  EU868: eu868,
  US915: us915,
  AU915: au915,
  AS923: as923,
  "AS923-2": as923Group2,
  "AS923-3": as923Group3,
  "AS923-4": as923Group4,
  CN470: cn470,
  "CN470-20A": cn470Plan20A,
  "CN470-20B": cn470Plan20B,
  "CN470-26A": cn470Plan26A,
  "CN470-26B": cn470Plan26B,
  CN779: cn779,
  EU433: eu433,
  IN865: in865,
  KR920: kr920,
  RU864: ru864,
  ISM2400: ism2400,
};

const orderOf = (revision: RegionalParametersRevision): number => regionalParametersRevisions.indexOf(revision);

/** The nearest revision in which the region exists. */
const knownRevision = (
  definition: RegionDefinition,
  revision: RegionalParametersRevision,
): RegionalParametersRevision => {
  if (orderOf(revision) < orderOf(definition.first)) return definition.first;
  if (definition.last !== undefined && orderOf(revision) > orderOf(definition.last)) return definition.last;
  return revision;
};

const appliesTo = ({ from, until }: RegionChange, revision: RegionalParametersRevision): boolean =>
  orderOf(from) <= orderOf(revision) && (until === undefined || orderOf(revision) <= orderOf(until));

const factsOf = (definition: RegionDefinition, revision: RegionalParametersRevision): RegionFacts => {
  let facts = definition.facts;
  for (const change of definition.changes) {
    if (appliesTo(change, revision)) facts = { ...facts, ...change.facts };
  }
  return facts;
};

const defaultJoinChannels = (name: RegionName, facts: RegionFacts): readonly JoinChannel[] =>
  facts.plan.channels.map(channel => ({
    ...channel,
    region: name,
    rx2FrequencyHz: facts.rx2.frequencyHz,
    beaconFrequenciesHz: facts.beacon.frequenciesHz,
    pingSlotFrequenciesHz: facts.pingSlotFrequenciesHz,
  }));

const buildRegion = (definition: RegionDefinition, revision: RegionalParametersRevision): Region => {
  const facts = factsOf(definition, revision);
  const dataRates = dataRateFunctions(facts);
  return {
    name: definition.name,
    revision,
    ...dataRates,
    ...channelFunctions(facts.plan, dataRates.carries),
    joinChannels: facts.joinChannels ?? defaultJoinChannels(definition.name, facts),
    strayJoinChannels: facts.strayJoinChannels ?? [],
    rx2: facts.rx2,
    rx1DelaySeconds: 1,
    joinAcceptDelaySeconds: 5,
    maxEirpDbm: facts.maxEirpDbm,
    maxTxPowerIndex: facts.txPowerOffsetsDb.length - 1,
    maxAdrDataRate: facts.maxAdrDataRate,
    subBands: facts.subBands,
    txParamSetup: facts.txParamSetup,
    dwellTimeAtStart: facts.dwellTimeAtStart ?? { uplink: false, downlink: false },
    beacon: facts.beacon,
    pingSlot: { frequenciesHz: facts.pingSlotFrequenciesHz, dataRate: facts.beacon.dataRate },
    txPowerDbm: (txPowerIndex, maxEirpDbm) => {
      const offsetDb = facts.txPowerOffsetsDb[txPowerIndex];
      if (offsetDb === undefined) throw new MalformedValue("the region has no such TXPower", { txPowerIndex });
      // People read it: 19.15 less 4 is 15.15.
      return Math.round((maxEirpDbm + offsetDb) * 100) / 100;
    },
  };
};

const built = new Map<RegionName, Map<RegionalParametersRevision, Region>>();

/**
 * The region under this revision of the regional parameters; the same object for the same arguments. A revision before
 * the region's first document, or after its last, gives the nearest one that has it, and the region's `revision` says
 * which.
 */
export const regionOf = (name: RegionName, revision: RegionalParametersRevision): Region => {
  const ofName = built.get(name) ?? new Map<RegionalParametersRevision, Region>();
  const found = ofName.get(revision);
  if (found) return found;
  const definition = definitions[name];
  const known = knownRevision(definition, revision);
  const region = ofName.get(known) ?? buildRegion(definition, known);
  built.set(name, ofName.set(known, region).set(revision, region));
  return region;
};

/** Throws MalformedValue for a text that is no region's name. */
export const parseRegionName = (text: string): RegionName => {
  const name = regionNames.find(candidate => candidate === text);
  if (name === undefined) throw new MalformedValue("no such region", { region: text });
  return name;
};

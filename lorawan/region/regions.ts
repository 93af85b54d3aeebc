import { MalformedValue } from "../errors.ts";
import { type RegionalParametersRevision, regionalParametersRevisions } from "../version.ts";
import { channelFunctions } from "./channel-plan.ts";
import { dataRateFunctions } from "./data-rates.ts";
import { eu868 } from "./eu868.ts";
import type { RegionChange, RegionDefinition, RegionFacts } from "./facts.ts";
import { type Region, type RegionName, regionNames } from "./region.ts";
import { us915 } from "./us915.ts";

const definitions: Readonly<Record<RegionName, RegionDefinition>> = {
  EU868: eu868,
  US915: us915,
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

const buildRegion = (definition: RegionDefinition, revision: RegionalParametersRevision): Region => {
  const facts = factsOf(definition, revision);
  return {
    name: definition.name,
    revision,
    ...dataRateFunctions(facts),
    ...channelFunctions(facts.plan),
    rx2: facts.rx2,
    rx1DelaySeconds: 1,
    joinAcceptDelaySeconds: 5,
    maxEirpDbm: facts.maxEirpDbm,
    maxTxPowerIndex: facts.txPowerOffsetsDb.length - 1,
    maxAdrDataRate: facts.maxAdrDataRate,
    subBands: facts.subBands,
    txParamSetup: facts.txParamSetup,
    beacon: facts.beacon,
    pingSlot: { frequenciesHz: facts.pingSlotFrequenciesHz, dataRate: facts.beacon.dataRate },
    txPowerDbm: (txPowerIndex, maxEirpDbm) => {
      const offsetDb = facts.txPowerOffsetsDb[txPowerIndex];
      if (offsetDb === undefined) throw new MalformedValue("the region has no such TXPower", { txPowerIndex });
      return maxEirpDbm + offsetDb;
    },
  };
};

const built = new Map<string, Region>();

/**
 * The region under this revision of the regional parameters; the same object for the same arguments. A revision before
 * the region's first document, or after its last, gives the nearest one that has it, and the region's `revision` says
 * which.
 */
export const regionOf = (name: RegionName, revision: RegionalParametersRevision): Region => {
  const definition = definitions[name];
  const known = knownRevision(definition, revision);
  const key = `${name} ${known}`;
  const region = built.get(key) ?? buildRegion(definition, known);
  built.set(key, region);
  return region;
};

/** Throws MalformedValue for a text that is no region's name. */
export const parseRegionName = (text: string): RegionName => {
  const name = regionNames.find(candidate => candidate === text);
  if (name === undefined) throw new MalformedValue("no such region", { region: text });
  return name;
};

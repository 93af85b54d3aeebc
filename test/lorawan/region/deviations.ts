import type { RegionName } from "../../../lorawan/region/region.ts";
import { type RegionalParametersRevision, regionalParametersRevisions } from "../../../lorawan/version.ts";

/** A fact in which the regional parameters, which we follow, and the vectors disagree. */
export interface Deviation {
  readonly regions: readonly RegionName[];
  readonly revisions: readonly RegionalParametersRevision[];
  readonly fact: string;
  readonly theirs: string;
  readonly ours: string;
  readonly clause: string;
}

const between = (
  from: RegionalParametersRevision,
  until: RegionalParametersRevision,
): readonly RegionalParametersRevision[] =>
  regionalParametersRevisions.slice(
    regionalParametersRevisions.indexOf(from),
    regionalParametersRevisions.indexOf(until) + 1,
  );

const downlinks = "923.3,923.9,924.5,925.1,925.7,926.3,926.9,927.5";

export const deviations: readonly Deviation[] = [
  {
    regions: ["US915"],
    revisions: between("TS001-1.0.0", "RP001-1.0.2-A"),
    fact: "beacon",
    theirs: `DR3 ${downlinks}`,
    ours: `DR8 ${downlinks}`,
    clause: "RP002-1.0.4 2.5.8; the old documents print DR3, which is an uplink rate",
  },
  {
    regions: ["US915"],
    revisions: ["RP001-1.0.3-A"],
    fact: "txPower",
    theirs: "0,-2,-4,-6,-8,-10,-12,-14,-16,-18,-20,-22,-24,-26,-28,-30",
    ours: "0,-2,-4,-6,-8,-10,-12,-14,-16,-18,-20,-22,-24,-26,-28",
    clause: "RP002-1.0.4 2.5.3: TXPower 15 is defined in TS001, as the power in use",
  },
];

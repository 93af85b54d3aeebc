import { type RegionName, regionNames } from "../../../lorawan/region/region.ts";
import { type RegionalParametersRevision, regionalParametersRevisions } from "../../../lorawan/version.ts";

/** Facts in which the regional parameters, which we follow, and the vectors disagree. */
export interface Deviation {
  readonly regions: readonly RegionName[];
  readonly revisions: readonly RegionalParametersRevision[];
  /** By name of the fact: "theirs -> ours". */
  readonly facts: Readonly<Record<string, string>>;
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

/** The same fact with and without the dwell-time limit. */
const bothDwellTimes = (facts: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...facts,
  ...Object.fromEntries(Object.entries(facts).map(([name, difference]) => [`${name} dwell`, difference])),
});

const downlinks = "923.3,923.9,924.5,925.1,925.7,926.3,926.9,927.5";
const fourteenSteps = "0,-2,-4,-6,-8,-10,-12,-14,-16,-18,-20,-22,-24,-26,-28";
const cn470Plans = regionNames.filter(name => name.startsWith("CN470-"));

const cn470Rx2: readonly Deviation[] = (
  [
    ["CN470-20A", "486.9"],
    ["CN470-20B", "498.3"],
    ["CN470-26A", "492.5"],
    ["CN470-26B", "502.5"],
  ] as const
).map(([region, mHz]) => ({
  regions: [region],
  revisions: between("RP002-1.0.1", "RP002-1.0.4"),
  facts: { rx2: `DR0 ${mHz} -> DR1 ${mHz}` },
  clause: "RP002-1.0.4 2.9.7: there is no DR0 any more",
}));

export const deviations: readonly Deviation[] = [
  {
    regions: ["US915"],
    revisions: between("TS001-1.0.0", "RP001-1.0.2-A"),
    facts: { beacon: `DR3 ${downlinks} -> DR8 ${downlinks}` },
    clause: "RP002-1.0.4 2.5.8; DR3 is an uplink rate",
  },
  {
    regions: ["US915", "AU915"],
    revisions: ["RP001-1.0.3-A"],
    facts: { txPower: `${fourteenSteps},-30 -> ${fourteenSteps}` },
    clause: "RP002-1.0.4 2.5.3 and 2.8.3: TXPower 15 is defined in TS001, as the power in use",
  },
  {
    regions: ["AU915"],
    revisions: between("TS001-1.0.1", "RP001-1.0.2-A"),
    facts: bothDwellTimes({
      "DR0 payload": "51 -> 11",
      "DR1 payload": "115 -> 53",
      "DR2 payload": "242 -> 126",
    }),
    clause: "RP001-1.0.2-A 2.6.6: DR0 to DR3 are SF10 to SF7 as in US915, and as limited",
  },
  {
    regions: ["AU915"],
    revisions: ["RP001-1.0.3-A", "RP001-1.1-B"],
    facts: {
      "DR0 payload dwell": "51 -> 0",
      "DR1 payload dwell": "51 -> 0",
      "DR2 payload dwell": "51 -> 11",
      "DR3 payload dwell": "115 -> 53",
      "DR4 payload dwell": "242 -> 125",
    },
    clause: "RP001-1.0.3-A 2.6.6, RP001-1.1-B 2.6.6: UplinkDwellTime came with TxParamSetupReq",
  },
  {
    regions: cn470Plans,
    revisions: between("RP002-1.0.1", "RP002-1.0.4"),
    facts: {
      ...bothDwellTimes({
        "DR3 payload": "164 -> 184",
        "DR1 rx1": "1,0,0,0,0,0 -> 1,1,1,1,1,1",
        "DR2 rx1": "2,1,0,0,0,0 -> 2,1,1,1,1,1",
        "DR3 rx1": "3,2,1,0,0,0 -> 3,2,1,1,1,1",
        "DR4 rx1": "4,3,2,1,0,0 -> 4,3,2,1,1,1",
        "DR5 rx1": "5,4,3,2,1,0 -> 5,4,3,2,1,1",
        "DR6 rx1": "absent -> 6,5,4,3,2,1",
        "DR7 rx1": "absent -> 7,6,5,4,3,2",
      }),
    },
    clause: "RP002-1.0.4 2.9.6 and 2.9.7: DR1 is the least there is",
  },
  ...cn470Rx2,
  {
    regions: ["CN779"],
    revisions: between("TS001-1.0.0", "RP002-1.0.3"),
    facts: {
      channels:
        "779.5 DR0-5,779.7 DR0-5,779.9 DR0-5,780.5 DR0-5,780.7 DR0-5,780.9 DR0-5 -> " +
        "779.5 DR0-5,779.7 DR0-5,779.9 DR0-5",
      rx1Frequencies: "779.5,779.7,779.9,780.5,780.7,780.9 -> 779.5,779.7,779.9",
    },
    clause: "RP002-1.0.3 2.6.2: three default channels; the others are for join requests alone",
  },
  {
    regions: ["EU433"],
    revisions: between("TS001-1.0.0", "RP002-1.0.4"),
    facts: { beacon: "DR3 434.655 -> DR3 434.665", pingSlot: "434.655 -> 434.665" },
    clause: "RP001-1.0.3-A 2.5.8, RP002-1.0.4 2.7.8",
  },
  {
    regions: ["KR920"],
    revisions: between("RP001-1.0.2-A", "RP002-1.0.4"),
    facts: { "sub-band 920-923": "1 16.15 -> 1 23" },
    clause: "RP002-1.0.4 2.11.2: 23 dBm EIRP of gateways",
  },
  {
    regions: ["IN865"],
    revisions: between("RP001-1.0.2-B", "RP002-1.0.4"),
    facts: {
      beacon: "DR4 866.5 -> DR4 866.55",
      pingSlot: "866.5 -> 866.55",
      "sub-band 865-867": "1 16.15 -> 1 30",
    },
    clause: "RP002-1.0.4 2.12.8; 2.12.3: 30 dBm unless told otherwise",
  },
  {
    regions: ["IN865"],
    revisions: between("RP002-1.0.0", "RP002-1.0.4"),
    facts: bothDwellTimes({
      "DR4 rx1": "4,3,2,1,0,0,5,6 -> 4,3,2,1,0,0,5,5",
      "DR5 rx1": "5,4,3,2,1,0,6,7 -> 5,4,3,2,1,0,5,7",
      "DR7 rx1": "7,6,5,4,3,2,7,7 -> 7,5,5,4,3,2,7,7",
    }),
    clause: "RP002-1.0.4 2.12.7: DR6 is RFU",
  },
  {
    regions: ["ISM2400"],
    revisions: between("TS001-1.0.0", "RP002-1.0.4"),
    facts: {
      maxAdrDataRate: "0 -> 7",
      ...bothDwellTimes(Object.fromEntries([2, 3, 4, 5, 6, 7].map(rate => [`DR${rate} payload`, "242 -> 220"]))),
    },
    clause:
      "Physical Layer Proposal 2.4 GHz: every channel carries DR0 to DR7; M is 228 for a device behind a repeater",
  },
];

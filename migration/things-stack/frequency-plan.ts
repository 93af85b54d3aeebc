import { MalformedValue } from "../../lorawan/errors.ts";
import type { RegionName } from "../../lorawan/region/region.ts";
import {
  type MacVersion,
  macVersions,
  type RegionalParametersRevision,
  regionalParametersRevisions,
} from "../../lorawan/version.ts";
import { revisionOf } from "../versions.ts";

/** Beginnings of the names of The Things Stack's frequency plans; the first that fits tells the region. */
const plans: readonly (readonly [begin: string, region: RegionName])[] = [
  ["EU_863_870", "EU868"],
  ["EU_433", "EU433"],
  ["US_902_928", "US915"],
  ["AU_915_928", "AU915"],
  ["CN_470_510", "CN470"],
  ["CN_779_787", "CN779"],
  ["AS_920_923", "AS923"],
  ["AS_923_925", "AS923"],
  ["AS_915_928", "AS923"],
  ["AS_923_2", "AS923-2"],
  ["AS_923_3", "AS923-3"],
  ["AS_923_4", "AS923-4"],
  ["AS_923", "AS923"],
  ["KR_920_923", "KR920"],
  ["IN_865_867", "IN865"],
  ["RU_864_870", "RU864"],
  ["ISM_2400", "ISM2400"],
];

/** Throws MalformedValue. */
export function regionOfPlan(frequencyPlanId: string): RegionName {
  const [, region] = plans.find(([begin]) => frequencyPlanId.startsWith(begin)) ?? [];
  if (region === undefined)
    throw new MalformedValue(`the frequency plan ${frequencyPlanId || "that is missing"} is not known`);
  return region;
}

/** `MAC_V1_0_3` or `1.0.3`. Throws MalformedValue. */
export function macVersionOf(name: string): MacVersion {
  const plain = name.replace(/^MAC_V/, "").replaceAll("_", ".");
  const version = macVersions.find(known => known === plain || known === `${plain}.0`);
  if (version === undefined) throw new MalformedValue(`version ${name || "that is missing"} is not known`);
  return version;
}

/** `PHY_V1_0_3_REV_A`, `RP001_V1_0_3_REV_A`, `RP002_V1_0_3`, `1.0.3-a`. Throws MalformedValue. */
export function revisionOfPhy(name: string, macVersion: MacVersion): RegionalParametersRevision {
  const [, newer] = /^RP002_V(\d_\d_\d)$/.exec(name) ?? [];
  if (newer !== undefined) {
    const revision = regionalParametersRevisions.find(known => known === `RP002-${newer.replaceAll("_", ".")}`);
    if (revision !== undefined) return revision;
  }
  const plain = name
    .replace(/^(?:PHY_|RP001_|TS001_)?V?/, "")
    .replaceAll("_", ".")
    .replace(/\.REV\./i, "-");
  const [, version = "", letter = "A"] = /^(\d\.\d(?:\.\d)?)(?:-([AaBb]))?$/.exec(plain) ?? [];
  const older = macVersions.find(known => known === version || known === `${version}.0`);
  if (older === undefined) throw new MalformedValue(`regional parameters ${name || "that are missing"} are not known`);
  // A device may have parameters that are older or newer than its version.
  return revisionOf(older === "1.0.4" ? macVersion : older, letter.toUpperCase() === "B" ? "B" : "A");
}

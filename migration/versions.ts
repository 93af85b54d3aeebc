import { type MacVersion, newestRegionalParameters, type RegionalParametersRevision } from "../lorawan/version.ts";

/** The document that a version's regional parameters are in, where the other server knows of revisions A and B alone. */
export function revisionOf(macVersion: MacVersion, letter: "A" | "B"): RegionalParametersRevision {
  switch (macVersion) {
    case "1.0.0":
      return "TS001-1.0.0";
    case "1.0.1":
      return "TS001-1.0.1";
    case "1.0.2":
      return letter === "A" ? "RP001-1.0.2-A" : "RP001-1.0.2-B";
    case "1.0.3":
      return "RP001-1.0.3-A";
    case "1.0.4":
      return "RP002-1.0.0";
    case "1.1.0":
      return letter === "A" ? "RP001-1.1-A" : "RP001-1.1-B";
  }
}

const firstOfOtherPlans = "RP002-1.0.1";

/** Other servers know the 96-channel plan of CN470 alone, which ends here with RP002-1.0.0. */
export const withOldPlan = (revision: RegionalParametersRevision): RegionalParametersRevision =>
  revision >= firstOfOtherPlans && revision <= newestRegionalParameters ? "RP002-1.0.0" : revision;

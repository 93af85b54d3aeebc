/** LoRaWAN link-layer versions, as device profiles name them. */
export const macVersions = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"] as const;
export type MacVersion = (typeof macVersions)[number];

/** Regional parameters documents, oldest first. */
export const regionalParametersRevisions = [
  "TS001-1.0.0",
  "TS001-1.0.1",
  "RP001-1.0.2-A",
  "RP001-1.0.2-B",
  "RP001-1.0.3-A",
  "RP001-1.1-A",
  "RP001-1.1-B",
  "RP002-1.0.0",
  "RP002-1.0.1",
  "RP002-1.0.2",
  "RP002-1.0.3",
  "RP002-1.0.4",
  "RP002-1.0.5",
] as const;
export type RegionalParametersRevision = (typeof regionalParametersRevisions)[number];

export const newestRegionalParameters = "RP002-1.0.5" satisfies RegionalParametersRevision;

/** True from LoRaWAN 1.1 on: two network keys, encrypted FOpts, separate downlink counters. */
export const isVersion11 = (version: MacVersion): boolean => version === "1.1.0";

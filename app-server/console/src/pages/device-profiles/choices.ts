import type { Schemas } from "../../../../../client/client.ts";

export type Profile = Schemas["DeviceProfile"];

/** What the API has and is left out here does not compile. */
const every =
  <All extends string>() =>
  <const Values extends readonly All[]>(values: [All] extends [Values[number]] ? Values : never): Values =>
    values;

export const regions = every<Profile["region"]>()([
  "EU868",
  "US915",
  "AU915",
  "AS923",
  "AS923-2",
  "AS923-3",
  "AS923-4",
  "CN470",
  "CN470-20A",
  "CN470-20B",
  "CN470-26A",
  "CN470-26B",
  "CN779",
  "EU433",
  "IN865",
  "KR920",
  "RU864",
  "ISM2400",
]);

export const macVersions = every<Profile["macVersion"]>()(["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"]);

export const revisions = every<Profile["regionalParameters"]>()([
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
]);

/** Where each region's devices are usually used. */
export const regionPlaces: Readonly<Record<Profile["region"], string>> = {
  EU868: "Europe, and much of Africa and the Middle East",
  US915: "United States, Canada, Mexico",
  AU915: "Australia, New Zealand, Latin America",
  AS923: "Japan, and South-East Asia",
  "AS923-2": "Indonesia, Vietnam",
  "AS923-3": "parts of Africa and the Caucasus",
  "AS923-4": "Israel",
  CN470: "China, as before 2020",
  "CN470-20A": "China",
  "CN470-20B": "China",
  "CN470-26A": "China",
  "CN470-26B": "China",
  CN779: "China, for old devices",
  EU433: "Europe and elsewhere, at 433 MHz",
  IN865: "India, Pakistan",
  KR920: "South Korea",
  RU864: "Russia",
  ISM2400: "the whole world, at 2.4 GHz",
};

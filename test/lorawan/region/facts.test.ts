import { describe, expect, test } from "vitest";
import { regionNames } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { deviations } from "./deviations.ts";
import { type BandVector, bandFacts, type Facts, readBandVectors, regionFacts } from "./vectors.ts";

const vectors = readBandVectors();

const difference = (theirs: Facts, ours: Facts): Facts => {
  const names = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
  return Object.fromEntries(
    Array.from(names)
      .filter(name => theirs[name] !== ours[name])
      .map(name => [name, `${theirs[name] ?? "absent"} -> ${ours[name] ?? "absent"}`]),
  );
};

const listedFor = (vector: BandVector): Facts =>
  Object.fromEntries(
    deviations
      .filter(({ regions, revisions }) => regions.includes(vector.region) && revisions.includes(vector.revision))
      .flatMap(({ facts }) => Object.entries(facts)),
  );

describe("facts of every region and revision", () => {
  test("C39 the vectors have 143 tables, and one at least for every region", () => {
    expect(vectors).toHaveLength(143);
    expect(new Set(vectors.map(vector => vector.region))).toEqual(new Set(regionNames));
  });

  test.each(vectors)("C39 $region under $revision is as the vectors say, but for the listed deviations", vector => {
    const region = regionOf(vector.region, vector.revision);
    expect(difference(bandFacts(vector), regionFacts(region, vector))).toEqual(listedFor(vector));
    expect(region.revision).toBe(vector.revision);
  });
});

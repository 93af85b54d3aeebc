import { describe, expect, test } from "vitest";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { deviations } from "./deviations.ts";
import { bandFacts, type Facts, readBandVectors, regionFacts } from "./vectors.ts";

const vectors = readBandVectors();

const difference = (theirs: Facts, ours: Facts): Facts => {
  const names = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
  return Object.fromEntries(
    Array.from(names)
      .filter(name => theirs[name] !== ours[name])
      .map(name => [name, `${theirs[name] ?? "absent"} -> ${ours[name] ?? "absent"}`]),
  );
};

describe("facts of every region and revision", () => {
  test.each(vectors)("C39 $region under $revision is as the vectors say, but for the listed deviations", vector => {
    const region = regionOf(vector.region, vector.revision);
    const ours = regionFacts(region, vector);
    const theirs = bandFacts(vector);
    const listed = deviations.filter(
      ({ regions, revisions, fact }) =>
        regions.includes(vector.region) && revisions.includes(vector.revision) && fact in difference(theirs, ours),
    );
    const expected = Object.fromEntries(listed.map(({ fact, theirs, ours }) => [fact, `${theirs} -> ${ours}`]));
    expect(difference(theirs, ours)).toEqual(expected);
    expect(region.revision).toBe(vector.revision);
  });

  test("every listed deviation is one", () => {
    for (const deviation of deviations) {
      const seen = vectors.filter(
        ({ region, revision }) => deviation.regions.includes(region) && deviation.revisions.includes(revision),
      );
      expect(seen.length, deviation.fact).toBe(deviation.regions.length * deviation.revisions.length);
      for (const vector of seen) {
        const differs = difference(bandFacts(vector), regionFacts(regionOf(vector.region, vector.revision), vector));
        expect(differs, vector.id).toHaveProperty([deviation.fact]);
      }
    }
  });
});

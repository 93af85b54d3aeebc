import { describe, expect, test } from "vitest";
import { regionNames } from "../../../lorawan/region/region.ts";
import { goldenText, readGolden } from "./golden.ts";

describe("the tables as people read them", () => {
  test.each(regionNames)("C39 %s is in every revision as test/vectors/regions/ has it", name => {
    expect(goldenText(name)).toBe(readGolden(name));
  });
});

import { expect, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { adrOfUplink } from "../../simulators/device-adr.ts";
import { defaultParameters } from "../../simulators/device-state.ts";

// RP002-1.0.5 3.4.3, 3.5.3 and 3.8.3, tables of data rate back-off.
test.each([
  ["EU868", [13, 12, 5, 4]],
  ["US915", [8, 7, 3, 2]],
  ["AU915", [10, 9, 5, 4]],
] as const)("C57 a silent network makes a device of %s fall back from SF5 over SF6 to SF7", (name, rates) => {
  const region = regionOf(name, "RP002-1.0.5");
  const [first, ...slower] = rates;
  let parameters = defaultParameters(region, first);
  for (const [step, dataRate] of slower.entries()) {
    parameters = adrOfUplink(region, parameters, 64 + 32 * (step + 1)).parameters;
    expect(parameters.dataRate).toBe(dataRate);
  }
});

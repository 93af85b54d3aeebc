import { expect, test } from "vitest";
import { dutyCycleAns, dutyCycleReq } from "../../../lorawan/mac/duty-cycle.ts";
import { asked, exchanged, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(dutyCycleReq, fields => ({ maxDutyCycleExponent: fields.number("MaxDCycle") }));
checkVectors(dutyCycleAns, () => ({}));

test("C64 DutyCycleReq is sent when another limit is configured, and not once it holds", () => {
  const wanted = { maxDutyCycleExponent: 7 };
  expect(asked(stateOf(), wanted)).toEqual(["0407"]);
  const { state } = exchanged(stateOf(), wanted, "04");
  expect(state.current.maxDutyCycleExponent).toBe(7);
  expect(asked(state, wanted)).toEqual([]);
});

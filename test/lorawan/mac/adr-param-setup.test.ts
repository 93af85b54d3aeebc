import { expect, test } from "vitest";
import { adrParamSetupAns, adrParamSetupReq } from "../../../lorawan/mac/adr-param-setup.ts";
import { asked, contextOf, exchanged, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(adrParamSetupReq, fields => ({
  limitExponent: fields.group("ADRParam").number("LimitExp"),
  delayExponent: fields.group("ADRParam").number("DelayExp"),
}));
checkVectors(adrParamSetupAns, () => ({}));

test("C64 ADRParamSetupReq is sent to 1.1 devices when it says something new", () => {
  const version11 = contextOf({ macVersion: "1.1.0" });
  const wanted = { adrAckLimitExponent: 7 };
  expect(asked(stateOf(), wanted)).toEqual([]);
  expect(asked(stateOf(), { adrAckLimitExponent: 6, adrAckDelayExponent: 5 }, version11)).toEqual([]);
  expect(asked(stateOf(), wanted, version11)).toEqual(["0c75"]);
  const { state } = exchanged(stateOf(), wanted, "0c", version11);
  expect(state.current).toMatchObject({ adrAckLimitExponent: 7, adrAckDelayExponent: 5 });
  expect(asked(state, wanted, version11)).toEqual([]);
});

import { expect, test } from "vitest";
import { rejoinParamSetupAns, rejoinParamSetupReq } from "../../../lorawan/mac/rejoin-param-setup.ts";
import { asked, contextOf, exchanged, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(rejoinParamSetupReq, fields => ({
  maxTimeExponent: fields.number("MaxTimeN"),
  maxCountExponent: fields.number("MaxCountN"),
}));
checkVectors(rejoinParamSetupAns, fields => ({ timeOk: fields.flag("TimeOK") }));

const version11 = contextOf({ macVersion: "1.1.0" });
const wanted = { rejoinMaxTimeExponent: 10, rejoinMaxCountExponent: 8 };

test("C64 RejoinParamSetupReq sets both limits", () => {
  expect(asked(stateOf(), wanted, version11)).toEqual(["0fa8"]);
  const { state } = exchanged(stateOf(), wanted, "0f01", version11);
  expect(state.current).toMatchObject(wanted);
  expect(asked(state, wanted, version11)).toEqual([]);
});

test("C64 a device without a clock takes the count alone", () => {
  const { state, events } = exchanged(stateOf(), wanted, "0f00", version11);
  expect(state.current.rejoinMaxCountExponent).toBe(8);
  expect(state.current.rejoinMaxTimeExponent).toBeUndefined();
  expect(events).toEqual([{ kind: "refused", name: "RejoinParamSetupReq", detail: "timeOk" }]);
});

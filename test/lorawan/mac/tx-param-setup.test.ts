import { expect, test } from "vitest";
import { txParamSetupAns, txParamSetupReq } from "../../../lorawan/mac/tx-param-setup.ts";
import { asked, contextOf, eu868, exchanged, heard, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(txParamSetupReq, fields => ({
  downlinkDwellTime: fields.flag("DownlinkDwelltime"),
  uplinkDwellTime: fields.flag("UplinkDwellTime"),
  maxEirpCode: fields.number("MaxEIRP"),
}));
checkVectors(txParamSetupAns, () => ({}));

const wanted = { uplinkDwellTime: true, downlinkDwellTime: true, maxEirpDbm: 15 };
const withCommand = contextOf({ region: { ...eu868, txParamSetup: true } });

test("C60 TxParamSetupReq is sent only where the region has it", () => {
  expect(asked(stateOf(), wanted, contextOf())).toEqual([]);
  expect(asked(stateOf(), wanted, withCommand)).toEqual(["0934"]);
});

test("C60 TxParamSetupReq is sent from LoRaWAN 1.0.2 on", () => {
  expect(asked(stateOf(), wanted, { ...withCommand, macVersion: "1.0.1" })).toEqual([]);
  expect(asked(stateOf(), wanted, { ...withCommand, macVersion: "1.0.2" })).toEqual(["0934"]);
});

test("C60 the coded EIRP is the highest that does not exceed the limit, and is not asked for twice", () => {
  const { state } = exchanged(stateOf(), wanted, "09", withCommand);
  expect(state.current).toMatchObject({ uplinkDwellTime: true, downlinkDwellTime: true, maxEirpDbm: 14 });
  expect(asked({ ...state, stickyAnswers: [] }, wanted, withCommand)).toEqual([]);
});

test("C58 C60 takes repeats of TxParamSetupAns without harm and makes a downlink due", () => {
  const first = exchanged(stateOf(), wanted, "09", withCommand);
  expect(first.needsDownlink).toBe(true);
  expect(heard("09", first.state, withCommand)).toMatchObject({ needsDownlink: true, events: [], state: first.state });
});

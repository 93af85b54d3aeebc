import { expect, test } from "vitest";
import { beaconFreqAns, beaconFreqReq } from "../../../lorawan/mac/beacon-freq.ts";
import { asked, exchanged, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(beaconFreqReq, fields => ({ frequencyHz: fields.number("Frequency") }));
checkVectors(beaconFreqAns, fields => ({ beaconFrequencyOk: fields.flag("BeaconFrequencyOK") }));

const wanted = { beaconFrequencyHz: 868_100_000 };

test("C63 BeaconFreqReq moves the beacon unless it is refused", () => {
  expect(asked(stateOf(), wanted)).toEqual(["13287684"]);
  expect(exchanged(stateOf(), wanted, "1301").state.current.beaconFrequencyHz).toBe(868_100_000);
  expect(exchanged(stateOf(), wanted, "1300").state.current.beaconFrequencyHz).toBeUndefined();
  expect(asked(stateOf(wanted), wanted)).toEqual([]);
});

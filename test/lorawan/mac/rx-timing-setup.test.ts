import { expect, test } from "vitest";
import { rxTimingSetupAns, rxTimingSetupReq } from "../../../lorawan/mac/rx-timing-setup.ts";
import { asked, exchanged, heard, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(rxTimingSetupReq, fields => ({ delay: fields.number("Delay") }));
checkVectors(rxTimingSetupAns, () => ({}));

test("asks for another RX1 delay and applies it when answered", () => {
  expect(asked(stateOf(), { rx1DelaySeconds: 5 })).toEqual(["0805"]);
  expect(exchanged(stateOf(), { rx1DelaySeconds: 5 }, "08").state.current.rx1DelaySeconds).toBe(5);
});

test("C58 takes repeats of RXTimingSetupAns without harm and makes a downlink due", () => {
  const first = exchanged(stateOf(), { rx1DelaySeconds: 5 }, "08");
  expect(first.needsDownlink).toBe(true);
  expect(heard("08", first.state)).toMatchObject({ needsDownlink: true, events: [], state: first.state });
});

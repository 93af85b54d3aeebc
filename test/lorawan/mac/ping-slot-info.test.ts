import { expect, test } from "vitest";
import { pingSlotInfoAns, pingSlotInfoReq } from "../../../lorawan/mac/ping-slot-info.ts";
import { heard, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(pingSlotInfoReq, fields => ({ periodicity: fields.number("Periodicity") }));
checkVectors(pingSlotInfoAns, () => ({}));

test("C63 PingSlotInfoReq is answered and its periodicity kept", () => {
  const { state, answers, events } = heard("1005", stateOf());
  expect(answers.map(hex)).toEqual(["10"]);
  expect(state.pingSlotPeriodicity).toBe(5);
  expect(events).toEqual([{ kind: "ping-slot-periodicity", periodicity: 5 }]);
});

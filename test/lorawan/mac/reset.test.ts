import { expect, test } from "vitest";
import { resetConf, resetInd } from "../../../lorawan/mac/reset.ts";
import { contextOf, heard, sentState, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(resetInd, fields => ({ minor: fields.group("DevLoRaWANVersion").number("Minor") }));
checkVectors(resetConf, fields => ({ minor: fields.group("ServLoRaWANVersion").number("Minor") }));

const version11 = contextOf({ macVersion: "1.1.0", builtWith: stateOf().current });

test("C64 ResetInd is confirmed, reported, and ends what was pending or given up", () => {
  const before = { ...sentState(stateOf(), { rx1DelaySeconds: 5 }, version11), failures: { "0407": 3 } };
  const { state, answers, events } = heard("0101", before, version11);
  expect(answers.map(hex)).toEqual(["0101"]);
  expect(events).toEqual([{ kind: "device-reset" }]);
  expect([state.pending, state.failures, state.resting]).toEqual([[], {}, undefined]);
});

test("C64 ResetInd takes the parameters back to those that the device was built with, but for its data rate", () => {
  const { state } = heard("0101", stateOf({ rx1DelaySeconds: 9, nbTrans: 3, dataRate: 4 }), version11);
  expect(state.current).toEqual({ ...stateOf().current, dataRate: 4 });
});

test("C64 ResetInd is ignored from a device that joined", () => {
  const joined = contextOf({ macVersion: "1.1.0" });
  expect(heard("0101", stateOf({ nbTrans: 3 }), joined)).toMatchObject({ answers: [], events: [] });
});

test("C64 ResetInd does not exist before LoRaWAN 1.1", () => {
  expect(heard("0101", stateOf()).events).toEqual([{ kind: "unknown-command", cid: 1 }]);
});

import { expect, test } from "vitest";
import { resetConf, resetInd } from "../../../lorawan/mac/reset.ts";
import { contextOf, heard, sentState, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(resetInd, fields => ({ minor: fields.group("DevLoRaWANVersion").number("Minor") }));
checkVectors(resetConf, fields => ({ minor: fields.group("ServLoRaWANVersion").number("Minor") }));

const version11 = contextOf({ macVersion: "1.1.0" });

test("C64 ResetInd is confirmed, reported, and ends what was pending or given up", () => {
  const before = { ...sentState(stateOf(), { rx1DelaySeconds: 5 }, version11), failures: { "0407": 3 } };
  const { state, answers, events } = heard("0101", before, version11);
  expect(answers.map(hex)).toEqual(["0101"]);
  expect(events).toEqual([{ kind: "device-reset" }]);
  expect(state).toMatchObject({ pending: [], failures: {} });
});

test("C64 ResetInd does not exist before LoRaWAN 1.1", () => {
  expect(heard("0101", stateOf()).events).toEqual([{ kind: "unknown-command", cid: 1 }]);
});

import { expect, test } from "vitest";
import { deviceModeConf, deviceModeInd } from "../../../lorawan/mac/device-mode.ts";
import { contextOf, heard, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(deviceModeInd, fields => ({ classCode: fields.number("Class") }));
checkVectors(deviceModeConf, fields => ({ classCode: fields.number("Class") }));

const version11 = contextOf({ macVersion: "1.1.0" });

test.each([
  ["2000", "A"],
  ["2002", "C"],
])("C64 %s makes the device class %s and is confirmed", (command, deviceClass) => {
  const { state, answers } = heard(command, stateOf(), version11);
  expect(answers.map(hex)).toEqual([command]);
  expect(state.deviceClass).toBe(deviceClass);
});

test("C64 a reserved class is not confirmed", () => {
  expect(heard("2001", stateOf(), version11)).toMatchObject({ answers: [], state: stateOf() });
});

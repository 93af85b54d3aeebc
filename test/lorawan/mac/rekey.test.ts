import { expect, test } from "vitest";
import { rekeyConf, rekeyInd } from "../../../lorawan/mac/rekey.ts";
import { contextOf, heard, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(rekeyInd, fields => ({ minor: fields.group("DevLoRaWANVersion").number("Minor") }));
checkVectors(rekeyConf, fields => ({ minor: fields.group("ServLoRaWANVersion").number("Minor") }));

test("C64 RekeyInd is confirmed every time it comes", () => {
  const version11 = contextOf({ macVersion: "1.1.0" });
  for (const _ of [1, 2]) {
    const { answers, needsDownlink } = heard("0b01", stateOf(), version11);
    expect(answers.map(hex)).toEqual(["0b01"]);
    expect(needsDownlink).toBe(true);
  }
});

test("C64 RekeyInd is ignored from a device that never joined", () => {
  const personalised = contextOf({ macVersion: "1.1.0", builtWith: stateOf().current });
  expect(heard("0b01", stateOf(), personalised)).toMatchObject({ answers: [], events: [], needsDownlink: false });
});

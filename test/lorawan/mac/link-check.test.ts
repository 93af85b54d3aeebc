import { expect, test } from "vitest";
import { linkCheckAns, linkCheckReq } from "../../../lorawan/mac/link-check.ts";
import { contextOf, heard, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(linkCheckReq, () => ({}));
checkVectors(linkCheckAns, fields => ({ marginDb: fields.number("Margin"), gatewayCount: fields.number("GwCnt") }));

const answerTo = (marginDb: number, gatewayCount: number): readonly string[] =>
  heard("02", stateOf(), contextOf({ uplink: { marginDb, gatewayCount, endGpsTimeMs: 0 } })).answers.map(hex);

test("C53 answers LinkCheckReq with margin and gateway count, and makes a downlink due", () => {
  expect(answerTo(20, 3)).toEqual(["021403"]);
  expect(heard("02", stateOf()).needsDownlink).toBe(true);
});

test("C53 keeps margin and gateway count within what the wire can say", () => {
  expect(answerTo(-5, 0)).toEqual(["020001"]);
  expect(answerTo(400, 300)).toEqual(["02feff"]);
  expect(answerTo(7.9, 1)).toEqual(["020701"]);
});

test("C53 answers each LinkCheckReq of a frame", () => {
  expect(heard("0202", stateOf()).answers.map(hex)).toEqual(["020a02", "020a02"]);
});

import { expect, test } from "vitest";
import { forceRejoinReq } from "../../../lorawan/mac/force-rejoin.ts";
import type { MacState } from "../../../lorawan/mac/state.ts";
import { asked, contextOf, heard, sentState, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(forceRejoinReq, fields => ({
  period: fields.number("Period"),
  maxRetries: fields.number("MaxRetries"),
  rejoinType: fields.number("RejoinType"),
  dataRate: fields.number("DR"),
}));

const version11 = contextOf({ macVersion: "1.1.0" });
const ordered: MacState = { ...stateOf(), forceRejoin: { period: 1, maxRetries: 2, rejoinType: 2, dataRate: 5 } };

test("C64 ForceRejoinReq is sent to 1.1 devices while the order stands", () => {
  // RFU 00, Period 001, Max_Retries 010, RFU 0, RejoinType 010, DR 0101 (LoRaWAN 1.1 5.13), little-endian.
  expect(asked(ordered, {}, version11)).toEqual(["0e250a"]);
  expect(asked(stateOf(), {}, version11)).toEqual([]);
  expect(asked(ordered, {})).toEqual([]);
});

test("C64 ForceRejoinReq has no answer and is given up after three downlinks without a rejoin", () => {
  let state = ordered;
  let events: readonly unknown[] = [];
  for (const _ of [1, 2, 3]) ({ state, events } = heard("", sentState(state, {}, version11), version11));
  expect(events).toContainEqual({ kind: "given-up", name: "ForceRejoinReq", request: "0e250a" });
  expect(asked(state, {}, version11)).toEqual([]);
});

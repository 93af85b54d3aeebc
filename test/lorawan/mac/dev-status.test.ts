import { expect, test } from "vitest";
import { devStatusAns, devStatusReq } from "../../../lorawan/mac/dev-status.ts";
import { asked, contextOf, exchanged, heard, sentState, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(devStatusReq, () => ({}));
checkVectors(devStatusAns, fields => ({ battery: fields.number("Battery"), marginDb: fields.number("Margin") }));

const hourly = contextOf({ deviceStatusIntervalSeconds: 3600 });
const after = (seconds: number) => ({ ...hourly, nowMs: hourly.nowMs + seconds * 1000 });

test("C61 DevStatusReq goes out once an interval, and never with interval 0", () => {
  expect(asked(stateOf(), {}, contextOf())).toEqual([]);
  expect(asked(stateOf(), {}, hourly)).toEqual(["06"]);
  const { state } = exchanged(stateOf(), {}, "06ff1f", hourly);
  expect(asked(state, {}, after(3599))).toEqual([]);
  expect(asked(state, {}, after(3600))).toEqual(["06"]);
});

test.each([
  ["060020", 0, -32],
  ["06fe3f", 254, -1],
  ["06ffdf", 255, 31],
])("C61 reads battery and margin of %s, RFU bits aside", (answer, battery, marginDb) => {
  const { state, events } = exchanged(stateOf(), {}, answer, hourly);
  expect(events).toEqual([{ kind: "device-status", battery, marginDb }]);
  expect(state.deviceStatus).toEqual({ battery, marginDb, atMs: hourly.nowMs });
});

test("C61 lost answers do not end DevStatusReq for the session", () => {
  let state = stateOf();
  for (let hour = 0; hour < 5; hour += 1) state = heard("", sentState(state, {}, after(hour * 3600))).state;
  expect(state.failures).toEqual({});
  expect(asked(state, {}, after(5 * 3600))).toEqual(["06"]);
});

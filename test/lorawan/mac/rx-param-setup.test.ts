import { expect, test } from "vitest";
import { rxParamSetupAns, rxParamSetupReq } from "../../../lorawan/mac/rx-param-setup.ts";
import { asked, exchanged, heard, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(rxParamSetupReq, fields => ({
  rx1DrOffset: fields.group("DLSettings").number("RX1DROffset"),
  rx2DataRate: fields.group("DLSettings").number("RX2DataRate"),
  rx2FrequencyHz: fields.number("Frequency"),
}));
checkVectors(rxParamSetupAns, fields => ({
  channelAck: fields.flag("ChannelACK"),
  rx2DataRateAck: fields.flag("RX2DataRateACK"),
  rx1DrOffsetAck: fields.flag("RX1DROffsetACK"),
}));

const wanted = { rx2DataRate: 3, rx1DrOffset: 1 };

test("asks for the three receive settings together and applies them together", () => {
  expect(asked(stateOf(), wanted)).toEqual(["0513d2ad84"]);
  const { state } = exchanged(stateOf(), wanted, "0507");
  expect(state.current).toMatchObject({ rx1DrOffset: 1, rx2DataRate: 3, rx2FrequencyHz: 869_525_000 });
});

test.each(["0506", "0505", "0503", "0500"])("keeps all three as they were after %s", answer => {
  const { state, events } = exchanged(stateOf(), wanted, answer);
  expect(state.current).toEqual(stateOf().current);
  expect(events).toMatchObject([{ kind: "refused", name: "RXParamSetupReq" }]);
});

test("C58 takes repeats of RXParamSetupAns without harm and makes a downlink due each time", () => {
  const first = exchanged(stateOf(), wanted, "0507");
  expect(first.needsDownlink).toBe(true);
  const repeat = heard("0507", first.state);
  expect(repeat).toMatchObject({ needsDownlink: true, events: [], answers: [] });
  expect(repeat.state).toEqual(first.state);
  expect(heard("", repeat.state).needsDownlink).toBe(false);
});

test("C58 makes no new RXParamSetupReq while the answer to the last one is being repeated", () => {
  const { state } = exchanged(stateOf(), wanted, "0507");
  expect(asked(state, { rx2DataRate: 5 })).toEqual([]);
  expect(asked(heard("", state).state, { rx2DataRate: 5 })).toEqual(["0515d2ad84"]);
});

test("C62 an RXParamSetupAns out of nowhere changes nothing and makes no downlink due", () => {
  const result = heard("0507", stateOf());
  expect(result.state).toEqual(stateOf());
  expect(result.needsDownlink).toBe(false);
  expect(result.events).toEqual([{ kind: "unsolicited-answer", name: "RXParamSetupAns" }]);
});

import { expect, test } from "vitest";
import { pingSlotChannelAns, pingSlotChannelReq } from "../../../lorawan/mac/ping-slot-channel.ts";
import { asked, contextOf, exchanged, heard, stateOf } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(pingSlotChannelReq, fields => ({
  frequencyHz: fields.number("Frequency"),
  dataRate: fields.number("DR"),
}));
checkVectors(pingSlotChannelAns, fields => ({
  channelFrequencyOk: fields.flag("ChannelFrequencyOK"),
  dataRateOk: fields.flag("DataRateOK"),
}));

const wanted = { pingSlotFrequencyHz: 868_100_000, pingSlotDataRate: 5 };

test("C63 PingSlotChannelReq sets frequency and data rate together", () => {
  expect(asked(stateOf(), wanted)).toEqual(["1128768405"]);
  expect(exchanged(stateOf(), wanted, "1103").state.current).toMatchObject(wanted);
  expect(asked(stateOf(wanted), wanted)).toEqual([]);
});

test("C58 C63 takes repeats of PingSlotChannelAns without harm and makes a downlink due", () => {
  const first = exchanged(stateOf(), wanted, "1103");
  expect(first.needsDownlink).toBe(true);
  expect(heard("1103", first.state)).toMatchObject({ needsDownlink: true, events: [], state: first.state });
});

test.each(["1100", "1101", "1102"])("C63 a refusal by %s changes nothing", answer => {
  const { state, events } = exchanged(stateOf(), wanted, answer);
  expect(state.current).toEqual(stateOf().current);
  expect(events).toMatchObject([{ kind: "refused", name: "PingSlotChannelReq" }]);
});

test("C63 what a device was built with is not asked for, and stays as it is beside what is", () => {
  const built = contextOf({ pingSlots: wanted });
  expect(asked(stateOf(), wanted, built)).toEqual([]);
  expect(asked(stateOf(), { pingSlotDataRate: 3 }, built)).toEqual(["1128768403"]);
  // 0 Hz gives the region's own back.
  expect(asked(stateOf(), { pingSlotFrequencyHz: 0 }, built)).toEqual(["1100000005"]);
  expect(asked(stateOf({ pingSlotFrequencyHz: 0, pingSlotDataRate: 5 }), { pingSlotFrequencyHz: 0 }, built)).toEqual(
    [],
  );
});

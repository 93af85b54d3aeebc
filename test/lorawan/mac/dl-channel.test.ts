import { expect, test } from "vitest";
import { dlChannelAns, dlChannelReq } from "../../../lorawan/mac/dl-channel.ts";
import { asked, channelAt, contextOf, eu868, exchanged, fourChannels, heard, stateOf, us915 } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(dlChannelReq, fields => ({ channelIndex: fields.number("ChIndex"), frequencyHz: fields.number("Freq") }));
checkVectors(dlChannelAns, fields => ({
  channelFrequencyOk: fields.flag("ChannelFrequencyOK"),
  uplinkFrequencyExists: fields.flag("UplinkFrequencyExists"),
}));

const channels = [...eu868.defaultChannels, channelAt(867_100_000, 869_525_000)];
const before = stateOf({ channels: fourChannels });

test("C64 DlChannelReq is sent when a channel is to answer on another frequency", () => {
  expect(asked(before, { channels })).toEqual(["0a03d2ad84"]);
  const { state } = exchanged(before, { channels }, "0a03");
  expect(state.current.channels[3]).toEqual(channelAt(867_100_000, 869_525_000));
  expect(asked({ ...state, stickyAnswers: [] }, { channels })).toEqual([]);
});

test("C64 DlChannelReq waits until the channel exists, and is unknown before LoRaWAN 1.0.2", () => {
  expect(asked(stateOf(), { channels })).toEqual(["0703184f8450"]);
  expect(asked(before, { channels }, contextOf({ macVersion: "1.0.1" }))).toEqual([]);
});

test("fixed plans have no DlChannelReq", () => {
  const moved = us915.defaultChannels.map(channel => channel && { ...channel, downlinkFrequencyHz: 925_000_000 });
  expect(asked(stateOf({}, us915), { channels: moved }, contextOf({ region: us915 }))).toEqual([]);
});

test.each(["0a00", "0a01", "0a02"])("keeps the frequency after %s", answer => {
  const { state, events } = exchanged(before, { channels }, answer);
  expect(state.current).toEqual(before.current);
  expect(events).toMatchObject([{ kind: "refused", name: "DlChannelReq" }]);
});

test("C58 takes repeats of DlChannelAns without harm and makes a downlink due", () => {
  const first = exchanged(before, { channels }, "0a03");
  expect(heard("0a03", first.state)).toMatchObject({ needsDownlink: true, events: [], state: first.state });
});

import { expect, test } from "vitest";
import { newChannelAns, newChannelReq } from "../../../lorawan/mac/new-channel.ts";
import { asked, channelAt, contextOf, eu868, exchanged, fourChannels, stateOf, us915 } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(newChannelReq, fields => ({
  channelIndex: fields.number("ChIndex"),
  frequencyHz: fields.number("Freq"),
  minDataRate: fields.number("MinDR"),
  maxDataRate: fields.number("MaxDR"),
}));
checkVectors(newChannelAns, fields => ({
  channelFrequencyOk: fields.flag("ChannelFrequencyOK"),
  dataRateRangeOk: fields.flag("DataRateRangeOK"),
}));

test("C59 a channel that is wanted is asked for, and is in use once accepted", () => {
  expect(asked(stateOf(), { channels: fourChannels })).toEqual(["0703184f8450"]);
  const { state } = exchanged(stateOf(), { channels: fourChannels }, "0703");
  expect(state.current.channels[3]).toEqual(channelAt(867_100_000));
  expect(state.current.enabledChannels).toEqual([0, 1, 2, 3]);
  expect(asked(state, { channels: fourChannels })).toEqual([]);
});

test("C59 a channel that is no longer wanted is taken away", () => {
  const wanted = { channels: eu868.defaultChannels };
  expect(asked(stateOf({ channels: fourChannels }), wanted)).toEqual(["070300000000"]);
  const { state } = exchanged(stateOf({ channels: fourChannels }), wanted, "0703");
  expect(state.current.channels[3]).toBeUndefined();
  expect(state.current.enabledChannels).toEqual([0, 1, 2]);
});

// RP002-1.0.5, as ChirpStack reads it; no other implementer's reading is public.
test("C59 a channel for SF6 and SF5 too says so by a MaxDR under its MinDR", () => {
  const fast = { ...channelAt(867_100_000), fastDataRates: true };
  const slower = { ...channelAt(867_300_000), minDataRate: 5, fastDataRates: true };
  const channels = [...eu868.defaultChannels, fast, slower];
  expect(asked(stateOf(), { channels })).toEqual(["0703184f8401", "0704e8568406"]);
  const { state } = exchanged(stateOf(), { channels }, "07030703");
  expect(state.current.channels.slice(3)).toEqual([fast, slower]);
  expect(asked(state, { channels: [...fourChannels, slower] })).toEqual(["0703184f8450"]);
});

test("C59 default channels are never touched", () => {
  const moved = [channelAt(864_100_000), channelAt(864_300_000), undefined];
  expect(asked(stateOf(), { channels: moved })).toEqual([]);
});

test("C59 fixed plans have no NewChannelReq", () => {
  const moved = us915.defaultChannels.map(() => channelAt(903_000_000));
  expect(asked(stateOf({}, us915), { channels: moved }, contextOf({ region: us915 }))).toEqual([]);
});

test.each(["0700", "0701", "0702"])("a channel refused by %s does not exist, and is tried three times", answer => {
  let state = stateOf();
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const result = exchanged(state, { channels: fourChannels }, answer);
    expect(result.state.current).toEqual(stateOf().current);
    expect(result.events.some(({ kind }) => kind === "given-up")).toBe(attempt === 3);
    state = result.state;
  }
  expect(asked(state, { channels: fourChannels })).toEqual([]);
});

test("answers are paired with several requests in order", () => {
  const channels = [...fourChannels, channelAt(867_300_000), channelAt(867_500_000)];
  const { state } = exchanged(stateOf(), { channels }, "070307020703");
  expect(state.current.enabledChannels).toEqual([0, 1, 2, 3, 5]);
  expect(state.current.channels[4]).toBeUndefined();
});

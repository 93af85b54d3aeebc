import { describe, expect, test } from "vitest";
import { relearn } from "../../../lorawan/mac/engine.ts";
import { linkAdrAns, linkAdrReq } from "../../../lorawan/mac/link-adr.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { asked, contextOf, eu868, exchanged, fourChannels, heard, sentState, stateOf, us915 } from "./session.ts";
import { checkVectors } from "./vectors.ts";

checkVectors(linkAdrReq, fields => ({
  dataRate: fields.number("DataRate"),
  txPowerIndex: fields.number("TXPower"),
  channelMask: fields.flags("ChMask").reduce((mask, isOn, bit) => mask | (isOn ? 1 << bit : 0), 0),
  channelMaskControl: fields.group("Redundancy").number("ChMaskCntl"),
  nbTrans: fields.group("Redundancy").number("NbRep"),
}));
checkVectors(linkAdrAns, fields => ({
  channelMaskAck: fields.flag("ChannelMaskACK"),
  dataRateAck: fields.flag("DataRateACK"),
  powerAck: fields.flag("PowerACK"),
}));

const wanted = { dataRate: 5, txPowerIndex: 2, nbTrans: 1 };
const inUs915 = contextOf({ region: us915 });
const secondEight = { ...wanted, dataRate: 3, enabledChannels: [8, 9, 10, 11, 12, 13, 14, 15] };

describe("requests", () => {
  test("asks for data rate and power with the mask that is in force", () => {
    expect(asked(stateOf(), wanted)).toEqual(["0352070001"]);
    expect(asked(stateOf(wanted), wanted)).toEqual([]);
  });

  test("C55 masks of a fixed plan are one group that stays together", () => {
    // Under this revision there is one way to say it: ChMaskCntl 7 for none at all, then the eight.
    const older = regionOf("US915", "RP001-1.0.2-B");
    const context = contextOf({ region: older, macVersion: "1.0.2" });
    expect(asked(stateOf({}, older), secondEight, context)).toEqual(["0332000071033200ff01"]);
  });

  test("leaves data rate and power to the device where nothing is wanted of them, from LoRaWAN 1.0.4 on", () => {
    const channelsAlone = { enabledChannels: [0, 1] };
    const state = stateOf({ dataRate: 4 });
    expect(asked(state, channelsAlone)).toEqual(["03ff030001"]);
    expect(asked(state, channelsAlone, contextOf({ macVersion: "1.0.3" }))).toEqual(["0340030001"]);
  });

  test("waits for channels that are on their way, since its mask would switch them off again", () => {
    const channels = { ...wanted, channels: fourChannels, enabledChannels: [0, 1, 2, 3] };
    expect(asked(stateOf(), channels)).toEqual(["0703184f8450"]);
    const { state } = exchanged(stateOf(), channels, "0703");
    expect(asked(state, channels)).toEqual(["03520f0001"]);
  });

  test("does not wait for channels that the device refused for good", () => {
    const channels = { ...wanted, channels: fourChannels, enabledChannels: [0, 1, 2, 3] };
    expect(asked({ ...stateOf(), failures: { "0703184f8450": 3 } }, channels)).toEqual(["0352070001"]);
  });
});

describe("answers", () => {
  test("C55 one answer for each request of a block applies all of it", () => {
    const { state, events } = exchanged(stateOf({}, us915), secondEight, "03070307", inUs915);
    expect(events).toEqual([]);
    expect(state.current).toMatchObject({ dataRate: 3, txPowerIndex: 2, enabledChannels: secondEight.enabledChannels });
    expect(asked(state, secondEight, inUs915)).toEqual([]);
  });

  test("C55 one answer for the whole block, as LoRaWAN 1.1 has it, applies all of it", () => {
    const version11 = { ...inUs915, macVersion: "1.1.0" as const };
    const { state, events } = exchanged(stateOf({}, us915), secondEight, "0307", version11);
    expect(events).toEqual([]);
    expect(state.current.enabledChannels).toEqual(secondEight.enabledChannels);
  });

  test("C55 an answer more than there were requests is nobody's", () => {
    const { state, events } = exchanged(stateOf(), wanted, "03070300");
    expect(state.current.dataRate).toBe(5);
    expect(events).toEqual([{ kind: "unsolicited-answer", name: "LinkADRAns" }]);
  });

  test.each(["0300", "0301", "0302", "0303", "0304", "0305", "0306"])("C56 %s changes nothing", answer => {
    const { state, events } = exchanged(stateOf(), wanted, answer);
    expect(state.current).toEqual(stateOf().current);
    expect(events[0]).toMatchObject({ kind: "refused", name: "LinkADRReq" });
  });

  test.each([
    ["0300", undefined],
    ["0303", "powerAck"],
    ["0305", "dataRateAck"],
    ["0306", "channelMaskAck"],
  ])("C56 %s says at once what will not be asked for again: %s", (answer, refusal) => {
    const { events } = exchanged(stateOf(), wanted, answer);
    const givenUp = { kind: "given-up", name: "LinkADRReq", request: asked(stateOf(), wanted)[0], refusal };
    expect(events.slice(1)).toEqual(refusal === undefined ? [] : [givenUp]);
  });

  test.each([
    ["0307", "0306"],
    ["0307", "0305"],
    ["0305", "0307"],
    ["0307", "0303"],
    ["0303", "0307"],
  ])("C55 one refusal in a block refuses the block, also where the answers differ: %s %s", (first, second) => {
    const { state } = exchanged(stateOf({}, us915), secondEight, first + second, inUs915);
    expect(state.current).toEqual(stateOf({}, us915).current);
  });

  test("C56 a refused power is not asked for again; the next higher power is", () => {
    const { state } = exchanged(stateOf(), wanted, "0303");
    expect(asked(state, wanted)).toEqual(["0351070001"]);
  });

  test("C56 a refused data rate is not asked for again; the next one towards the present is", () => {
    const { state } = exchanged(stateOf(), wanted, "0305");
    expect(asked(state, wanted)).toEqual(["0342070001"]);
  });

  test("C56 after a refusal of SF5 SF6 is asked for, and after both nothing between them and SF7", () => {
    const region = regionOf("EU868", "RP002-1.0.5");
    const state = (dataRates: readonly number[]) => ({
      ...stateOf({ dataRate: 5 }),
      linkAdrRefusals: { dataRates, txPowerIndexes: [], enabledChannels: [] },
    });
    const rates = (dataRates: readonly number[]) =>
      asked(state(dataRates), { dataRate: 13, txPowerIndex: 1 }, contextOf({ region })).map(hex =>
        Number.parseInt(hex.slice(2, 3), 16),
      );
    expect([rates([]), rates([13]), rates([12, 13])]).toEqual([[13], [12], [5]]);
  });

  test("C56 refused channels are not asked for again; data rate and power still are", () => {
    const fewer = { ...wanted, enabledChannels: [0, 1] };
    const { state } = exchanged(stateOf(), fewer, "0306");
    expect(asked(state, fewer)).toEqual(["0352070001"]);
  });

  test.each(["0300", "0301", "0303", "0304", "0305", "0306", ""])(
    "C56 answering '%s' for ever ends the asking",
    answer => {
      let state = stateOf();
      let rounds = 0;
      let last: readonly unknown[] = [];
      while (asked(state, wanted).length > 0 && rounds < 100) {
        ({ state, events: last } = exchanged(state, wanted, answer));
        rounds += 1;
      }
      expect(rounds).toBeLessThan(30);
      expect(state.current).toEqual(stateOf().current);
      expect(last).toContainEqual(expect.objectContaining({ kind: "given-up" }));
    },
  );

  test("a device that does not follow ADR takes the channels alone", () => {
    const fewer = { enabledChannels: [0, 1] };
    const { state, events } = exchanged(stateOf({ dataRate: 4 }), fewer, "0301");
    expect(events).toEqual([]);
    expect(state.current).toMatchObject({ enabledChannels: [0, 1], dataRate: 4 });
    const withoutAdr = contextOf({ macVersion: "1.0.3", uplink: { ...contextOf().uplink, adr: false } });
    expect(exchanged(stateOf(), fewer, "0301", withoutAdr).state.current.enabledChannels).toEqual([0, 1]);
  });
});

describe("the device's back-off", () => {
  const steered = stateOf({ channels: fourChannels, enabledChannels: [3], dataRate: 5, txPowerIndex: 4, nbTrans: 2 });

  test("C57 a lower data rate than it was told means full power too", () => {
    const { current, channelsUncertain } = relearn(steered, 3);
    expect(current).toMatchObject({ dataRate: 3, txPowerIndex: 0, nbTrans: 2, enabledChannels: [3] });
    expect(channelsUncertain).toBeUndefined();
  });

  test("C57 at the lowest data rate the next LinkADRReq says the channels in full, until it is accepted", () => {
    const fallen = relearn(steered, 0);
    expect(asked(fallen, { enabledChannels: [3] })).toEqual(["03ff080002"]);
    const { state } = exchanged(fallen, { enabledChannels: [3] }, "0307");
    expect(asked(state, { enabledChannels: [3] })).toEqual([]);
  });

  test("C57 in a fixed plan the masks said in full hold whatever the device has enabled", () => {
    const subBand = [...us915.subBandChannels(2)];
    const fallen = relearn(stateOf({ enabledChannels: subBand, dataRate: 3 }, us915), 0);
    const [block] = asked(fallen, { enabledChannels: subBand }, inUs915);
    const requests = (block?.match(/.{10}/g) ?? []).map(request => Buffer.from(request, "hex"));
    const masks = requests.map(bytes => ({ control: (bytes.at(4) ?? 0) >> 4, mask: bytes.readUInt16LE(2) }));
    for (const actual of [subBand, [...us915.defaultChannels.keys()], [0], [63, 70]]) {
      expect(us915.applyChannelMasks(masks, new Set(actual), us915.defaultChannels)).toEqual(new Set(subBand));
    }
  });

  test("C57 an uplink on a channel that is switched off shows that the device has enabled more", () => {
    expect(relearn(steered, 5, 3)).toEqual(steered);
    expect(asked(relearn(steered, 5, 0), {})).toEqual(["03ff080002"]);
  });

  test("C57 a higher data rate is taken as it is", () => {
    expect(relearn(steered, 6).current).toEqual({ ...steered.current, dataRate: 6 });
  });

  test("C57 a data rate that was asked for is obedience, not back-off", () => {
    const lower = { dataRate: 3, txPowerIndex: 4, nbTrans: 2 };
    const pending = sentState(steered, lower);
    expect(relearn(pending, 3)).toEqual(pending);
    expect(heard("0307", relearn(pending, 3)).state.current).toEqual({ ...steered.current, dataRate: 3 });
  });

  test("C57 what was re-learnt is what the next request starts from", () => {
    const back = { dataRate: 5, txPowerIndex: 4, nbTrans: 2, enabledChannels: [3] };
    expect(asked(relearn(steered, 3), back)).toEqual(["0354080002"]);
  });
});

test("a mask never has channels that are not defined", () => {
  expect(asked(stateOf(), { enabledChannels: [0, 9] }, contextOf({ region: eu868 }))).toEqual(["03ff010001"]);
  expect(asked(stateOf(), { enabledChannels: [9] })).toEqual([]);
});

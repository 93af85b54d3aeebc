import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { handleUplinkCommands, type MacEvent, markSent, packCommands } from "../../../lorawan/mac/engine.ts";
import { requestsFor } from "../../../lorawan/mac/requests.ts";
import type { MacState, WantedMacParameters } from "../../../lorawan/mac/state.ts";
import { macVersions } from "../../../lorawan/version.ts";
import {
  asked,
  channelAt,
  contextOf,
  eu868,
  exchanged,
  fourChannels,
  heard,
  sentState,
  stateOf,
  us915,
} from "./session.ts";
import { bytesOf, hex } from "./vectors.ts";

const group = (text: string) => ({ bytes: bytesOf(text), name: text });
const roundTrip = (state: MacState): unknown => JSON.parse(JSON.stringify(state));

const everything: WantedMacParameters = {
  dataRate: 5,
  txPowerIndex: 3,
  nbTrans: 2,
  rx1DelaySeconds: 5,
  rx2DataRate: 3,
  maxDutyCycleExponent: 1,
  channels: [...eu868.defaultChannels, channelAt(867_100_000, 869_525_000)],
  enabledChannels: [0, 1, 2, 3],
};

describe("requests and their answers", () => {
  test("asks most important first and, version by version, what is new last", () => {
    const context = contextOf({ deviceStatusIntervalSeconds: 60 });
    expect(requestsFor(stateOf({ channels: fourChannels }), everything, context).map(({ name }) => name)).toEqual([
      "RXTimingSetupReq",
      "RXParamSetupReq",
      "LinkADRReq",
      "DutyCycleReq",
      "DevStatusReq",
      "DlChannelReq",
    ]);
  });

  test("asks for what changed since it found nothing to ask for, in wishes, version and region", () => {
    const state = stateOf({ channels: fourChannels });
    const namesFor = (wanted: WantedMacParameters, context = contextOf()) =>
      requestsFor(state, wanted, context).map(({ name }) => name);
    const wishes: WantedMacParameters = { maxDutyCycleExponent: 0 };
    expect(namesFor(wishes)).toEqual([]);
    expect(namesFor(wishes)).toEqual([]);
    expect(namesFor({ maxDutyCycleExponent: 1 })).toEqual(["DutyCycleReq"]);
    const channels = [channelAt(868_100_000, 869_525_000), ...fourChannels.slice(1)];
    const downlinks: WantedMacParameters = { channels };
    expect(namesFor(downlinks, contextOf({ macVersion: "1.0.1" }))).toEqual([]);
    expect(namesFor(downlinks, contextOf({ macVersion: "1.0.4" }))).toEqual(["DlChannelReq"]);
    expect(namesFor(wishes)).toEqual([]);
    expect(namesFor(wishes, contextOf({ deviceStatusIntervalSeconds: 60 }))).toEqual(["DevStatusReq"]);
  });

  test("gives the same state back after an uplink that changes nothing", () => {
    const state = stateOf({ channels: fourChannels });
    expect(handleUplinkCommands(bytesOf(""), state, contextOf()).state).toBe(state);
  });

  test("pairs answers with requests in order and is content afterwards", () => {
    const state = stateOf({ channels: fourChannels });
    const result = exchanged(state, everything, "08050703070a0304");
    expect(result.events).toEqual([]);
    expect(result.state).toMatchObject({ pending: [], current: everything });
    expect(result.state.failures).toEqual({});
    expect(asked(heard("", result.state).state, everything)).toEqual([]);
  });

  test("C58 a first sticky answer already makes a downlink due; other answers do not", () => {
    expect(exchanged(stateOf(), { maxDutyCycleExponent: 1 }, "04").needsDownlink).toBe(false);
    expect(exchanged(stateOf(), { rx1DelaySeconds: 2 }, "08").needsDownlink).toBe(true);
  });

  test.each(["0307", "04", "050707", "06ff1f", "0703", "08", "0a03", "1103", "1301"])(
    "C62 the answer %s that nobody asked for is ignored",
    answer => {
      const { state, answers, needsDownlink, events } = heard(answer, stateOf());
      expect(state).toEqual(stateOf());
      expect(answers).toEqual([]);
      expect(needsDownlink).toBe(false);
      expect(events[0]?.kind).toBe("unsolicited-answer");
    },
  );

  test("C62 a second answer to one request is ignored", () => {
    const { state, events } = exchanged(stateOf(), { channels: fourChannels }, "07030700");
    expect(state.current.enabledChannels).toEqual([0, 1, 2, 3]);
    expect(events).toEqual([{ kind: "unsolicited-answer", name: "NewChannelAns" }]);
  });

  test("C56 a request without an answer is asked three times and then given up", () => {
    let state = stateOf();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(asked(state, { rx1DelaySeconds: 2 })).toEqual(["0802"]);
      const result = exchanged(state, { rx1DelaySeconds: 2 }, "");
      expect(result.state.failures).toEqual({ "0802": attempt });
      expect(result.events).toEqual(
        attempt === 3 ? [{ kind: "given-up", name: "RXTimingSetupReq", request: "0802" }] : [],
      );
      state = result.state;
    }
    expect(asked(state, { rx1DelaySeconds: 2 })).toEqual([]);
    expect(asked(state, { rx1DelaySeconds: 3 })).toEqual(["0803"]);
  });

  test("C56 an answer at last clears what was counted", () => {
    const once = exchanged(stateOf(), { rx1DelaySeconds: 2 }, "").state;
    expect(exchanged(once, { rx1DelaySeconds: 2 }, "08").state.failures).toEqual({});
  });

  test("C57 a request that was given up without an answer is tried again after longer and longer rests", () => {
    const wanted = { rx1DelaySeconds: 2 };
    let state = stateOf();
    const tries: number[] = [];
    for (let uplink = 0; uplink < 200; uplink += 1) {
      if (asked(state, wanted).length > 0) tries.push(uplink);
      state = exchanged(state, wanted, "").state;
    }
    expect(tries).toEqual([0, 1, 2, 11, 28, 61, 126, 191]);
    while (asked(state, wanted).length === 0) state = exchanged(state, wanted, "").state;
    const answered = exchanged(state, wanted, "08").state;
    expect(answered).toMatchObject({ current: wanted });
    expect(answered.failures).toEqual({});
    expect(answered.resting).toBeUndefined();
  });

  test("C56 a refused request never rests", () => {
    let state = stateOf();
    let tries = 0;
    const events: MacEvent[] = [];
    for (let uplink = 0; uplink < 80; uplink += 1) {
      tries += asked(state, { channels: fourChannels }).length;
      const result = exchanged(state, { channels: fourChannels }, "0701");
      state = result.state;
      events.push(...result.events.filter(({ kind }) => kind === "given-up"));
    }
    expect(tries).toBe(3);
    const request = asked(stateOf(), { channels: fourChannels })[0];
    expect(events).toEqual([
      { kind: "given-up", name: "NewChannelReq", request, refusal: "channel 3: dataRateRangeOk" },
    ]);
  });

  test("what is pending is not asked again before an uplink", () => {
    expect(asked(sentState(stateOf(), { rx1DelaySeconds: 2 }), { rx1DelaySeconds: 2 })).toEqual([]);
  });

  test("C52 what stands before an unknown command still counts", () => {
    const { state, events } = exchanged(stateOf(), { rx1DelaySeconds: 2 }, "08ff02");
    expect(state.current.rx1DelaySeconds).toBe(2);
    expect(events).toEqual([{ kind: "unknown-command", cid: 0xff }]);
  });

  test("counted failures stay bounded", () => {
    let state = stateOf();
    for (let frequencyHz = 863_000_000; frequencyHz < 863_020_000; frequencyHz += 100) {
      state = exchanged(state, { rx2FrequencyHz: frequencyHz }, "").state;
    }
    expect(Object.keys(state.failures).length).toBeLessThanOrEqual(64);
  });
});

describe("packing", () => {
  const answers = [bytesOf("020a01"), bytesOf("0d0000000000")];
  const requests = [group("0352070001"), group("0802")];

  test("puts answers first and groups in order", () => {
    const packed = packCommands(answers, requests, 51);
    expect(hex(packed.bytes)).toBe("020a010d000000000003520700010802");
    expect(packed).toMatchObject({ sent: requests, complete: true });
  });

  test.each([
    [15, 1],
    [13, 0],
    [9, 0],
    [8, 0],
    [2, 0],
    [0, 0],
  ])("into %d bytes never splits a group", (limit, sent) => {
    const packed = packCommands(answers, requests, limit);
    expect(packed.sent).toHaveLength(sent);
    expect(packed.complete).toBe(false);
    expect(packed.bytes.length).toBeLessThanOrEqual(limit);
  });

  test("C55 a block of LinkADRReq waits as a whole", () => {
    const context = contextOf({ region: us915 });
    const wanted = { enabledChannels: [8, 9], dataRate: 3 };
    const block = requestsFor(stateOf({}, us915), wanted, context);
    expect(packCommands([], block, 9)).toMatchObject({ sent: [], complete: false });
    expect(packCommands([], block, 10).complete).toBe(true);
  });

  test("sent groups are what the state remembers", () => {
    const { sent } = packCommands([], requests, 6);
    expect(markSent(stateOf(), sent, 0).pending).toEqual(["0352070001"]);
  });
});

describe("whatever a device sends", () => {
  const states: readonly MacState[] = [
    stateOf(),
    sentState(stateOf({ channels: fourChannels }), everything, contextOf({ deviceStatusIntervalSeconds: 1 })),
    sentState(stateOf({}, us915), { enabledChannels: [8, 9], dataRate: 3 }, contextOf({ region: us915 })),
    sentState(
      stateOf(),
      { rejoinMaxCountExponent: 1, rejoinMaxTimeExponent: 1, adrAckLimitExponent: 2 },
      contextOf({ macVersion: "1.1.0" }),
    ),
  ];
  // Mostly CIDs and short status bytes, so that answers to what is pending do come up.
  const likely = fc.uint8Array({ max: 0x20, maxLength: 40 });
  const uplinks = fc.array(fc.oneof(likely, fc.uint8Array({ maxLength: 60 })), { maxLength: 5 });

  test.each(macVersions)("C52 the engine never throws, and its state survives JSON, under %s", macVersion => {
    fc.assert(
      fc.property(uplinks, fc.nat(states.length - 1), (frames, place) => {
        const context = contextOf({ macVersion, region: place === 2 ? us915 : eu868 });
        let state = states[place] ?? stateOf();
        for (const frame of frames) {
          const result = handleUplinkCommands(frame, state, context);
          expect(result.state.pending).toEqual([]);
          expect(roundTrip(result.state)).toEqual(result.state);
          state = markSent(result.state, requestsFor(result.state, place === 2 ? {} : everything, context), 0);
        }
      }),
    );
  });
});

test("the state survives JSON with everything pending", () => {
  const state = sentState(stateOf({ channels: fourChannels }), everything);
  expect(state.pending.length).toBeGreaterThan(3);
  expect(roundTrip(state)).toEqual(state);
  expect(heard("0805070307040a03", JSON.parse(JSON.stringify(state))).state.current).toMatchObject(everything);
});

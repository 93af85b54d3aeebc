import { describe, expect, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { answerMacCommands } from "../../simulators/device-mac.ts";
import { defaultParameters } from "../../simulators/device-state.ts";
import { createVirtualRadio } from "../support/virtual-radio.ts";
import { answerInRx1, createTinyServer, downlinkFrame, keys } from "./tiny-server.ts";

const eu868 = regionOf("EU868", "RP002-1.0.3");
const as923 = regionOf("AS923", "RP002-1.0.3");
const us915 = regionOf("US915", "RP002-1.0.3");
const context = { region: eu868, battery: 200, snrDb: -7, adr: true };

const answer = (hex: string, region = eu868) => {
  const parameters = defaultParameters(region, 3);
  const outcome = answerMacCommands(Buffer.from(hex, "hex"), parameters, { ...context, region });
  return { ...outcome, before: parameters, bytes: outcome.answers.map(({ bytes }) => bytes) };
};

describe("MAC answers", () => {
  test("C55 a block of LinkADRReq is taken as a whole", () => {
    // DR5, power 2, channels 0 and 1, NbTrans 2; then all three channels.
    const { bytes, parameters } = answer("0352030001" + "0352070002");
    expect(bytes).toEqual(["0307", "0307"]);
    expect(parameters).toMatchObject({ dataRate: 5, txPowerIndex: 2, nbTrans: 2, enabledChannels: [0, 1, 2] });
  });

  test("C56 a block with one bad mask changes nothing and says which part is wrong", () => {
    const { bytes, parameters, before } = answer("0352030001" + "0352100001");
    expect(bytes).toEqual(["0306", "0306"]);
    expect(parameters).toEqual(before);
  });

  test("a data rate or power that the region lacks is refused", () => {
    expect(answer("03f2070001").parameters.dataRate).toBe(3);
    expect(answer("03e2070001").bytes).toEqual(["0305"]);
    expect(answer("035e070001").bytes).toEqual(["0303"]);
  });

  test("C58 RXParamSetup, RXTimingSetup and DlChannel answers are sticky", () => {
    const { answers, parameters } = answer("05" + "23" + "d2ad84" + "0803" + "0a00" + "184f84");
    expect(answers).toEqual([
      { bytes: "0507", sticky: true },
      { bytes: "08", sticky: true },
      { bytes: "0a03", sticky: true },
    ]);
    expect(parameters).toMatchObject({
      rx1DrOffset: 2,
      rx2DataRate: 3,
      rx2FrequencyHz: 869_525_000,
      rx1DelaySeconds: 3,
    });
    expect(parameters.channels[0]?.downlinkFrequencyHz).toBe(867_100_000);
  });

  test("C59 a new channel is defined and removed, and a default channel is not touched", () => {
    expect(answer("0703" + "184f84" + "50").parameters.channels[3]?.uplinkFrequencyHz).toBe(867_100_000);
    expect(answer("0703184f8450" + "070300000050").parameters.enabledChannels).toEqual([0, 1, 2]);
    expect(answer("0701" + "184f84" + "50").bytes).toEqual(["0700"]);
    expect(answer("0703184f8450", us915).bytes).toEqual([]);
  });

  test("C61 DevStatusAns has the battery and the SNR in six bits", () => {
    expect(answer("06").bytes).toEqual(["06c839"]);
  });

  test("C60 TxParamSetupReq is answered only where it exists", () => {
    expect(answer("0935").bytes).toEqual([]);
    const { bytes, parameters } = answer("0935", as923);
    expect(bytes).toEqual(["09"]);
    expect(parameters).toMatchObject({ uplinkDwellTime: true, downlinkDwellTime: true, maxEirpDbm: 16 });
  });

  test("C52 the first unknown command ends parsing, a truncated one too", () => {
    expect(answer("06" + "7f" + "06")).toMatchObject({
      bytes: ["06c839"],
      reports: [{ kind: "unknown-command", cid: 0x7f }],
    });
    expect(answer("0605")).toMatchObject({ bytes: ["06c839"], reports: [{ kind: "truncated-command", cid: 5 }] });
  });

  test("DutyCycleReq, LinkCheckAns and DeviceTimeAns", () => {
    expect(answer("0404")).toMatchObject({ bytes: ["04"], parameters: { maxDutyCycleExponent: 4 } });
    expect(answer("021403").reports).toEqual([{ kind: "link-check", marginDb: 20, gatewayCount: 3 }]);
    expect(answer("0d0a00000080").reports).toEqual([{ kind: "device-time", gpsTimeMs: 10_500 }]);
  });

  test("C58 a sticky answer is repeated until a downlink arrives, any other is sent once", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server, frame => {
      if (server.frames.length === 1) server.send(answerInRx1(frame, downlinkFrame({ fCnt: 0, fOpts: "080106" })));
      if (server.frames.length === 3) server.send(answerInRx1(frame, downlinkFrame({ fCnt: 1 })));
    });
    const { device } = radio.device({ personalization: keys, battery: 7 });
    for (let count = 0; count < 4; count += 1) {
      device.send({ fPort: 1, payload: Uint8Array.of(1) });
      await radio.clock.advance(10_000);
    }
    const fOpts = server.frames.map(({ data }) => {
      const frame = Buffer.from(data, "base64");
      return frame.subarray(8, 8 + ((frame[5] ?? 0) & 0x0f)).toString("hex");
    });
    expect(fOpts).toEqual(["", "0806070d", "08", ""]);
    radio.stop();
  });
});

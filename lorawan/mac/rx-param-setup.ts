import { acceptedWith, networkInitiated, refused, refusedBits } from "./command.ts";
import { flagByte, hasBit, type Message, readFrequency, unsigned, writeFrequency } from "./message.ts";

export type RXParamSetupReq = {
  readonly rx1DrOffset: number;
  readonly rx2DataRate: number;
  readonly rx2FrequencyHz: number;
};

export type RXParamSetupAns = {
  readonly channelAck: boolean;
  readonly rx2DataRateAck: boolean;
  readonly rx1DrOffsetAck: boolean;
};

export const rxParamSetupReq: Message<RXParamSetupReq> = {
  cid: 0x05,
  name: "RXParamSetupReq",
  length: 4,
  decode: payload => ({
    rx1DrOffset: (payload.getUint8(0) >> 4) & 0x07,
    rx2DataRate: payload.getUint8(0) & 0x0f,
    rx2FrequencyHz: readFrequency(payload, 1),
  }),
  encode: (value, payload) => {
    const offset = unsigned("RX1DROffset", value.rx1DrOffset, 3);
    payload.setUint8(0, (offset << 4) | unsigned("RX2DataRate", value.rx2DataRate, 4));
    writeFrequency(payload, 1, "Frequency", value.rx2FrequencyHz);
  },
};

export const rxParamSetupAns: Message<RXParamSetupAns> = {
  cid: 0x05,
  name: "RXParamSetupAns",
  length: 1,
  decode: payload => {
    const status = payload.getUint8(0);
    return { channelAck: hasBit(status, 0), rx2DataRateAck: hasBit(status, 1), rx1DrOffsetAck: hasBit(status, 2) };
  },
  encode: (value, payload) => {
    payload.setUint8(0, flagByte(value.channelAck, value.rx2DataRateAck, value.rx1DrOffsetAck));
  },
};

/** TS001-1.0.4 5.4: the three settings hold together or not at all. */
export const rxParamSetup = networkInitiated({
  since: "1.0.0",
  request: rxParamSetupReq,
  response: rxParamSetupAns,
  sticky: true,
  wanted: ({ current }, wanted) => {
    const rx1DrOffset = wanted.rx1DrOffset ?? current.rx1DrOffset;
    const rx2DataRate = wanted.rx2DataRate ?? current.rx2DataRate;
    const rx2FrequencyHz = wanted.rx2FrequencyHz ?? current.rx2FrequencyHz;
    const isInForce =
      rx1DrOffset === current.rx1DrOffset &&
      rx2DataRate === current.rx2DataRate &&
      rx2FrequencyHz === current.rx2FrequencyHz;
    return isInForce ? [] : [{ rx1DrOffset, rx2DataRate, rx2FrequencyHz }];
  },
  accept: (state, request, answer) => {
    const bits = refusedBits(answer);
    return bits === "" ? acceptedWith(state, request) : refused(state, bits);
  },
});

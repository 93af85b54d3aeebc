import { acceptedWith, networkInitiated, refused, refusedBits } from "./command.ts";
import { flagByte, hasBit, type Message, readFrequency, unsigned, writeFrequency } from "./message.ts";

export type PingSlotChannelReq = {
  /** 0: the region's own. */
  readonly frequencyHz: number;
  readonly dataRate: number;
};

export type PingSlotChannelAns = {
  readonly channelFrequencyOk: boolean;
  readonly dataRateOk: boolean;
};

export const pingSlotChannelReq: Message<PingSlotChannelReq> = {
  cid: 0x11,
  name: "PingSlotChannelReq",
  length: 4,
  decode: payload => ({ frequencyHz: readFrequency(payload, 0), dataRate: payload.getUint8(3) & 0x0f }),
  encode: (value, payload) => {
    writeFrequency(payload, 0, "Frequency", value.frequencyHz);
    payload.setUint8(3, unsigned("DataRate", value.dataRate, 4));
  },
};

export const pingSlotChannelAns: Message<PingSlotChannelAns> = {
  cid: 0x11,
  name: "PingSlotChannelAns",
  length: 1,
  decode: payload => ({
    channelFrequencyOk: hasBit(payload.getUint8(0), 0),
    dataRateOk: hasBit(payload.getUint8(0), 1),
  }),
  encode: (value, payload) => {
    payload.setUint8(0, flagByte(value.channelFrequencyOk, value.dataRateOk));
  },
};

/** TS001-1.0.4 12.2: its answer, too, is repeated until a class A downlink arrives. */
export const pingSlotChannel = networkInitiated({
  since: "1.0.0",
  request: pingSlotChannelReq,
  response: pingSlotChannelAns,
  sticky: true,
  wanted: ({ current }, wanted, { region }) => {
    const frequencyHz = wanted.pingSlotFrequencyHz ?? current.pingSlotFrequencyHz ?? 0;
    const dataRate = wanted.pingSlotDataRate ?? current.pingSlotDataRate ?? region.pingSlot.dataRate;
    const isInForce =
      frequencyHz === (current.pingSlotFrequencyHz ?? 0) &&
      dataRate === (current.pingSlotDataRate ?? region.pingSlot.dataRate);
    return isInForce ? [] : [{ frequencyHz, dataRate }];
  },
  accept: (state, { frequencyHz, dataRate }, answer) => {
    const bits = refusedBits(answer);
    return bits === ""
      ? acceptedWith(state, { pingSlotFrequencyHz: frequencyHz, pingSlotDataRate: dataRate })
      : refused(state, bits);
  },
});

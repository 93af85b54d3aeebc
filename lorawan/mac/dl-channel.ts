import { acceptedWith, networkInitiated, refused, refusedBits } from "./command.ts";
import { flagByte, hasBit, type Message, readFrequency, unsigned, writeFrequency } from "./message.ts";

export type DlChannelReq = {
  readonly channelIndex: number;
  /** RX1 of this channel from now on. */
  readonly frequencyHz: number;
};

export type DlChannelAns = {
  readonly channelFrequencyOk: boolean;
  readonly uplinkFrequencyExists: boolean;
};

export const dlChannelReq: Message<DlChannelReq> = {
  cid: 0x0a,
  name: "DlChannelReq",
  length: 4,
  decode: payload => ({ channelIndex: payload.getUint8(0), frequencyHz: readFrequency(payload, 1) }),
  encode: (value, payload) => {
    payload.setUint8(0, unsigned("ChIndex", value.channelIndex, 8));
    writeFrequency(payload, 1, "Freq", value.frequencyHz);
  },
};

export const dlChannelAns: Message<DlChannelAns> = {
  cid: 0x0a,
  name: "DlChannelAns",
  length: 1,
  decode: payload => ({
    channelFrequencyOk: hasBit(payload.getUint8(0), 0),
    uplinkFrequencyExists: hasBit(payload.getUint8(0), 1),
  }),
  encode: (value, payload) => {
    payload.setUint8(0, flagByte(value.channelFrequencyOk, value.uplinkFrequencyExists));
  },
};

/** TS001-1.0.4 5.6: where NewChannelReq exists, for channels that the device has by now. */
export const dlChannel = networkInitiated({
  since: "1.0.2",
  request: dlChannelReq,
  response: dlChannelAns,
  sticky: true,
  wanted: ({ current }, { channels }, { region }) => {
    if (region.plan === "fixed" || channels === undefined) return [];
    return channels.flatMap((channel, channelIndex) => {
      const present = current.channels[channelIndex];
      if (channel === undefined || channel.uplinkFrequencyHz !== present?.uplinkFrequencyHz) return [];
      if (channel.downlinkFrequencyHz === present.downlinkFrequencyHz) return [];
      return [{ channelIndex, frequencyHz: channel.downlinkFrequencyHz }];
    });
  },
  accept: (state, { channelIndex, frequencyHz }, answer) => {
    const bits = refusedBits(answer);
    if (bits !== "") return refused(state, `channel ${channelIndex}: ${bits}`);
    return acceptedWith(state, {
      channels: state.current.channels.map((channel, index) =>
        channel && index === channelIndex ? { ...channel, downlinkFrequencyHz: frequencyHz } : channel,
      ),
    });
  },
});

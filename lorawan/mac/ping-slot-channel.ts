import type { Region } from "../region/region.ts";
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

interface PingSlotParameters {
  readonly pingSlotFrequencyHz?: number;
  readonly pingSlotDataRate?: number;
}

/** What a device's ping slots use: what it was told, else what it was built with, else the region's own, which is 0 Hz. */
export const pingSlotChannelOf = (
  current: PingSlotParameters,
  region: Region,
  builtWith: PingSlotParameters = {},
): PingSlotChannelReq => ({
  frequencyHz: current.pingSlotFrequencyHz ?? builtWith.pingSlotFrequencyHz ?? 0,
  dataRate: current.pingSlotDataRate ?? builtWith.pingSlotDataRate ?? region.pingSlot.dataRate,
});

/** TS001-1.0.4 12.2: its answer, too, is repeated until a class A downlink arrives. */
export const pingSlotChannel = networkInitiated({
  since: "1.0.0",
  request: pingSlotChannelReq,
  response: pingSlotChannelAns,
  sticky: true,
  wanted: ({ current }, wanted, { region, pingSlots }) => {
    const present = pingSlotChannelOf(current, region, pingSlots);
    const { frequencyHz, dataRate } = pingSlotChannelOf(wanted, region, {
      pingSlotFrequencyHz: present.frequencyHz,
      pingSlotDataRate: present.dataRate,
    });
    const isInForce = frequencyHz === present.frequencyHz && dataRate === present.dataRate;
    return isInForce ? [] : [{ frequencyHz, dataRate }];
  },
  accept: (state, { frequencyHz, dataRate }, answer) => {
    const bits = refusedBits(answer);
    return bits === ""
      ? acceptedWith(state, { pingSlotFrequencyHz: frequencyHz, pingSlotDataRate: dataRate })
      : refused(state, bits);
  },
});

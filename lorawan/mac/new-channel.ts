import type { Channel, ChannelPlan } from "../region/region.ts";
import { acceptedWith, type CommandContext, isGivenUp, networkInitiated, refused, refusedBits } from "./command.ts";
import {
  decodeMessage,
  encodeMessage,
  flagByte,
  hasBit,
  type Message,
  readFrequency,
  unsigned,
  writeFrequency,
} from "./message.ts";
import type { MacState, WantedMacParameters } from "./state.ts";

export type NewChannelReq = {
  readonly channelIndex: number;
  /** 0 takes the channel away. */
  readonly frequencyHz: number;
  readonly minDataRate: number;
  /** Under `minDataRate` the two together say something else: see `ratesOf`. */
  readonly maxDataRate: number;
};

export type NewChannelAns = {
  readonly channelFrequencyOk: boolean;
  readonly dataRateRangeOk: boolean;
};

export const newChannelReq: Message<NewChannelReq> = {
  cid: 0x07,
  name: "NewChannelReq",
  length: 5,
  decode: payload => ({
    channelIndex: payload.getUint8(0),
    frequencyHz: readFrequency(payload, 1),
    minDataRate: payload.getUint8(4) & 0x0f,
    maxDataRate: payload.getUint8(4) >> 4,
  }),
  encode: (value, payload) => {
    payload.setUint8(0, unsigned("ChIndex", value.channelIndex, 8));
    writeFrequency(payload, 1, "Freq", value.frequencyHz);
    const max = unsigned("MaxDR", value.maxDataRate, 4);
    payload.setUint8(4, (max << 4) | unsigned("MinDR", value.minDataRate, 4));
  },
};

export const newChannelAns: Message<NewChannelAns> = {
  cid: 0x07,
  name: "NewChannelAns",
  length: 1,
  decode: payload => ({
    channelFrequencyOk: hasBit(payload.getUint8(0), 0),
    dataRateRangeOk: hasBit(payload.getUint8(0), 1),
  }),
  encode: (value, payload) => {
    payload.setUint8(0, flagByte(value.channelFrequencyOk, value.dataRateRangeOk));
  },
};

const isSameUplink = (left: Channel | undefined, right: Channel | undefined): boolean =>
  left === undefined || right === undefined
    ? left === right
    : left.uplinkFrequencyHz === right.uplinkFrequencyHz &&
      left.minDataRate === right.minDataRate &&
      left.maxDataRate === right.maxDataRate &&
      left.fastDataRates === right.fastDataRates;

type ChannelRates = Pick<Channel, "minDataRate" | "maxDataRate" | "fastDataRates">;

/** What fast rates come on top of in every region that knows them. */
export const maxDataRateBesideFast = 5;

// From RP002-1.0.5 on, MaxDR 0 under a MinDR of n + 1 is DRn to DR5 with SF6 and SF5 on top; before, a range that ends
// before it begins was refused.
const ratesOf = ({ minDataRate, maxDataRate }: NewChannelReq): ChannelRates =>
  maxDataRate === 0 && minDataRate > 0
    ? { minDataRate: minDataRate - 1, maxDataRate: maxDataRateBesideFast, fastDataRates: true }
    : { minDataRate, maxDataRate };

const rangeOf = ({ minDataRate, maxDataRate, fastDataRates }: ChannelRates): ChannelRates =>
  fastDataRates ? { minDataRate: minDataRate + 1, maxDataRate: 0 } : { minDataRate, maxDataRate };

const requestFor = (channelIndex: number, channel: Channel | undefined): NewChannelReq => ({
  channelIndex,
  frequencyHz: channel?.uplinkFrequencyHz ?? 0,
  ...rangeOf(channel ?? { minDataRate: 0, maxDataRate: 0 }),
});

/** TS001-1.0.4 5.6: not for fixed plans, and never for the region's default channels. */
function wantedChannels(
  { current }: MacState,
  wanted: WantedMacParameters,
  { region }: CommandContext,
): NewChannelReq[] {
  const channels = wanted.channels;
  if (region.plan === "fixed" || channels === undefined) return [];
  const end = Math.min(Math.max(channels.length, current.channels.length), region.maxChannels);
  const requests: NewChannelReq[] = [];
  for (let index = region.defaultChannels.length; index < end; index += 1) {
    if (!isSameUplink(channels[index], current.channels[index])) requests.push(requestFor(index, channels[index]));
  }
  return requests;
}

/** Channels are on their way that a mask made from today's channels would switch off again. */
export const awaitsChannels = (state: MacState, wanted: WantedMacParameters, context: CommandContext): boolean =>
  wantedChannels(state, wanted, context).some(request => !isGivenUp(state, encodeMessage(newChannelReq, request)));

function withChannel(channels: ChannelPlan, request: NewChannelReq): ChannelPlan {
  const { frequencyHz } = request;
  const length = Math.max(channels.length, request.channelIndex + 1);
  const channel: Channel | undefined =
    frequencyHz === 0
      ? undefined
      : { uplinkFrequencyHz: frequencyHz, downlinkFrequencyHz: frequencyHz, ...ratesOf(request) };
  return Array.from({ length }, (_, index) => (index === request.channelIndex ? channel : channels[index]));
}

/**
 * The channels that an uplink may come on: those of today, and those of requests that the device may have heard and
 * answers with this very uplink. LoRaWAN 1.1 signs the channel's number (TS001-1.1 4.4.2).
 */
export const channelsInSight = ({ current, pending }: MacState): ChannelPlan =>
  pending.length === 0 ? current.channels : withPending(current.channels, pending);

const withPending = (channels: ChannelPlan, pending: MacState["pending"]): ChannelPlan =>
  pending
    .map(request => Buffer.from(request, "hex"))
    .filter(([cid]) => cid === newChannelReq.cid)
    .map(request => decodeMessage(newChannelReq, request.subarray(1)))
    .filter(({ channelIndex, frequencyHz }) => frequencyHz > 0 && channels[channelIndex] === undefined)
    .reduce(withChannel, channels);

export const newChannel = networkInitiated({
  since: "1.0.0",
  request: newChannelReq,
  response: newChannelAns,
  wanted: wantedChannels,
  accept: (state, request, answer) => {
    const bits = refusedBits(answer);
    if (bits !== "") return refused(state, `channel ${request.channelIndex}: ${bits}`);
    const others = state.current.enabledChannels.filter(index => index !== request.channelIndex);
    // TS001-1.0.4 5.6: a channel is in use as soon as it exists.
    const enabled = request.frequencyHz === 0 ? others : [...others, request.channelIndex];
    return acceptedWith(state, {
      channels: withChannel(state.current.channels, request),
      enabledChannels: enabled.sort((left, right) => left - right),
    });
  },
});

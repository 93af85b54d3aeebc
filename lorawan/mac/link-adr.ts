import type { ChannelMask, ChannelPlan, Region } from "../region/region.ts";
import type { MacVersion } from "../version.ts";
import {
  type Acceptance,
  accepted,
  type CommandContext,
  existsIn,
  networkInitiatedBlock,
  refused,
  refusedBits,
} from "./command.ts";
import { flagByte, hasBit, type Message, unsigned } from "./message.ts";
import { awaitsChannels } from "./new-channel.ts";
import type { LinkAdrRefusals, MacParameters, MacState, WantedMacParameters } from "./state.ts";

export type LinkADRReq = {
  /** 15 from LoRaWAN 1.0.4 on: stays as it is. */
  readonly dataRate: number;
  /** As `dataRate`. */
  readonly txPowerIndex: number;
  readonly channelMask: number;
  readonly channelMaskControl: number;
  readonly nbTrans: number;
};

export type LinkADRAns = {
  readonly channelMaskAck: boolean;
  readonly dataRateAck: boolean;
  readonly powerAck: boolean;
};

export const linkAdrReq: Message<LinkADRReq> = {
  cid: 0x03,
  name: "LinkADRReq",
  length: 4,
  decode: payload => ({
    dataRate: payload.getUint8(0) >> 4,
    txPowerIndex: payload.getUint8(0) & 0x0f,
    channelMask: payload.getUint16(1, true),
    channelMaskControl: (payload.getUint8(3) >> 4) & 0x07,
    nbTrans: payload.getUint8(3) & 0x0f,
  }),
  encode: (value, payload) => {
    const dataRate = unsigned("DataRate", value.dataRate, 4);
    payload.setUint8(0, (dataRate << 4) | unsigned("TXPower", value.txPowerIndex, 4));
    payload.setUint16(1, unsigned("ChMask", value.channelMask, 16), true);
    const control = unsigned("ChMaskCntl", value.channelMaskControl, 3);
    payload.setUint8(3, (control << 4) | unsigned("NbTrans", value.nbTrans, 4));
  },
};

export const linkAdrAns: Message<LinkADRAns> = {
  cid: 0x03,
  name: "LinkADRAns",
  length: 1,
  decode: payload => {
    const status = payload.getUint8(0);
    return { channelMaskAck: hasBit(status, 0), dataRateAck: hasBit(status, 1), powerAck: hasBit(status, 2) };
  },
  encode: (value, payload) => {
    payload.setUint8(0, flagByte(value.channelMaskAck, value.dataRateAck, value.powerAck));
  },
};

/** DataRate and TXPower that mean "as it is" (TS001-1.0.4 5.2). */
export const keep = 15;
const canKeep = (version: MacVersion): boolean => existsIn({ since: "1.0.4" }, version);

const noRefusals: LinkAdrRefusals = { dataRates: [], txPowerIndexes: [], enabledChannels: [] };
/** Enough for a session; the oldest refusal goes when a new one comes. */
const refusalsKept = 16;

/** From `wanted` towards `current`, the first value that the device has not refused. */
function nearestAllowed(wanted: number, current: number, refusals: readonly number[]): number {
  let value = wanted;
  while (value !== current && refusals.includes(value)) value += value > current ? -1 : 1;
  return value;
}

/**
 * The same for data rates, of which a region leaves numbers out or means something else by them: only those that ADR
 * chooses among are tried in between.
 */
function nearestDataRate(wanted: number, current: number, refusals: readonly number[], region: Region): number {
  if (!refusals.includes(wanted)) return wanted;
  const choices = [...Array.from({ length: region.maxAdrDataRate + 1 }, (_, index) => index), ...region.fastDataRates];
  const between = choices.filter(dataRate => (dataRate - wanted) * (dataRate - current) < 0);
  const towards = wanted > current ? between.reverse() : between;
  return towards.find(dataRate => !refusals.includes(dataRate)) ?? current;
}

/** The channels to switch on: those wanted that exist by now; the present ones if none of them does or all were refused. */
function channelsToEnable(state: MacState, wanted: WantedMacParameters, refusals: LinkAdrRefusals): readonly number[] {
  const { channels, enabledChannels } = state.current;
  const existing = (wanted.enabledChannels ?? enabledChannels).filter(index => channels[index] !== undefined);
  return existing.length === 0 || refusals.enabledChannels.includes(existing.join(",")) ? enabledChannels : existing;
}

const definedChannels = (channels: ChannelPlan): readonly number[] =>
  channels.flatMap((channel, index) => (channel ? [index] : []));

function masksFor(state: MacState, enable: readonly number[], region: Region): readonly ChannelMask[] {
  const { channels, enabledChannels } = state.current;
  const goal = new Set(enable);
  if (!state.channelsUncertain) return region.channelMasks(goal, new Set(enabledChannels), channels);
  // From the very opposite every channel has to be said, so that the result does not depend on where the device is.
  const opposite = new Set(definedChannels(channels).filter(index => !goal.has(index)));
  return region.channelMasks(goal, opposite, channels);
}

/** A LinkADRReq always has a mask: this one leaves the channels as they are. */
const presentMask = ({ enabledChannels }: MacParameters): ChannelMask => ({
  control: 0,
  mask: enabledChannels.reduce((mask, index) => (index < 16 ? mask | (1 << index) : mask), 0),
});

function wantedBlock(
  state: MacState,
  wanted: WantedMacParameters,
  context: CommandContext,
): readonly (readonly LinkADRReq[])[] {
  const { current, linkAdrRefusals: refusals = noRefusals } = state;
  if (current.enabledChannels.length === 0 || awaitsChannels(state, wanted, context)) return [];
  const rate = wanted.dataRate ?? current.dataRate;
  const dataRate = nearestDataRate(rate, current.dataRate, refusals.dataRates, context.region);
  const power = wanted.txPowerIndex ?? current.txPowerIndex;
  const txPowerIndex = nearestAllowed(power, current.txPowerIndex, refusals.txPowerIndexes);
  const nbTrans = wanted.nbTrans ?? current.nbTrans;
  const masks = masksFor(state, channelsToEnable(state, wanted, refusals), context.region);
  const isInForce =
    dataRate === current.dataRate && txPowerIndex === current.txPowerIndex && nbTrans === current.nbTrans;
  if (isInForce && masks.length === 0) return [];
  const mayKeep = canKeep(context.macVersion);
  const settings = {
    dataRate: wanted.dataRate === undefined && mayKeep ? keep : dataRate,
    txPowerIndex: wanted.txPowerIndex === undefined && mayKeep ? keep : txPowerIndex,
    nbTrans,
  };
  const block = masks.length === 0 ? [presentMask(current)] : masks;
  return [block.map(({ control, mask }) => ({ ...settings, channelMask: mask, channelMaskControl: control }))];
}

const orKeep = (value: number, current: number): number => (value === keep ? current : value);

interface Settlement {
  readonly state: MacState;
  readonly last: LinkADRReq;
  /** What the block's masks make of the channels in use. */
  readonly enabledChannels: readonly number[];
}

function applied({ state, last, enabledChannels }: Settlement, withRates: boolean): MacState {
  const { current } = state;
  const { channelsUncertain: _, ...certain } = state;
  const rates = withRates
    ? {
        dataRate: orKeep(last.dataRate, current.dataRate),
        txPowerIndex: orKeep(last.txPowerIndex, current.txPowerIndex),
      }
    : {};
  return { ...certain, current: { ...current, ...rates, nbTrans: Math.max(last.nbTrans, 1), enabledChannels } };
}

const remembered = <Item>(list: readonly Item[], item: Item): readonly Item[] =>
  list.includes(item) ? list : [...list, item].slice(-refusalsKept);

/**
 * A device that refuses one thing says so by one bit, and that thing is not asked for again. With ChMask refused the
 * other bits say little, because they were judged under that mask; with no bit set nobody knows what was wrong.
 */
function withRefusals({ state, last, enabledChannels }: Settlement, answer: LinkADRAns): MacState {
  const { linkAdrRefusals: before = noRefusals } = state;
  if (!answer.channelMaskAck) {
    if (!answer.dataRateAck && !answer.powerAck) return state;
    const channels = remembered(before.enabledChannels, enabledChannels.join(","));
    return { ...state, linkAdrRefusals: { ...before, enabledChannels: channels } };
  }
  return {
    ...state,
    linkAdrRefusals: {
      ...before,
      dataRates: answer.dataRateAck ? before.dataRates : remembered(before.dataRates, last.dataRate),
      txPowerIndexes: answer.powerAck ? before.txPowerIndexes : remembered(before.txPowerIndexes, last.txPowerIndex),
    },
  };
}

const hasNewRefusals = (before: LinkAdrRefusals = noRefusals, after: LinkAdrRefusals = noRefusals): boolean =>
  before.dataRates !== after.dataRates ||
  before.txPowerIndexes !== after.txPowerIndexes ||
  before.enabledChannels !== after.enabledChannels;

/** TS001-1.0.4 5.2: DataRate, TXPower and NbTrans of the last request count, and one bit refused refuses the block. */
function acceptBlock(
  state: MacState,
  block: readonly LinkADRReq[],
  answers: readonly LinkADRAns[],
  { region, uplink, macVersion }: CommandContext,
): Acceptance {
  const last = block.at(-1);
  if (last === undefined || answers.length === 0) return refused(state, "no answer");
  const { current } = state;
  const masks = block.map(({ channelMaskControl, channelMask }) => ({
    control: channelMaskControl,
    mask: channelMask,
  }));
  const enabled = region.applyChannelMasks(masks, new Set(current.enabledChannels), current.channels);
  const enabledChannels = enabled ? [...enabled].sort((left, right) => left - right) : current.enabledChannels;
  const settlement: Settlement = { state, last, enabledChannels };
  const answer: LinkADRAns = {
    channelMaskAck: answers.every(({ channelMaskAck }) => channelMaskAck),
    dataRateAck: answers.every(({ dataRateAck }) => dataRateAck),
    powerAck: answers.every(({ powerAck }) => powerAck),
  };
  const bits = refusedBits(answer);
  if (bits === "") return accepted(applied(settlement, true));
  // LoRaWAN 1.0.3 5.2 and later: a device that does not follow ADR takes the channels alone and says so.
  const followsAdr = uplink.adr ?? !(last.dataRate === keep && last.txPowerIndex === keep);
  if (answer.channelMaskAck && !followsAdr && existsIn({ since: "1.0.3" }, macVersion)) {
    return accepted(applied(settlement, false));
  }
  const next = withRefusals(settlement, answer);
  return refused(next, bits, hasNewRefusals(state.linkAdrRefusals, next.linkAdrRefusals));
}

export const linkAdr = networkInitiatedBlock({
  since: "1.0.0",
  request: linkAdrReq,
  response: linkAdrAns,
  wanted: wantedBlock,
  accept: acceptBlock,
});

import { MalformedValue } from "../errors.ts";
import { applyMasks, fewestMasks, setOf, wordsOf } from "./channel-masks.ts";
import type { CFListFacts, PlanFacts } from "./facts.ts";
import type { Channel, ChannelPlan, Region } from "./region.ts";

type ChannelFunctions = Pick<
  Region,
  | "plan"
  | "defaultChannels"
  | "maxChannels"
  | "rx1FrequencyHz"
  | "channelOf"
  | "cfList"
  | "applyCfList"
  | "channelMasks"
  | "applyChannelMasks"
  | "subBandChannels"
>;

interface DeviceChannels {
  readonly channels: ChannelPlan;
  readonly enabled: ReadonlySet<number>;
}

type FrequencyList = Extract<CFListFacts, { type: 0 }>;

const cfListLength = 16;
const cfListFrequencies = 5;

const numbersOf = (channels: ChannelPlan): readonly number[] =>
  Array.from(channels.keys()).filter(number => channels[number] !== undefined);

// TS001-1.0.4 5.6: NewChannelReq may give a channel other data rates; only what the list can say is put there.
const isListable = (channel: Channel, list: FrequencyList): boolean =>
  channel.minDataRate === 0 && channel.maxDataRate === list.maxDataRate && !channel.fastDataRates;

const writeFrequencies = (
  plan: PlanFacts,
  list: FrequencyList,
  channels: ChannelPlan,
  enabled: ReadonlySet<number>,
): Uint8Array | undefined => {
  const bytes = new DataView(new ArrayBuffer(cfListLength));
  let listed = 0;
  for (let place = 0; place < cfListFrequencies; place += 1) {
    const number = plan.channels.length + place;
    const channel = channels[number];
    if (channel === undefined || !enabled.has(number) || !isListable(channel, list)) continue;
    const value = channel.uplinkFrequencyHz / list.frequencyStepHz;
    bytes.setUint16(place * 3, value & 0xffff, true);
    bytes.setUint8(place * 3 + 2, value >> 16);
    listed += 1;
  }
  return listed === 0 ? undefined : new Uint8Array(bytes.buffer);
};

const readFrequencies = (plan: PlanFacts, list: FrequencyList, bytes: DataView): DeviceChannels => {
  const channels: (Channel | undefined)[] = [...plan.channels];
  for (let place = 0; place < cfListFrequencies; place += 1) {
    const value = bytes.getUint16(place * 3, true) | (bytes.getUint8(place * 3 + 2) << 16);
    const frequencyHz = value * list.frequencyStepHz;
    channels.push(
      value === 0
        ? undefined
        : {
            uplinkFrequencyHz: frequencyHz,
            downlinkFrequencyHz: frequencyHz,
            minDataRate: 0,
            maxDataRate: list.maxDataRate,
          },
    );
  }
  while (channels.at(-1) === undefined) channels.pop();
  return { channels, enabled: new Set(numbersOf(channels)) };
};

const writeMasks = (plan: PlanFacts, enabled: ReadonlySet<number>): Uint8Array | undefined => {
  if (enabled.size === plan.channels.length) return undefined;
  const bytes = new DataView(new ArrayBuffer(cfListLength));
  wordsOf(enabled, plan).forEach((word, group) => {
    bytes.setUint16(group * 2, word, true);
  });
  bytes.setUint8(cfListLength - 1, 1);
  return new Uint8Array(bytes.buffer);
};

const readMasks = (plan: PlanFacts, bytes: DataView): DeviceChannels => {
  const words = Array.from({ length: Math.ceil(plan.maxChannels / 16) }, (_, group) =>
    bytes.getUint16(group * 2, true),
  );
  // Bits beyond the last channel are RFU.
  const enabled = Array.from(setOf(words)).filter(number => number < plan.maxChannels);
  return { channels: plan.channels, enabled: new Set(enabled) };
};

const readCfList = (plan: PlanFacts, cfList: Uint8Array): DeviceChannels => {
  if (cfList.length !== cfListLength) throw new MalformedValue("a CFList has 16 bytes", { length: cfList.length });
  const bytes = new DataView(cfList.buffer, cfList.byteOffset, cfList.byteLength);
  const type = bytes.getUint8(cfListLength - 1);
  if (type !== plan.cfList?.type) throw new MalformedValue("the region has no CFList of this type", { type });
  return plan.cfList.type === 0 ? readFrequencies(plan, plan.cfList, bytes) : readMasks(plan, bytes);
};

/** The part of a region that speaks of channels: RP002-1.0.4 2.3.1 and 2.3.2 for CFList, "LinkADRReq" for masks. */
export const channelFunctions = (plan: PlanFacts, carries: Region["carries"]): ChannelFunctions => ({
  plan: plan.kind,
  defaultChannels: plan.channels,
  maxChannels: plan.maxChannels,
  rx1FrequencyHz: (channels, uplinkFrequencyHz) =>
    channels.find(channel => channel?.uplinkFrequencyHz === uplinkFrequencyHz)?.downlinkFrequencyHz ??
    (plan.kind === "dynamic" ? uplinkFrequencyHz : undefined),
  channelOf: (channels, uplinkFrequencyHz, dataRate) => {
    const number = channels.findIndex(
      channel => channel?.uplinkFrequencyHz === uplinkFrequencyHz && carries(channel, dataRate),
    );
    return number < 0 ? undefined : number;
  },
  cfList: (channels, enabled) => {
    switch (plan.cfList?.type) {
      case 0:
        return writeFrequencies(plan, plan.cfList, channels, enabled);
      case 1:
        return writeMasks(plan, enabled);
      case undefined:
        return undefined;
    }
  },
  applyCfList: cfList => readCfList(plan, cfList),
  channelMasks: (wanted, current, channels) => fewestMasks(wanted, current, channels, plan),
  applyChannelMasks: (masks, current, channels) => applyMasks(masks, current, channels, plan),
  subBandChannels: subBand => {
    if (plan.kind === "dynamic") return new Set(plan.channels.keys());
    const channels = plan.subBands[subBand - 1];
    if (channels === undefined) throw new MalformedValue("the region has no such sub-band", { subBand });
    return new Set(channels);
  },
});

import Type, { type Static } from "typebox";
import type { Channel, ChannelPlan, Region } from "../lorawan/region/region.ts";
import { type Immutable, UnreadableSession } from "./session-record.ts";

/**
 * Channel plans in a device's document (mac-lines.ts). A fixed plan has 72 channels that never change, and most devices of
 * a dynamic one have the same few: what the region has by default is left out. So the default channels of every region are
 * a part of each format of documents; a test holds them.
 */

/** No plan has more than 96; a number beyond this one is no channel's. */
export const maxChannelNumber = 255;

/**
 * One channel: null for none, all its members (frequencies up and down, data rates from and to, 1 for fast ones), or the
 * frequency alone where it answers on the same one and has the data rates of the channel before it in the plan.
 */
const storedChannel = Type.Union([
  Type.Null(),
  Type.Integer(),
  Type.Array(Type.Integer(), { minItems: 4, maxItems: 5 }),
]);
type StoredChannel = Immutable<Static<typeof storedChannel>>;

/** Channels that follow each other and are not the region's default ones: the number of the first, and each of them. */
const differingRun = Type.Tuple([Type.Integer({ minimum: 0, maximum: maxChannelNumber }), Type.Array(storedChannel)]);
type DifferingRun = readonly [number, readonly StoredChannel[]];

export const differingRuns = Type.Array(differingRun);

/** Numbers as the first and the last of each run of them, one run after the other. */
export const numberRuns = Type.Array(Type.Integer());
/** Of channels in use: far more than there are. */
const mostNumbers = 1024;

export function differencesOf(channels: ChannelPlan, { defaultChannels }: Region): readonly DifferingRun[] {
  const runs: [number, StoredChannel[]][] = [];
  let open: StoredChannel[] | undefined;
  for (let index = 0; index < Math.max(channels.length, defaultChannels.length); index += 1) {
    if (isSame(channels[index], defaultChannels[index])) {
      open = undefined;
      continue;
    }
    const stored = storedOf(channels[index], channels[index - 1]);
    if (open) open.push(stored);
    else {
      open = [stored];
      runs.push([index, open]);
    }
  }
  return runs;
}

/** Throws UnreadableSession. */
export function withDifferences({ defaultChannels }: Region, runs: readonly DifferingRun[]): ChannelPlan {
  const channels: (Channel | undefined)[] = [...defaultChannels];
  for (const [first, differing] of runs) {
    for (const [offset, stored] of differing.entries()) putChannel(channels, first + offset, stored);
  }
  return channels;
}

function putChannel(channels: (Channel | undefined)[], index: number, stored: StoredChannel): void {
  if (index > maxChannelNumber) throw new UnreadableSession("a stored channel has an impossible number", { index });
  while (channels.length <= index) channels.push(undefined);
  channels[index] = channelOf(stored, channels[index - 1]);
}

function storedOf(channel: Channel | undefined, before: Channel | undefined): StoredChannel {
  if (!channel) return null;
  const { uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, fastDataRates } = channel;
  return uplinkFrequencyHz === downlinkFrequencyHz && before && hasSameRates(channel, before)
    ? uplinkFrequencyHz
    : [uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, ...(fastDataRates ? [1] : [])];
}

function channelOf(stored: StoredChannel, before: Channel | undefined): Channel | undefined {
  if (stored === null) return undefined;
  if (typeof stored === "number") {
    if (!before) throw new UnreadableSession("a stored channel has its data rates of a channel that is not there");
    return { ...before, uplinkFrequencyHz: stored, downlinkFrequencyHz: stored };
  }
  const [uplinkFrequencyHz = 0, downlinkFrequencyHz = 0, minDataRate = 0, maxDataRate = 0, fast = 0] = stored;
  const channel: Channel = { uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate };
  return fast === 1 ? { ...channel, fastDataRates: true } : channel;
}

const isSame = (left: Channel | undefined, right: Channel | undefined): boolean =>
  left === right ||
  (left !== undefined &&
    right !== undefined &&
    left.uplinkFrequencyHz === right.uplinkFrequencyHz &&
    left.downlinkFrequencyHz === right.downlinkFrequencyHz &&
    hasSameRates(left, right));

const hasSameRates = (left: Channel, right: Channel): boolean =>
  left.minDataRate === right.minDataRate &&
  left.maxDataRate === right.maxDataRate &&
  (left.fastDataRates ?? false) === (right.fastDataRates ?? false);

/** Undefined for the numbers of all channels that are defined. */
export function runsUnlessAll(numbers: readonly number[], channels: ChannelPlan): readonly number[] | undefined {
  const all = definedIn(channels);
  if (numbers.length === all.length && numbers.every((number, index) => number === all[index])) return undefined;
  const runs: number[] = [];
  for (const [index, number] of numbers.entries()) {
    if (index > 0 && number - 1 === numbers[index - 1]) runs[runs.length - 1] = number;
    else runs.push(number, number);
  }
  return runs;
}

/** Throws UnreadableSession. */
export function numbersOfRuns(runs: readonly number[] | undefined, channels: ChannelPlan): readonly number[] {
  if (!runs) return definedIn(channels);
  const numbers: number[] = [];
  for (let index = 0; index < runs.length; index += 2) {
    const { [index]: first = 0, [index + 1]: last = -1 } = runs;
    const count = last - first + 1;
    if (numbers.length + count > mostNumbers) throw new UnreadableSession("a stored session uses too many channels");
    for (let offset = 0; offset < count; offset += 1) numbers.push(first + offset);
  }
  return numbers;
}

const definedIn = (channels: ChannelPlan): readonly number[] =>
  channels.flatMap((channel, index) => (channel ? [index] : []));

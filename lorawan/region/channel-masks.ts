import { MalformedValue } from "../errors.ts";
import type { MaskControl, PlanFacts } from "./facts.ts";
import type { ChannelMask, ChannelPlan } from "./region.ts";

/** A set of channels as 16-bit words, bit n of word g being channel 16 g + n. */
export type ChannelWords = readonly number[];

const wordCount = (plan: PlanFacts): number => Math.ceil(plan.maxChannels / 16);

/** Throws MalformedValue for a channel number that the plan has no room for. */
export const wordsOf = (channels: Iterable<number>, plan: PlanFacts): ChannelWords => {
  const words = new Array<number>(wordCount(plan)).fill(0);
  for (const channel of channels) {
    if (!Number.isInteger(channel) || channel < 0 || channel >= plan.maxChannels) {
      throw new MalformedValue("the plan has no channel of this number", { channel });
    }
    words[channel >> 4] = (words[channel >> 4] ?? 0) | (1 << (channel & 15));
  }
  return words;
};

export const setOf = (words: ChannelWords): ReadonlySet<number> => {
  const channels = new Set<number>();
  words.forEach((word, group) => {
    for (let bit = 0; bit < 16; bit += 1) if (word & (1 << bit)) channels.add(group * 16 + bit);
  });
  return channels;
};

/** The channels of `channels` that exist. */
const definedWords = (channels: ChannelPlan, plan: PlanFacts): ChannelWords =>
  wordsOf(
    Array.from(channels.keys()).filter(number => channels[number] !== undefined),
    plan,
  );

/** Words with one group replaced by mask bits; bits beyond the plan's last channel are RFU and ignored. */
const withGroup = (words: ChannelWords, group: number, mask: number, plan: PlanFacts): ChannelWords => {
  const room = Math.min(16, plan.maxChannels - group * 16);
  return words.map((word, index) => (index === group ? mask & ((1 << room) - 1) : word));
};

const withSubBands = (mask: number, plan: PlanFacts): ChannelWords =>
  wordsOf(
    plan.subBands.flatMap((channels, block) => (mask & (1 << block) ? channels : [])),
    plan,
  );

const apply = (
  control: MaskControl,
  mask: number,
  words: ChannelWords,
  defined: ChannelWords,
  plan: PlanFacts,
): ChannelWords => {
  switch (control.kind) {
    case "group":
      return withGroup(words, control.group, mask, plan);
    case "sub-bands":
      return withSubBands(mask, plan);
    case "all": {
      const all = defined.map(word => (control.enabled ? word : 0));
      return control.maskedGroup === undefined ? all : withGroup(all, control.maskedGroup, mask, plan);
    }
  }
};

/**
 * The device's reading of masks in order. Undefined for an RFU ChMaskCntl, for a bit of a channel that is not defined,
 * and when no channel would be left (TS001-1.0.4 5.3).
 */
export const applyMasks = (
  masks: readonly ChannelMask[],
  current: ReadonlySet<number>,
  channels: ChannelPlan,
  plan: PlanFacts,
): ReadonlySet<number> | undefined => {
  const defined = definedWords(channels, plan);
  let words = wordsOf(current, plan);
  for (const { control, mask } of masks) {
    const meaning = plan.maskControls[control];
    if (meaning === undefined) return undefined;
    words = apply(meaning, mask, words, defined, plan);
    if (words.some((word, group) => word & ~(defined[group] ?? 0))) return undefined;
  }
  return words.some(word => word !== 0) ? setOf(words) : undefined;
};

/** The masks worth trying first with this control on the way to `wanted`. */
const openings = (control: MaskControl | undefined, wanted: ChannelWords, plan: PlanFacts): readonly number[] => {
  switch (control?.kind) {
    case "all":
      return [control.maskedGroup === undefined ? (control.enabled ? 0xffff : 0) : (wanted[control.maskedGroup] ?? 0)];
    case "sub-bands":
      return Array.from({ length: 1 << plan.subBands.length }, (_, mask) => mask);
    default:
      return [];
  }
};

const groupMasks = (wanted: ChannelWords, current: ChannelWords, plan: PlanFacts): readonly ChannelMask[] =>
  wanted.flatMap((mask, group) => {
    if (mask === current[group]) return [];
    const control = plan.maskControls.findIndex(meaning => meaning?.kind === "group" && meaning.group === group);
    return [{ control, mask }];
  });

/**
 * Fewest masks from `current` to `wanted`: either group by group, or one opening that settles many channels followed by
 * the groups that it left wrong. No other order can be shorter, because an opening undoes all that went before it.
 * Throws MalformedValue if `wanted` is empty or has a channel that is not defined.
 */
export const fewestMasks = (
  wanted: ReadonlySet<number>,
  current: ReadonlySet<number>,
  channels: ChannelPlan,
  plan: PlanFacts,
): readonly ChannelMask[] => {
  const defined = definedWords(channels, plan);
  const goal = wordsOf(wanted, plan);
  if (wanted.size === 0) throw new MalformedValue("a device needs at least one channel");
  if (goal.some((word, group) => word & ~(defined[group] ?? 0))) {
    throw new MalformedValue("a wanted channel is not defined");
  }
  let best = groupMasks(goal, wordsOf(current, plan), plan);
  plan.maskControls.forEach((meaning, control) => {
    if (meaning === undefined) return;
    for (const mask of openings(meaning, goal, plan)) {
      if (best.length <= 1) return;
      const rest = groupMasks(goal, apply(meaning, mask, goal, defined, plan), plan);
      if (rest.length + 1 < best.length) best = [{ control, mask }, ...rest];
    }
  });
  return best;
};

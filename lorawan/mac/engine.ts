import type { ChannelPlan, Region } from "../region/region.ts";
import type { MacVersion } from "../version.ts";
import {
  type Acceptance,
  type CommandContext,
  type CommandEvent,
  maxTries,
  type NetworkInitiatedCommand,
  requestKey,
} from "./command.ts";
import { linkAdr, linkAdrReq } from "./link-adr.ts";
import { type Direction, decodeMessage, type Fields } from "./message.ts";
import { commands } from "./registry.ts";
import type { MacState } from "./state.ts";
import { readStream, type StreamEnd, type StreamEntry } from "./stream.ts";

/** The uplink that is being answered, and what the network knows beside the session. */
export interface MacContext extends CommandContext {}

/** What happened in the MAC layer that somebody may want to know. */
export type MacEvent = CommandEvent;

export interface MacUplinkResult {
  readonly state: MacState;
  /** Answers to device-initiated requests in their order, CID and payload each. */
  readonly answers: readonly Uint8Array[];
  readonly events: readonly MacEvent[];
  /** A downlink is due even if it carries nothing else: it brings an answer, or ends a sticky one (C58). */
  readonly needsDownlink: boolean;
}

/** Requests that go into one downlink together or not at all. */
export interface MacRequestGroup {
  /** CID and payload of each. */
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** What reading an uplink has come to so far. */
interface Reading {
  readonly state: MacState;
  readonly pending: readonly Uint8Array[];
  readonly answers: readonly Uint8Array[];
  readonly events: readonly MacEvent[];
  readonly sticky: readonly number[];
}

/** A request outlives at most this many others that failed later; a device that refuses for ever costs no more memory. */
const failuresKept = 64;

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

/**
 * Reads the commands of one uplink. Never throws on what a device sends. Answers are paired with `state.pending` in
 * order (TS001-1.0.4 5); accepted ones change `state.current`, refused ones and requests without an answer count as
 * failures, and answers that nobody asked for change nothing (C62).
 */
export function handleUplinkCommands(bytes: Uint8Array, state: MacState, context: MacContext): MacUplinkResult {
  if (bytes.length === 0 && isAtRest(state)) return { state, answers: [], events: [], needsDownlink: false };
  const stream = readStream(bytes, "up", context.macVersion);
  let reading: Reading = {
    state: rested(state),
    pending: state.pending.map(fromHex),
    answers: [],
    events: [],
    sticky: [],
  };
  let index = 0;
  for (let entry = stream.entries[index]; entry !== undefined; entry = stream.entries[index]) {
    const [next, used] = readEntry(reading, entry, stream.entries.slice(index), context);
    reading = next;
    index += used;
  }
  const { stickyAnswers: _, ...settled } = withUnanswered(reading);
  return {
    state: { ...settled, pending: [], ...(reading.sticky.length > 0 && { stickyAnswers: reading.sticky }) },
    answers: reading.answers,
    events: [...reading.events, ...silenceEvents(reading.state, settled), ...endEvents(stream.end)],
    needsDownlink: reading.answers.length > 0 || reading.sticky.length > 0,
  };
}

/** Nothing is expected of the device: an uplink without commands leaves the state as it is, and the same object. */
const isAtRest = ({ pending, stickyAnswers, resting }: MacState): boolean =>
  pending.length === 0 && stickyAnswers === undefined && resting === undefined;

/** The reading after this entry, and how many entries it took. */
function readEntry(
  reading: Reading,
  entry: StreamEntry,
  rest: readonly StreamEntry[],
  context: MacContext,
): readonly [Reading, number] {
  const { command, payload } = entry;
  switch (command.kind) {
    case "codec-only":
      return [reading, 1];
    case "device-initiated": {
      const { state, answer, events } = command.answer(payload, reading.state, context);
      // A request may empty what was pending before it (ResetInd).
      const pending = state.pending.length === 0 ? [] : reading.pending;
      const answers = answer ? [...reading.answers, answer] : reading.answers;
      return [{ ...reading, state, pending, answers, events: [...reading.events, ...events] }, 1];
    }
    case "network-initiated":
      return readAnswer(reading, command, entry, rest, context);
  }
}

function readAnswer(
  reading: Reading,
  command: NetworkInitiatedCommand,
  entry: StreamEntry,
  rest: readonly StreamEntry[],
  context: MacContext,
): readonly [Reading, number] {
  const place = reading.pending.findIndex(group => group[0] === command.cid);
  const group = reading.pending[place];
  if (group === undefined) return [withoutRequest(reading, command, entry), 1];
  const payloads = answersInARow(command, group, rest);
  const outcome = command.accept(reading.state, group, payloads, context);
  const state = outcome.kind === "accepted" ? withoutFailures(outcome.state, group) : withRefusal(outcome.state, group);
  return [
    {
      ...reading,
      pending: reading.pending.filter((_, index) => index !== place),
      state,
      events: [...reading.events, ...eventsOf(outcome, command, group, state)],
      sticky: command.sticky ? withMember(reading.sticky, command.cid) : reading.sticky,
    },
    payloads.length,
  ];
}

/**
 * Up to LoRaWAN 1.0.4 a device answers each request of a block, in 1.1 the block as a whole (LoRaWAN 1.1 5.3); devices do
 * either. Answers in a row, at most one for each request, speak of the one block.
 */
function answersInARow(
  command: NetworkInitiatedCommand,
  group: Uint8Array,
  rest: readonly StreamEntry[],
): readonly Uint8Array[] {
  const others = rest.findIndex(entry => entry.command !== command);
  const run = others < 0 ? rest : rest.slice(0, others);
  return run.slice(0, command.answerCount(group)).map(entry => entry.payload);
}

/** The repeat of an answer that was in the last uplink too, or an answer out of nowhere. */
function withoutRequest(reading: Reading, command: NetworkInitiatedCommand, entry: StreamEntry): Reading {
  const isRepeat = reading.state.stickyAnswers?.includes(command.cid) || reading.sticky.includes(command.cid);
  return isRepeat
    ? { ...reading, sticky: withMember(reading.sticky, command.cid) }
    : { ...reading, events: [...reading.events, { kind: "unsolicited-answer", name: entry.message.name }] };
}

const withMember = (list: readonly number[], member: number): readonly number[] =>
  list.includes(member) ? list : [...list, member];

function eventsOf(
  outcome: Acceptance,
  command: NetworkInitiatedCommand,
  group: Uint8Array,
  after: MacState,
): readonly MacEvent[] {
  if (outcome.kind === "accepted") return outcome.events;
  const name = nameOf(command);
  const refusal: MacEvent = { kind: "refused", name, detail: outcome.detail };
  const request = requestKey(group);
  const isLast = outcome.isFinal || after.failures[request] === maxTries;
  return isLast ? [refusal, { kind: "given-up", name, request, refusal: outcome.detail }] : [refusal];
}

const nameOf = (command: NetworkInitiatedCommand): string => command.down?.name ?? "";

/** A device that answers is in reach: what it refuses for the last time does not rest. */
const withRefusal = (state: MacState, group: Uint8Array): MacState => withFailure(withoutRest(state, group), group);

const shortestRest = 8;
const longestRest = 64;

/** The state one uplink on. */
function rested({ resting, ...state }: MacState): MacState {
  if (!resting) return state;
  const entries = Object.entries(resting).filter(([key]) => key in state.failures);
  return { ...state, resting: Object.fromEntries(entries.map(([key, uplinks]) => [key, Math.max(0, uplinks - 1)])) };
}

function withSilence(state: MacState, group: Uint8Array): MacState {
  const key = requestKey(group);
  const failed = withFailure(state, group);
  const beyond = (failed.failures[key] ?? 0) - maxTries;
  // A request that has no answer is no sign of a device out of reach.
  const isAnswerable = networkCommandOf(group)?.up !== undefined;
  if (!isAnswerable || beyond < 0) return failed;
  return { ...failed, resting: { ...failed.resting, [key]: Math.min(shortestRest * 2 ** beyond, longestRest) } };
}

function withFailure(state: MacState, group: Uint8Array): MacState {
  const key = requestKey(group);
  const { [key]: count = 0, ...others } = state.failures;
  return {
    ...state,
    failures: Object.fromEntries([...Object.entries(others), [key, count + 1] as const].slice(-failuresKept)),
  };
}

function withoutFailures(state: MacState, group: Uint8Array): MacState {
  const { [requestKey(group)]: _, ...failures } = state.failures;
  return { ...withoutRest(state, group), failures };
}

function withoutRest({ resting, ...state }: MacState, group: Uint8Array): MacState {
  const { [requestKey(group)]: _, ...others } = resting ?? {};
  return { ...state, ...(Object.keys(others).length > 0 && { resting: others }) };
}

function withUnanswered(reading: Reading): MacState {
  return reading.pending.filter(group => networkCommandOf(group)?.endsAfterMaxTries).reduce(withSilence, reading.state);
}

function networkCommandOf(group: Uint8Array): NetworkInitiatedCommand | undefined {
  const command = commands.find(({ cid }) => cid === group[0]);
  return command?.kind === "network-initiated" ? command : undefined;
}

/** Requests that have stayed without an answer once too often. */
function silenceEvents(before: MacState, after: MacState): readonly MacEvent[] {
  return Object.entries(after.failures)
    .filter(([request, count]) => count >= maxTries && (before.failures[request] ?? 0) < maxTries)
    .flatMap(([request]) => {
      const command = networkCommandOf(fromHex(request));
      return command ? [{ kind: "given-up" as const, name: nameOf(command), request }] : [];
    });
}

function endEvents(end: StreamEnd): readonly MacEvent[] {
  switch (end.kind) {
    case "complete":
      return [];
    case "unknown":
      return [{ kind: "unknown-command", cid: end.cid }];
    case "truncated":
      return [{ kind: "truncated-command", cid: end.cid }];
  }
}

/**
 * Answers first, then request groups (TS001-1.0.4 5, table 15), each in order until the next one does not fit; never a
 * part of one. `complete` is false when something has to wait.
 */
export function packCommands(
  answers: readonly Uint8Array[],
  requests: readonly MacRequestGroup[],
  limitBytes: number,
): { readonly bytes: Uint8Array; readonly sent: readonly MacRequestGroup[]; readonly complete: boolean } {
  const fitting = prefixWithin(answers, answer => answer.length, limitBytes);
  const used = fitting.reduce((sum, answer) => sum + answer.length, 0);
  const allAnswers = fitting.length === answers.length;
  const sent = allAnswers ? prefixWithin(requests, ({ bytes }) => bytes.length, limitBytes - used) : [];
  return {
    bytes: Uint8Array.from(Buffer.concat([...fitting, ...sent.map(({ bytes }) => bytes)])),
    sent,
    complete: allAnswers && sent.length === requests.length,
  };
}

function prefixWithin<Item>(items: readonly Item[], lengthOf: (item: Item) => number, limit: number): readonly Item[] {
  let left = limit;
  const end = items.findIndex(item => {
    left -= lengthOf(item);
    return left < 0;
  });
  return end < 0 ? items : items.slice(0, end);
}

/** Remembers sent requests as pending. */
export function markSent(state: MacState, sent: readonly MacRequestGroup[], nowMs: number): MacState {
  const pending = [...state.pending, ...sent.map(({ bytes }) => requestKey(bytes))];
  return sent.reduce<MacState>((marked, { bytes }) => networkCommandOf(bytes)?.sent(marked, nowMs) ?? marked, {
    ...state,
    pending,
  });
}

/** Parameters right after a join or ABP activation; `dataRate` is that of the Join-Request where there was one. */
export function initialMacState(
  region: Region,
  options: {
    readonly rx1DelaySeconds: number;
    readonly rx1DrOffset: number;
    readonly rx2DataRate: number;
    readonly rx2FrequencyHz: number;
    readonly channels: ChannelPlan;
    readonly enabledChannels: readonly number[];
    readonly dataRate?: number;
    readonly uplinkDwellTime?: boolean;
    readonly downlinkDwellTime?: boolean;
  },
): MacState {
  return {
    current: {
      // From RP002-1.0.1 on CN470 has no DR0.
      dataRate: Math.min(...options.channels.flatMap(channel => (channel ? [channel.minDataRate] : []))),
      txPowerIndex: 0,
      nbTrans: 1,
      maxDutyCycleExponent: 0,
      uplinkDwellTime: region.dwellTimeAtStart.uplink,
      downlinkDwellTime: region.dwellTimeAtStart.downlink,
      maxEirpDbm: region.maxEirpDbm,
      ...options,
    },
    pending: [],
    failures: {},
  };
}

/**
 * What an uplink with the ADR bit tells about the device's own steps (TS001-1.0.4 4.3.1.1, C57):
 * - a data rate that a LinkADRReq asked for and that awaits its answer is obedience: the answer settles it;
 * - a lower one is the back-off: power went to its highest before that, so TXPower is 0 now;
 * - at the lowest one the next steps, NbTrans 1 and more channels, cannot be seen: they are said in full the next time;
 * - an uplink on a channel that is switched off shows those steps too;
 * - a higher one is taken as it is.
 * @param observedChannel number of the channel that the uplink came on, where known.
 */
export function relearn(state: MacState, observedDataRate: number, observedChannel?: number): MacState {
  const { current } = state;
  if (isAskedFor(state, observedDataRate)) return state;
  const isBackOff = observedDataRate < current.dataRate;
  const isLowest = isBackOff && observedDataRate <= lowestDataRate(state);
  const isStray = observedChannel !== undefined && !current.enabledChannels.includes(observedChannel);
  if (observedDataRate === current.dataRate && !isStray) return state;
  return {
    ...state,
    current: { ...current, dataRate: observedDataRate, ...(isBackOff && { txPowerIndex: 0 }) },
    ...((isLowest || isStray) && { channelsUncertain: true }),
  };
}

function isAskedFor({ pending }: MacState, dataRate: number): boolean {
  return pending.some(hex => {
    const bytes = fromHex(hex);
    return bytes[0] === linkAdr.cid && decodeMessage(linkAdrReq, bytes.subarray(1)).dataRate === dataRate;
  });
}

const lowestDataRate = ({ current }: MacState): number =>
  Math.min(...current.enabledChannels.map(index => current.channels[index]?.minDataRate ?? 0));

/** For people: the commands of a stream. What cannot be read comes last, as `unknown` or `truncated` with its bytes. */
export function describeCommands(
  bytes: Uint8Array,
  direction: Direction,
  macVersion: MacVersion,
): readonly { readonly name: string; readonly cid: number; readonly fields: Fields }[] {
  const { entries, end } = readStream(bytes, direction, macVersion);
  const described = entries.map(({ command, message, payload }) => ({
    name: message.name,
    cid: command.cid,
    fields: message.describe(payload),
  }));
  if (end.kind === "complete") return described;
  return [...described, { name: end.kind, cid: end.cid, fields: { bytes: requestKey(bytes.subarray(end.offset)) } }];
}

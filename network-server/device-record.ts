import type { MacParameters, MacState } from "../lorawan/mac/state.ts";
import type { Channel, ChannelPlan, Region } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import type { KeyEnvelope } from "../platform/state/network-event.ts";
import { type DeviceState, regionOfSession, type Session } from "./session.ts";
import {
  type AdrSample,
  type LastingSession,
  type LivingSession,
  parseFormat1,
  parseLasting,
  parseLiving,
  parseMac,
  parseOpen,
  type StoredSession1,
  UnreadableSession,
} from "./session-record.ts";

/**
 * A device's state as it stands in the store: lines of JSON, by how often they change, so that a line that stays as it is
 * need not be written or read anew.
 *
 *     2                              format
 *     keys and address               of the active session: what it is from its beginning to its end
 *     MAC state                      changes with MAC commands; the same in many devices
 *     counters, ADR samples, ...     changes with each frame
 *     (three lines more)             of the session that waits for its first uplink
 *     open uplink
 *
 * Lines of what is not there are empty. Format 1 was one JSON object; it is still read.
 */
const formatLine = "2";
const lineCount = 8;
const noSession = "\n\n";

export function encodeDeviceState({ active, joined, open }: DeviceState): Uint8Array {
  return Buffer.from(
    `${formatLine}\n${active ? sessionLines(active) : noSession}\n${joined ? sessionLines(joined) : noSession}\n${open ? JSON.stringify(open) : ""}`,
  );
}

/** Throws UnreadableSession. */
export function decodeDeviceState(bytes: Uint8Array): DeviceState {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (text.startsWith("{")) return decodeFormat1(text);
  const [format, lasting, mac, living, joinedLasting, joinedMac, joinedLiving, open, ...more] = text.split("\n");
  if (format !== formatLine || open === undefined || more.length > 0) {
    throw new UnreadableSession(`the stored session is not ${lineCount} lines of format ${formatLine}`);
  }
  return {
    ...(lasting && { active: decodeSession(lasting, mac ?? "", living ?? "") }),
    ...(joinedLasting && { joined: decodeSession(joinedLasting, joinedMac ?? "", joinedLiving ?? "") }),
    ...(open && { open: parseOpen(open) }),
  };
}

const sessionLines = (session: Session): string =>
  `${lastingLine(session)}\n${macLine(session.mac, regionOfSession(session))}\n${livingLine(session)}`;

function decodeSession(lastingLine: string, macLine: string, livingLine: string): Session {
  const lasting = parseLasting(lastingLine);
  const { adr, ...living } = named(parseLiving(livingLine));
  const mac = decodeMac(macLine, regionOf(lasting.region, lasting.regionalParameters));
  return { ...lasting, ...living, mac, adrHistory: samplesOf(adr) };
}

/** Pacing stood as `classC` while class C alone had it. */
function named<Stored extends Pick<LivingSession, "pacing"> & { readonly classC?: LivingSession["pacing"] }>({
  classC,
  ...stored
}: Stored) {
  return classC ? { pacing: classC, ...stored } : stored;
}

const lastingNames = [
  "devAddr",
  "macVersion",
  "regionalParameters",
  "region",
  "regionConfigId",
  "fNwkSIntKey",
  "sNwkSIntKey",
  "nwkSEncKey",
  "appSKey",
  "sessionKeyId",
  "joinEui",
  "joinChannelHz",
] as const satisfies readonly (keyof LastingSession)[];

/** Found by a member that sessions share with what they become, and with nothing else as long as the others are equal too. */
const lastingLines = new WeakMap<KeyEnvelope, { readonly of: LastingSession; readonly line: string }>();

function lastingLine(session: Session): string {
  const { appSKey } = session;
  const known = appSKey && lastingLines.get(appSKey);
  if (known && lastingNames.every(name => known.of[name] === session[name])) return known.line;
  const line = JSON.stringify(session, [...lastingNames, "kekLabel", "aesKey"]);
  if (appSKey) lastingLines.set(appSKey, { of: session, line });
  return line;
}

function livingLine(session: Session): string {
  return JSON.stringify({
    fCntUp: session.fCntUp,
    nFCntDown: session.nFCntDown,
    aFCntDown: session.aFCntDown,
    confFCntDown: session.confFCntDown,
    lastConfFCnt: session.lastConfFCnt,
    rjCount0: session.rjCount0,
    adrSince: session.adrSince,
    awaitedAck: session.awaitedAck,
    heardBy: session.heardBy,
    pacing: session.pacing,
    classB: session.classB,
    lastMic: session.lastMic,
    storeLosses: session.storeLosses,
    lastUplinkAtMs: session.lastUplinkAtMs,
    lastDataRate: session.lastDataRate,
    adr: numbersOfSamples(session.adrHistory),
  } satisfies Record<keyof LivingSession | "adr", unknown>);
}

function numbersOfSamples(samples: readonly AdrSample[]): readonly number[] {
  const numbers: number[] = [];
  for (const { fCnt, snrDb, gatewayCount } of samples) numbers.push(fCnt, snrDb, gatewayCount);
  return numbers;
}

function samplesOf(numbers: readonly number[]): readonly AdrSample[] {
  const samples: AdrSample[] = [];
  for (let index = 0; index + 2 < numbers.length; index += 3) {
    const { [index]: fCnt = 0, [index + 1]: snrDb = 0, [index + 2]: gatewayCount = 0 } = numbers;
    samples.push({ fCnt, snrDb, gatewayCount });
  }
  return samples;
}

const macLines = new WeakMap<MacState, { readonly region: Region; readonly line: string }>();

function macLine(mac: MacState, region: Region): string {
  const known = macLines.get(mac);
  if (known?.region === region) return known.line;
  const { current } = mac;
  const line = JSON.stringify({ ...mac, current: { ...current, channels: differences(current.channels, region) } });
  macLines.set(mac, { region, line });
  return line;
}

/** Most devices of a region have one of few MAC states: each is read once. A full memory begins anew. */
const macStates = new Map<Region, Map<string, MacState>>();
const maxMacStates = 2000;

function decodeMac(line: string, region: Region): MacState {
  const ofRegion = macStates.get(region) ?? new Map<string, MacState>();
  macStates.set(region, ofRegion);
  const known = ofRegion.get(line);
  if (known) return known;
  const { current, ...mac } = parseMac(line);
  const state: MacState = { ...mac, current: { ...current, channels: withDifferences(region, current.channels) } };
  if (ofRegion.size >= maxMacStates) ofRegion.clear();
  ofRegion.set(line, state);
  return state;
}

// A fixed plan has 72 channels that never change; only differences from the region's defaults are worth storing.
function differences(channels: ChannelPlan, { defaultChannels }: Region): readonly (readonly number[])[] {
  const numbers = Array.from({ length: Math.max(defaultChannels.length, channels.length) }, (_, index) => index);
  return numbers
    .filter(index => !sameChannel(channels[index], defaultChannels[index]))
    .map(index => [index, ...numbersOf(channels[index])]);
}

function numbersOf(channel: Channel | undefined): readonly number[] {
  if (!channel) return [];
  const { uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, fastDataRates } = channel;
  return [uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, ...(fastDataRates ? [1] : [])];
}

function channelOf([uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, fast]: readonly number[]) {
  if (uplinkFrequencyHz === undefined || downlinkFrequencyHz === undefined) return undefined;
  if (minDataRate === undefined || maxDataRate === undefined) return undefined;
  const channel: Channel = { uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate };
  return fast === 1 ? { ...channel, fastDataRates: true } : channel;
}

function withDifferences({ defaultChannels }: Region, stored: readonly (readonly number[])[]): ChannelPlan {
  const channels: (Channel | undefined)[] = [...defaultChannels];
  for (const [index = 0, ...numbers] of stored) {
    while (channels.length <= index) channels.push(undefined);
    channels[index] = channelOf(numbers);
  }
  return channels;
}

const sameChannel = (left: Channel | undefined, right: Channel | undefined): boolean =>
  left === right ||
  (left !== undefined &&
    right !== undefined &&
    left.uplinkFrequencyHz === right.uplinkFrequencyHz &&
    left.downlinkFrequencyHz === right.downlinkFrequencyHz &&
    left.minDataRate === right.minDataRate &&
    left.maxDataRate === right.maxDataRate &&
    left.fastDataRates === right.fastDataRates);

function decodeFormat1(text: string): DeviceState {
  const { active, joined, open } = parseFormat1(text);
  return {
    ...(active && { active: sessionOfFormat1(active) }),
    ...(joined && { joined: sessionOfFormat1(joined) }),
    ...(open && { open }),
  };
}

function sessionOfFormat1(stored: StoredSession1): Session {
  const { mac, ...session } = named(stored);
  const { current } = mac;
  const channels = current.channels.map(([index, channel]) => [index, ...numbersOf(channel ?? undefined)]);
  const region = regionOf(stored.region, stored.regionalParameters);
  const parameters: MacParameters = { ...current, channels: withDifferences(region, channels) };
  return { ...session, mac: { ...mac, current: parameters } };
}

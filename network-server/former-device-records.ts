import Type, { type Static } from "typebox";
import type { MacState } from "../lorawan/mac/state.ts";
import type { Channel, ChannelPlan, Region } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { sharedMacState } from "./mac-lines.ts";
import type { DeviceState, Session } from "./session.ts";
import {
  type AdrSample,
  adrSample,
  channel,
  type Immutable,
  type LivingSession,
  lastingFields,
  livingFields,
  macFields,
  openUplink,
  parameterFields,
  UnreadableSession,
} from "./session-record.ts";
import { maxChannelNumber } from "./stored-channels.ts";
import { checkerOf, jsonOf } from "./stored-json.ts";

/**
 * Documents of the formats before the present one (device-record.ts), which may stand in stores for as long as a device is
 * silent. They are only read.
 */

/** What was called otherwise at first: pacing, while class C alone had it. */
const formerFields = { classC: livingFields.pacing };

const session1 = Type.Object({
  ...lastingFields,
  ...livingFields,
  ...formerFields,
  mac: Type.Object({
    ...macFields,
    current: Type.Object({
      ...parameterFields,
      channels: Type.Array(Type.Tuple([Type.Integer(), Type.Union([channel, Type.Null()])])),
    }),
  }),
  adrHistory: Type.Array(adrSample),
});

const checkedFormat1 = checkerOf(
  Type.Object({
    format: Type.Literal(1),
    active: Type.Optional(session1),
    joined: Type.Optional(session1),
    open: Type.Optional(openUplink),
  }),
);

/** Format 1: one JSON object, with members by name. Throws UnreadableSession. */
export function decodeFormat1(text: string): DeviceState {
  const { active, joined, open } = checkedFormat1(jsonOf(text));
  return {
    ...(active && { active: sessionOfFormat1(active) }),
    ...(joined && { joined: sessionOfFormat1(joined) }),
    ...(open && { open }),
  };
}

function sessionOfFormat1(stored: Immutable<Static<typeof session1>>): Session {
  const { mac, ...session } = renamed(stored);
  const { current } = mac;
  const differences = current.channels.map(([index, other]): Difference => [index, other ?? undefined]);
  const region = regionOf(stored.region, stored.regionalParameters);
  return { ...session, mac: { ...mac, current: { ...current, channels: withDifferences(region, differences) } } };
}

const checkedLasting = checkerOf(Type.Object(lastingFields));
const checkedMac = checkerOf(
  Type.Object({
    ...macFields,
    current: Type.Object({
      ...parameterFields,
      /** Number, frequencies up and down, data rates from and to, 1 for fast ones; the number alone: none is defined. */
      channels: Type.Array(Type.Array(Type.Integer(), { minItems: 1, maxItems: 6 })),
    }),
  }),
);
/** `adr`: the samples in a row, each as counter, SNR and number of gateways. */
const checkedLiving = checkerOf(Type.Object({ ...livingFields, ...formerFields, adr: Type.Array(Type.Number()) }));
const checkedHistory = checkerOf(Type.Array(adrSample));
const checkedOpen = checkerOf(openUplink);

/**
 * Format 2: a line with the number 2, three lines of JSON for each of the two sessions (what lasts, MAC state, what each frame
 * changes), and one for the open uplink. Throws UnreadableSession.
 */
export function decodeFormat2(lines: readonly string[]): DeviceState {
  const [, lasting, mac = "", living = "", joinedLasting, joinedMac = "", joinedLiving = "", open, ...more] = lines;
  if (open === undefined || more.length > 0) throw new UnreadableSession("a document of format 2 has 8 lines");
  return {
    ...(lasting && { active: sessionOfFormat2(lasting, mac, living) }),
    ...(joinedLasting && { joined: sessionOfFormat2(joinedLasting, joinedMac, joinedLiving) }),
    ...(open && { open: checkedOpen(jsonOf(open)) }),
  };
}

function sessionOfFormat2(lastingLine: string, macLine: string, livingLine: string): Session {
  const lasting = checkedLasting(jsonOf(lastingLine));
  const { adr, ...living } = renamed(checkedLiving(jsonOf(livingLine)));
  const region = regionOf(lasting.region, lasting.regionalParameters);
  const mac = sharedMacState(region, macLine, () => macOfFormat2(macLine, region));
  return { ...lasting, ...living, mac, adrHistory: checkedHistory(samplesOf(adr)) };
}

function macOfFormat2(line: string, region: Region): MacState {
  const { current, ...mac } = checkedMac(jsonOf(line));
  const differences = current.channels.map(([index = 0, ...numbers]): Difference => [index, channelOf(numbers)]);
  return { ...mac, current: { ...current, channels: withDifferences(region, differences) } };
}

function renamed<Stored extends Pick<LivingSession, "pacing"> & { readonly classC?: LivingSession["pacing"] }>({
  classC,
  ...stored
}: Stored) {
  return classC ? { pacing: classC, ...stored } : stored;
}

function samplesOf(numbers: readonly number[]): readonly AdrSample[] {
  const samples: AdrSample[] = [];
  for (let index = 0; index + 2 < numbers.length; index += 3) {
    const { [index]: fCnt = 0, [index + 1]: snrDb = 0, [index + 2]: gatewayCount = 0 } = numbers;
    samples.push({ fCnt, snrDb, gatewayCount });
  }
  return samples;
}

function channelOf([uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate, fast]: readonly number[]) {
  if (uplinkFrequencyHz === undefined || downlinkFrequencyHz === undefined) return undefined;
  if (minDataRate === undefined || maxDataRate === undefined) return undefined;
  const found: Channel = { uplinkFrequencyHz, downlinkFrequencyHz, minDataRate, maxDataRate };
  return fast === 1 ? { ...found, fastDataRates: true } : found;
}

/** A channel's number, and what it is where the region has another by default. */
type Difference = readonly [number, Channel | undefined];

function withDifferences({ defaultChannels }: Region, differences: readonly Difference[]): ChannelPlan {
  const channels: (Channel | undefined)[] = [...defaultChannels];
  for (const [index, other] of differences) {
    if (index < 0 || index > maxChannelNumber) throw new UnreadableSession("a stored channel has an impossible number");
    while (channels.length <= index) channels.push(undefined);
    channels[index] = other;
  }
  return channels;
}

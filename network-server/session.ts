import type { DevAddr } from "../lorawan/ids.ts";
import type { MacParameters, MacState } from "../lorawan/mac/state.ts";
import type { Channel, ChannelPlan, Region } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { isVersion11 } from "../lorawan/version.ts";
import {
  type OpenUplink,
  parseStoredState,
  type StoredSession,
  type StoredState,
  storedFormat,
} from "./session-record.ts";

/** A device's session as the network server works with it; keys are hex. */
export interface Session extends Readonly<Omit<StoredSession, "mac">> {
  readonly mac: MacState;
}

/** Everything the network server keeps of one device (C31: two sessions live side by side after a join). */
export interface DeviceState {
  readonly active?: Session;
  readonly joined?: Session;
  readonly open?: OpenUplink;
}

/** The last counter values of a session; it ends before them (C21). */
export const counterLimit = 0xffff_ffff;

export const regionOfSession = (session: Session): Region => regionOf(session.region, session.regionalParameters);

/** Addresses under which the device must be found. */
export const devAddrsOf = (state: DeviceState): readonly DevAddr[] =>
  [...new Set([state.active?.devAddr, state.joined?.devAddr])].filter(address => address !== undefined);

/** The counter that a downlink of this session with or without application payload leaves under (C18). */
export const nextFCntDown = (session: Session, hasApplicationPayload: boolean): number =>
  isVersion11(session.macVersion) && hasApplicationPayload ? session.aFCntDown : session.nFCntDown;

export function withFCntDownUsed(session: Session, hasApplicationPayload: boolean): Session {
  return isVersion11(session.macVersion) && hasApplicationPayload
    ? { ...session, aFCntDown: session.aFCntDown + 1 }
    : { ...session, nFCntDown: session.nFCntDown + 1 };
}

/** Throws UnreadableSession. */
export function decodeDeviceState(bytes: Uint8Array): DeviceState {
  const stored = parseStoredState(bytes);
  return {
    ...(stored.active && { active: expandSession(stored.active) }),
    ...(stored.joined && { joined: expandSession(stored.joined) }),
    ...(stored.open && { open: stored.open }),
  };
}

export function encodeDeviceState(state: DeviceState): Uint8Array {
  const stored: StoredState = {
    format: storedFormat,
    ...(state.active && { active: compactSession(state.active) }),
    ...(state.joined && { joined: compactSession(state.joined) }),
    ...(state.open && { open: state.open }),
  };
  return Buffer.from(JSON.stringify(stored));
}

// A fixed plan has 72 channels that never change; only differences from the region's defaults are worth storing.
function compactSession(session: Session): StoredSession {
  const defaults = regionOfSession(session).defaultChannels;
  const { current } = session.mac;
  const numbers = Array.from({ length: Math.max(defaults.length, current.channels.length) }, (_, index) => index);
  const channels = numbers
    .filter(index => !sameChannel(current.channels[index], defaults[index]))
    .map(index => [index, current.channels[index] ?? null] as const);
  return { ...session, mac: { ...session.mac, current: { ...current, channels } } };
}

function expandSession(stored: StoredSession): Session {
  const region = regionOf(stored.region, stored.regionalParameters);
  const channels: (Channel | undefined)[] = [...region.defaultChannels];
  for (const [index, channel] of stored.mac.current.channels) {
    while (channels.length <= index) channels.push(undefined);
    channels[index] = channel ?? undefined;
  }
  const plan: ChannelPlan = channels;
  const current: MacParameters = { ...stored.mac.current, channels: plan };
  return { ...stored, mac: { ...stored.mac, current } };
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

import { nextPingSlot, type PingSlot, pingSlotFrequencyHz } from "../../lorawan/class-b.ts";
import { gpsMsOf, utcMsOf } from "../../lorawan/gps-time.ts";
import { pingSlotChannelOf } from "../../lorawan/mac/ping-slot-channel.ts";
import type { Region } from "../../lorawan/region/region.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import { ownRx2Hz } from "../region-config.ts";
import { regionOfSession, type Session } from "../session.ts";
import { gatewayEirpDbm, type ReceiveWindow, subBandOf } from "./windows.ts";

/** Where and when a device of class B listens next. */
export interface PingWindow {
  readonly slot: PingSlot;
  /** The same moment on the wall clock. */
  readonly startsAtMs: number;
  readonly window: ReceiveWindow;
}

/** What of a profile says how its devices are in class B. */
type ClassBProfile = Pick<
  DeviceProfileConfig,
  "supportsClassB" | "pingSlotPeriodicity" | "pingSlotDataRate" | "pingSlotFrequencyHz"
>;

/**
 * TS001-1.0.4 9: a device of class B says so with a bit of each uplink. Without the periodicity of PingSlotInfoReq, or that
 * which its profile tells of it, nobody knows when it listens.
 */
export const isClassB = (session: Session, profile: ClassBProfile): boolean =>
  profile.supportsClassB && session.classB !== undefined && periodicityOf(session, profile) !== undefined;

/** TS001-1.0.4 10: a device that has lost the beacon says so by leaving the bit out. */
export function withClassBit(session: Session, isSet: boolean): Session {
  const { classB: _, ...rest } = session;
  return isSet ? { ...rest, classB: {} } : rest;
}

const periodicityOf = ({ mac }: Session, profile: ClassBProfile): number | undefined =>
  mac.pingSlotPeriodicity ?? profile.pingSlotPeriodicity;

/** The first ping slot later than a moment of the wall clock; undefined where the region has none for this device. */
export function pingWindowAfter(session: Session, profile: ClassBProfile, afterMs: number): PingWindow | undefined {
  const periodicity = periodicityOf(session, profile);
  if (periodicity === undefined) return undefined;
  const slot = nextPingSlot(session.devAddr, periodicity, gpsMsOf(afterMs));
  const region = regionOfSession(session);
  const { current } = session.mac;
  const channel = pingSlotChannelOf(current, region, profile);
  const { dataRate } = channel;
  const frequencyHz =
    channel.frequencyHz || pingSlotFrequencyHz(pingSlotFrequencies(session, region), session.devAddr, slot.beaconGpsMs);
  const modulation = region.downlinkDataRates[dataRate];
  if (!frequencyHz || !modulation) return undefined;
  const subBand = subBandOf(region, frequencyHz);
  const window: ReceiveWindow = {
    name: "ping slot",
    delayUs: 0,
    frequencyHz,
    modulation,
    maxPayload: maxPingPayload(session, profile),
    eirpDbm: gatewayEirpDbm(region, frequencyHz),
    ...(subBand && { subBand }),
  };
  return { slot, startsAtMs: utcMsOf(slot.gpsTimeMs), window };
}

/** Most FRMPayload bytes of a frame in a ping slot. */
export function maxPingPayload(session: Session, profile: ClassBProfile): number {
  const region = regionOfSession(session);
  const { current } = session.mac;
  const { dataRate } = pingSlotChannelOf(current, region, profile);
  const limits = { direction: "down", dwellTime: current.downlinkDwellTime, repeater: false } as const;
  return region.maxPayload(dataRate, limits);
}

/** In the 20 MHz plans of CN470 they follow the channel that the device joined on, else that which its RX2 belongs to. */
function pingSlotFrequencies(session: Session, region: Region): readonly number[] {
  const { pingSlot, joinChannels, strayJoinChannels, name } = region;
  if (pingSlot.frequenciesHz.length > 0) return pingSlot.frequenciesHz;
  const own = [...joinChannels, ...strayJoinChannels].filter(channel => channel.region === name);
  const rx2Hz = ownRx2Hz(region, session.mac.current.rx2FrequencyHz);
  const joinChannel =
    own.find(channel => channel.uplinkFrequencyHz === session.joinChannelHz) ??
    own.find(channel => channel.rx2FrequencyHz === rx2Hz);
  return joinChannel?.pingSlotFrequenciesHz ?? [];
}

const pingSlotChannelReq = "11";

/** PingSlotChannelReq is on its way: until the device has answered it, nobody knows where it listens. */
export const isChangingPingSlots = ({ mac }: Session): boolean =>
  mac.pending.some(command => command.startsWith(pingSlotChannelReq));

import type { DevAddr, DevEui } from "../lorawan/ids.ts";
import type { MacState } from "../lorawan/mac/state.ts";
import type { Region } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { isVersion11 } from "../lorawan/version.ts";
import type { AdrSample, LastingSession, LivingSession, OpenUplink } from "./session-record.ts";

/** A device's session as the network server works with it; keys are hex. */
export interface Session extends LastingSession, LivingSession {
  readonly mac: MacState;
  /** Oldest first, under the present radio parameters. */
  readonly adrHistory: readonly AdrSample[];
}

/** Everything the network server keeps of one device (C31: two sessions live side by side after a join). */
export interface DeviceState {
  readonly active?: Session;
  readonly joined?: Session;
  readonly open?: OpenUplink;
}

/** A device's state with the version that a change of it must name. */
export interface LoadedDevice {
  readonly devEui: DevEui;
  readonly version: number;
  /** How many losses of the store the state is past. */
  readonly losses: number;
  readonly state: DeviceState;
}

/** The last counter values of a session; it ends before them (C21). */
export const counterLimit = 0xffff_ffff;

export const regionOfSession = (session: Session): Region => regionOf(session.region, session.regionalParameters);

/** Addresses under which the device must be found. */
export function devAddrsOf({ active, joined }: DeviceState): readonly DevAddr[] {
  if (!active) return joined ? [joined.devAddr] : [];
  return joined && joined.devAddr !== active.devAddr ? [active.devAddr, joined.devAddr] : [active.devAddr];
}

/** The counter that a downlink of this session with or without application payload leaves under (C18). */
export const nextFCntDown = (session: Session, hasApplicationPayload: boolean): number =>
  isVersion11(session.macVersion) && hasApplicationPayload ? session.aFCntDown : session.nFCntDown;

/** @param fCntDown the counter that is used up, with all before it. */
export function withFCntDownUsed(session: Session, hasApplicationPayload: boolean, fCntDown: number): Session {
  return isVersion11(session.macVersion) && hasApplicationPayload
    ? { ...session, aFCntDown: fCntDown + 1 }
    : { ...session, nFCntDown: fCntDown + 1 };
}

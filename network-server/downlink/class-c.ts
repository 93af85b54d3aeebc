import { isVersion11 } from "../../lorawan/version.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import { regionOfSession, type Session } from "../session.ts";
import { dataWindows, type ReceiveWindow } from "./windows.ts";

/** TS001-1.0.4 15: the profile says it. TS001-1.1 5.13: the device says it with DeviceModeInd. */
export const isClassC = (session: Session, profile: Pick<DeviceProfileConfig, "supportsClassC">): boolean =>
  isVersion11(session.macVersion) ? session.mac.deviceClass === "C" : profile.supportsClassC;

/** What a class C device listens to whenever it neither sends nor has RX1 open: the parameters of RX2 (C51). */
export function classCWindow(session: Session): ReceiveWindow | undefined {
  const { current } = session.mac;
  const uplink = { frequencyHz: current.rx2FrequencyHz, dataRate: current.dataRate };
  return dataWindows(regionOfSession(session), current, uplink).find(window => window.name === "RX2");
}

const rxParamSetupReq = "05";

/** RXParamSetupReq is on its way: until the device has answered it, nobody knows where it listens. */
export const isChangingRx2 = ({ mac }: Session): boolean =>
  mac.pending.some(command => command.startsWith(rxParamSetupReq));

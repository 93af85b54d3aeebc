import { isVersion11 } from "../../lorawan/version.ts";
import type { DeviceClass } from "../../platform/state/network-event.ts";
import type { DeviceConfig, DeviceProfileConfig } from "../ports.ts";
import type { Session } from "../session.ts";
import { isClassB } from "./class-b.ts";
import { isClassC } from "./class-c.ts";

/** How a device listens now. One of class C hears everything at once, so that class B would only be slower. */
export function deviceClassOf(session: Session, profile: DeviceProfileConfig): DeviceClass {
  if (isClassC(session, profile)) return "C";
  return isClassB(session, profile) ? "B" : "A";
}

/** True unless it can only ever be of class A. */
export const mayListen = (device: DeviceConfig | undefined): device is DeviceConfig =>
  device !== undefined &&
  !device.disabled &&
  (device.profile.supportsClassB || device.profile.supportsClassC || isVersion11(device.profile.macVersion));

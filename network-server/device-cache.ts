import type { DevAddr, DevEui } from "../lorawan/ids.ts";
import { createNewestMap } from "./gateway/newest-map.ts";
import { devAddrsOf, type LoadedDevice } from "./session.ts";

/**
 * Devices as this process last read or wrote them. Others may have written since, so that what is here is a guess: good to
 * begin with where the commit that follows names the version, and never enough to refuse anything.
 */
export interface DeviceCache {
  /** Those that are known under this address; there may be more. */
  byDevAddr(devAddr: DevAddr): readonly LoadedDevice[];
  put(device: LoadedDevice): void;
  forget(devEui: DevEui): void;
}

const none: readonly DevEui[] = [];

/** Keeps the `maxDevices` devices that were put last. */
export function createDeviceCache(maxDevices: number): DeviceCache {
  const devices = createNewestMap<DevEui, LoadedDevice>(maxDevices, dropAddresses);
  const addresses = new Map<DevAddr, readonly DevEui[]>();

  function dropAddresses({ devEui, state }: LoadedDevice): void {
    for (const devAddr of devAddrsOf(state)) {
      const others = addresses.get(devAddr)?.filter(other => other !== devEui) ?? [];
      if (others.length > 0) addresses.set(devAddr, others);
      else addresses.delete(devAddr);
    }
  }

  function addAddresses({ devEui, state }: LoadedDevice): void {
    for (const devAddr of devAddrsOf(state)) addresses.set(devAddr, [...(addresses.get(devAddr) ?? []), devEui]);
  }

  return {
    byDevAddr(devAddr) {
      const found: LoadedDevice[] = [];
      for (const devEui of addresses.get(devAddr) ?? none) {
        const device = devices.get(devEui);
        if (device) found.push(device);
      }
      return found;
    },
    put(device) {
      const before = devices.get(device.devEui);
      // A read that began before a commit ends after it.
      if (before && before.version > device.version && before.losses >= device.losses) return;
      const isFoundAlready = before !== undefined && hasSameAddresses(before, device);
      if (before && !isFoundAlready) dropAddresses(before);
      devices.put(device.devEui, device);
      if (!isFoundAlready) addAddresses(device);
    },
    forget(devEui) {
      const known = devices.get(devEui);
      if (!known) return;
      devices.delete(devEui);
      dropAddresses(known);
    },
  };
}

const hasSameAddresses = ({ state: left }: LoadedDevice, { state: right }: LoadedDevice): boolean =>
  left.active?.devAddr === right.active?.devAddr && left.joined?.devAddr === right.joined?.devAddr;

import { describe, expect, test } from "vitest";
import { parseDevAddr, parseDevEui } from "../../lorawan/ids.ts";
import { createDeviceCache } from "../../network-server/device-cache.ts";
import type { LoadedDevice, Session } from "../../network-server/session.ts";
import { someDevAddr, someSession } from "../support/sessions.ts";

const otherDevAddr = parseDevAddr("01ab23ce");
const device = (number: number, version: number, active: Partial<Session> = {}, joined?: Session): LoadedDevice => ({
  devEui: parseDevEui(number.toString(16).padStart(16, "0")),
  version,
  losses: 0,
  state: { active: someSession(active), ...(joined && { joined }) },
});

describe("the devices in memory", () => {
  test("C33 are found under each of their addresses, together with those that share it", () => {
    const cache = createDeviceCache(10);
    const first = device(1, 1);
    const second = device(2, 1, {}, someSession({ devAddr: otherDevAddr }));
    cache.put(first);
    cache.put(second);
    expect(cache.byDevAddr(someDevAddr)).toEqual([first, second]);
    expect(cache.byDevAddr(otherDevAddr)).toEqual([second]);
  });

  test("are found under new addresses alone once they have them", () => {
    const cache = createDeviceCache(10);
    cache.put(device(1, 1));
    const moved = device(1, 2, { devAddr: otherDevAddr });
    cache.put(moved);
    expect(cache.byDevAddr(someDevAddr)).toEqual([]);
    expect(cache.byDevAddr(otherDevAddr)).toEqual([moved]);
  });

  test("are not replaced by what was read before they were written", () => {
    const cache = createDeviceCache(10);
    const written = device(1, 3, { fCntUp: 8 });
    cache.put(written);
    cache.put(device(1, 2, { fCntUp: 7 }));
    expect(cache.byDevAddr(someDevAddr)).toEqual([written]);
  });

  test("are bounded in number, their addresses too", () => {
    const cache = createDeviceCache(2);
    for (const number of [1, 2, 3]) cache.put(device(number, 1));
    cache.put(device(4, 1, { devAddr: otherDevAddr }));
    expect(cache.byDevAddr(someDevAddr)).toEqual([device(3, 1)]);
    cache.forget(device(4, 1).devEui);
    expect(cache.byDevAddr(otherDevAddr)).toEqual([]);
  });
});

import { expect, test } from "vitest";
import {
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseJoinEui,
  parseTenantId,
} from "../../lorawan/ids.ts";
import type { RegionName } from "../../lorawan/region/region.ts";
import type { RegionConfig } from "../../network-server/config.ts";
import { mostPayload } from "../../network-server/payload-bounds.ts";
import type { DeviceConfig, DeviceProfileConfig } from "../../network-server/ports.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";

function mostOf(region: RegionName, profile: Partial<DeviceProfileConfig> = {}, changes: Partial<RegionConfig> = {}) {
  const uuid = (digit: number) => `00000000-0000-4000-8000-00000000000${digit}`;
  const device: DeviceConfig = {
    devEui: parseDevEui("0000000000000001"),
    joinEui: parseJoinEui("0000000000000000"),
    tenantId: parseTenantId(uuid(1)),
    applicationId: parseApplicationId(uuid(2)),
    disabled: false,
    resetsFCnt: false,
    profile: {
      id: parseDeviceProfileId(uuid(3)),
      region,
      macVersion: "1.0.4",
      regionalParameters: "RP002-1.0.4",
      supportsOtaa: true,
      supportsClassB: false,
      supportsClassC: false,
      classBTimeoutSeconds: 8,
      classCTimeoutSeconds: 8,
      adrAlgorithm: "default",
      expectedUplinkIntervalSeconds: 3600,
      deviceStatusIntervalSeconds: 0,
      flushQueueOnActivate: true,
      confirmedDownlinkRetries: 2,
      abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 },
      ...profile,
    },
  };
  return mostPayload(device, { ...defaultRegionConfig(region), ...changes }, undefined);
}

test("C7 a device that has not joined can receive what its fastest allowed data rate carries", () => {
  expect(mostOf("EU868")).toBe(242);
  // RP002-1.0.4 table 13: DR2 and below carry 51 bytes, DR3 115.
  expect(mostOf("EU868", { adrMaxDataRate: 2 })).toBe(51);
  expect(mostOf("EU868", { adrMaxDataRate: 3 })).toBe(115);
  expect(mostOf("EU868", {}, { adrMaxDataRate: 2 })).toBe(51);
  expect(mostOf("EU868", { adrMaxDataRate: 3 }, { adrMaxDataRate: 2 })).toBe(115);
});

test("C7 an offset of RX1 counts, and bounds of ADR do not bind a device that it leaves alone", () => {
  expect(mostOf("EU868", { adrMaxDataRate: 5 }, { rx1DrOffset: 3 })).toBe(51);
  expect(mostOf("EU868", { adrMaxDataRate: 2, adrAlgorithm: "none" })).toBe(242);
});

test("C7 class C listens at the data rate of RX2 as well, and class B at that of its ping slots", () => {
  const slow = { adrMaxDataRate: 0 };
  expect(mostOf("EU868", { ...slow, supportsClassC: true }, { rx2DataRate: 3 })).toBe(115);
  expect(mostOf("EU868", slow, { rx2DataRate: 3 })).toBe(51);
  expect(mostOf("EU868", { ...slow, supportsClassB: true })).toBe(115);
  expect(mostOf("EU868", { ...slow, supportsClassB: true }, { pingSlotDataRate: 0 })).toBe(51);
});

test("C7 under a dwell-time limit of AS923 it is less", () => {
  expect(mostOf("AS923", { adrMaxDataRate: 2 }, { downlinkDwellTime: false })).toBe(115);
  expect(mostOf("AS923", { adrMaxDataRate: 2 }, { downlinkDwellTime: true })).toBe(11);
});

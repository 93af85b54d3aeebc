import { expect, test } from "vitest";
import { parseApplicationId, parseDevEui } from "../../lorawan/ids.ts";
import { statusEvent } from "../../network-server/events.ts";

const device = {
  devEui: parseDevEui("70b3d57ed0001234"),
  applicationId: parseApplicationId("17c82e96-be03-4f38-aef3-f83d48582d97"),
};
const origin = { device, atMs: 0, deduplicationId: "9c0d2e9a-52b6-41b8-9a5c-0a7fca2bd7b4" };

test.each([
  [0, { externalPowerSource: true, batteryLevelUnavailable: false, batteryLevel: 0 }],
  [1, { externalPowerSource: false, batteryLevelUnavailable: false, batteryLevel: 0 }],
  [127, { externalPowerSource: false, batteryLevelUnavailable: false, batteryLevel: 49.8 }],
  [254, { externalPowerSource: false, batteryLevelUnavailable: false, batteryLevel: 100 }],
  [255, { externalPowerSource: false, batteryLevelUnavailable: true, batteryLevel: 0 }],
])("C61 battery %i is told in percent, as external power or as unknown", (battery, expected) => {
  expect(statusEvent(origin, battery, -32)).toMatchObject({ kind: "status", margin: -32, ...expected });
});

import { expect, test } from "vitest";
import { deviceTimeAns, deviceTimeOf, deviceTimeReq } from "../../../lorawan/mac/device-time.ts";
import { contextOf, heard, stateOf } from "./session.ts";
import { checkVectors, hex } from "./vectors.ts";

checkVectors(deviceTimeReq, () => ({}));
checkVectors(deviceTimeAns, fields => deviceTimeOf(fields.group("TimeSinceGPSEpoch").number("ns") / 1e6));

const at = (endGpsTimeMs: number) => contextOf({ uplink: { marginDb: 0, gatewayCount: 1, endGpsTimeMs } });

test.each([
  [1000, "0d0100000000"],
  [1007.8125, "0d0100000002"],
  [1_479_441_699_127, "0d237d2e5820"],
  [1_300_000_000_999, "0d006d7c4dff"],
])("C49 tells %d ms of GPS time at the end of the uplink as %s", (endGpsTimeMs, answer) => {
  const result = heard("0d", stateOf(), at(endGpsTimeMs));
  expect(result.answers.map(hex)).toEqual([answer]);
  expect(result.needsDownlink).toBe(true);
});

test("C49 a device before LoRaWAN 1.0.3 has no DeviceTimeReq", () => {
  const result = heard("0d", stateOf(), { ...at(1000), macVersion: "1.0.2" });
  expect(result).toMatchObject({ answers: [], events: [{ kind: "unknown-command", cid: 0x0d }] });
});

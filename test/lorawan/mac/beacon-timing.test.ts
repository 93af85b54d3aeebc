import { expect, test } from "vitest";
import { beaconTimingAns } from "../../../lorawan/mac/beacon-timing.ts";
import { decodeMessage, encodeMessage } from "../../../lorawan/mac/message.ts";
import { contextOf, heard, stateOf } from "./session.ts";
import { hex } from "./vectors.ts";

test("BeaconTimingAns carries delay and channel, little-endian", () => {
  const value = { delay: 0x1234, channel: 7 };
  const bytes = encodeMessage(beaconTimingAns, value);
  expect(hex(bytes)).toBe("12341207");
  expect(decodeMessage(beaconTimingAns, bytes.subarray(1))).toEqual(value);
});

test("C52 BeaconTimingReq is passed over up to LoRaWAN 1.0.3 and unknown afterwards", () => {
  expect(heard("1202", stateOf(), contextOf({ macVersion: "1.0.3" })).answers).toHaveLength(1);
  expect(heard("1202", stateOf(), contextOf({ macVersion: "1.0.4" })).answers).toHaveLength(0);
});

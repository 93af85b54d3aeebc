import { codecOnly } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type BeaconTimingAns = {
  /** The next beacon starts between 30 ms x delay and 30 ms x (delay + 1) after the end of this frame. */
  readonly delay: number;
  readonly channel: number;
};

export const beaconTimingReq = emptyMessage(0x12, "BeaconTimingReq");

export const beaconTimingAns: Message<BeaconTimingAns> = {
  cid: 0x12,
  name: "BeaconTimingAns",
  length: 3,
  decode: payload => ({ delay: payload.getUint16(0, true), channel: payload.getUint8(2) }),
  encode: (value, payload) => {
    payload.setUint16(0, unsigned("Delay", value.delay, 16), true);
    payload.setUint8(2, unsigned("Channel", value.channel, 8));
  },
};

// LoRaWAN 1.0.3 deprecated it in favour of DeviceTimeReq; a device that gets no answer searches for the beacon.
export const beaconTiming = codecOnly({
  cid: 0x12,
  since: "1.0.0",
  until: "1.0.3",
  up: beaconTimingReq,
  down: beaconTimingAns,
});

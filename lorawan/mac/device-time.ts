import { deviceInitiated } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type DeviceTimeAns = {
  /** Seconds since the GPS epoch, modulo 2^32. */
  readonly gpsSeconds: number;
  /** 1/256 s. */
  readonly fraction: number;
};

export const deviceTimeReq = emptyMessage(0x0d, "DeviceTimeReq");

export const deviceTimeAns: Message<DeviceTimeAns> = {
  cid: 0x0d,
  name: "DeviceTimeAns",
  length: 5,
  decode: payload => ({ gpsSeconds: payload.getUint32(0, true), fraction: payload.getUint8(4) }),
  encode: (value, payload) => {
    payload.setUint32(0, unsigned("seconds", value.gpsSeconds, 32), true);
    payload.setUint8(4, unsigned("FractionalSecond", value.fraction, 8));
  },
};

export const deviceTimeOf = (gpsTimeMs: number): DeviceTimeAns => {
  const seconds = Math.floor(gpsTimeMs / 1000);
  return {
    gpsSeconds: seconds % 2 ** 32,
    fraction: Math.floor(((gpsTimeMs - seconds * 1000) * 256) / 1000),
  };
};

/** TS001-1.0.4 5.9: the time at the end of the uplink that asked. */
export const deviceTime = deviceInitiated({
  since: "1.0.3",
  request: deviceTimeReq,
  response: deviceTimeAns,
  answer: (_request, { uplink }) => ({ answer: deviceTimeOf(uplink.endGpsTimeMs) }),
});

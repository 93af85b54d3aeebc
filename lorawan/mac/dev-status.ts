import { MalformedValue } from "../errors.ts";
import { accepted, networkInitiated } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type DevStatusAns = {
  /** 0: external power; 1 to 254: level; 255: not measured. */
  readonly battery: number;
  /** -32 to 31: SNR of the last DevStatusReq. */
  readonly marginDb: number;
};

export const devStatusReq = emptyMessage(0x06, "DevStatusReq");

export const devStatusAns: Message<DevStatusAns> = {
  cid: 0x06,
  name: "DevStatusAns",
  length: 2,
  decode: payload => {
    const margin = payload.getUint8(1) & 0x3f;
    return { battery: payload.getUint8(0), marginDb: margin > 31 ? margin - 64 : margin };
  },
  encode: ({ battery, marginDb }, payload) => {
    if (!Number.isInteger(marginDb) || marginDb < -32 || marginDb > 31) {
      throw new MalformedValue("RadioStatus is an integer from -32 to 31", { marginDb });
    }
    payload.setUint8(0, unsigned("Battery", battery, 8));
    payload.setUint8(1, marginDb & 0x3f);
  },
};

/** TS001-1.0.4 5.5: asked for as often as the device's profile says. */
export const devStatus = networkInitiated({
  since: "1.0.0",
  request: devStatusReq,
  response: devStatusAns,
  // The interval paces it: three lost frames must not end it for the session.
  endsAfterMaxTries: false,
  wanted: ({ deviceStatusRequestedAtMs: askedAtMs }, _wanted, { deviceStatusIntervalSeconds, nowMs }) => {
    if (deviceStatusIntervalSeconds <= 0) return [];
    return askedAtMs === undefined || nowMs - askedAtMs >= deviceStatusIntervalSeconds * 1000 ? [{}] : [];
  },
  accept: (state, _request, { battery, marginDb }, { nowMs }) =>
    accepted({ ...state, deviceStatus: { battery, marginDb, atMs: nowMs } }, [
      { kind: "device-status", battery, marginDb },
    ]),
  sent: (state, nowMs) => ({ ...state, deviceStatusRequestedAtMs: nowMs }),
});

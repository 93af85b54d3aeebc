import { deviceInitiated } from "./command.ts";
import { type Message, unsigned } from "./message.ts";

export type DeviceMode = {
  /** 0 is class A, 2 is class C; others are reserved. */
  readonly classCode: number;
};

const deviceModeMessage = (name: string): Message<DeviceMode> => ({
  cid: 0x20,
  name,
  length: 1,
  decode: payload => ({ classCode: payload.getUint8(0) }),
  encode: ({ classCode }, payload) => {
    payload.setUint8(0, unsigned("Class", classCode, 8));
  },
});

export const deviceModeInd = deviceModeMessage("DeviceModeInd");
export const deviceModeConf = deviceModeMessage("DeviceModeConf");

/** LoRaWAN 1.1 18.1: repeated until it is confirmed; a reserved class is not. */
export const deviceMode = deviceInitiated({
  since: "1.1.0",
  request: deviceModeInd,
  response: deviceModeConf,
  answer: ({ classCode }, _context, state) => {
    if (classCode !== 0 && classCode !== 2) return {};
    const deviceClass = classCode === 2 ? "C" : "A";
    return {
      state: { ...state, deviceClass },
      answer: { classCode },
      events: [{ kind: "device-class", deviceClass }],
    };
  },
});

import { acceptedWith, networkInitiated, refused } from "./command.ts";
import { flagByte, hasBit, type Message, unsigned } from "./message.ts";

export type RejoinParamSetupReq = {
  readonly maxTimeExponent: number;
  readonly maxCountExponent: number;
};

export type RejoinParamSetupAns = { readonly timeOk: boolean };

export const rejoinParamSetupReq: Message<RejoinParamSetupReq> = {
  cid: 0x0f,
  name: "RejoinParamSetupReq",
  length: 1,
  decode: payload => ({ maxTimeExponent: payload.getUint8(0) >> 4, maxCountExponent: payload.getUint8(0) & 0x0f }),
  encode: (value, payload) => {
    const time = unsigned("MaxTimeN", value.maxTimeExponent, 4);
    payload.setUint8(0, (time << 4) | unsigned("MaxCountN", value.maxCountExponent, 4));
  },
};

export const rejoinParamSetupAns: Message<RejoinParamSetupAns> = {
  cid: 0x0f,
  name: "RejoinParamSetupAns",
  length: 1,
  decode: payload => ({ timeOk: hasBit(payload.getUint8(0), 0) }),
  encode: ({ timeOk }, payload) => {
    payload.setUint8(0, flagByte(timeOk));
  },
};

/** LoRaWAN 1.1 5.14. Both limits are wanted together; a device without a clock takes the count alone. */
export const rejoinParamSetup = networkInitiated({
  since: "1.1.0",
  request: rejoinParamSetupReq,
  response: rejoinParamSetupAns,
  wanted: ({ current }, { rejoinMaxTimeExponent: time, rejoinMaxCountExponent: count }) => {
    if (time === undefined || count === undefined) return [];
    const isInForce = time === current.rejoinMaxTimeExponent && count === current.rejoinMaxCountExponent;
    return isInForce ? [] : [{ maxTimeExponent: time, maxCountExponent: count }];
  },
  accept: (state, { maxTimeExponent, maxCountExponent }, { timeOk }) => {
    const withCount = { ...state, current: { ...state.current, rejoinMaxCountExponent: maxCountExponent } };
    return timeOk ? acceptedWith(withCount, { rejoinMaxTimeExponent: maxTimeExponent }) : refused(withCount, "timeOk");
  },
});

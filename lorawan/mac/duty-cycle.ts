import { MalformedValue } from "../errors.ts";
import { acceptedWith, networkInitiated } from "./command.ts";
import { emptyMessage, type Message } from "./message.ts";

export type DutyCycleReq = {
  /** All airtime together is at most 1 / 2^exponent; 255 switched a device of LoRaWAN 1.0.0 and 1.0.1 off. */
  readonly maxDutyCycleExponent: number;
};

const switchedOff = 255;

export const dutyCycleReq: Message<DutyCycleReq> = {
  cid: 0x04,
  name: "DutyCycleReq",
  length: 1,
  decode: payload => {
    const value = payload.getUint8(0);
    return { maxDutyCycleExponent: value === switchedOff ? value : value & 0x0f };
  },
  encode: ({ maxDutyCycleExponent: value }, payload) => {
    if (!Number.isInteger(value) || value < 0 || (value > 15 && value !== switchedOff)) {
      throw new MalformedValue("MaxDCycle is an integer from 0 to 15, or 255", { value });
    }
    payload.setUint8(0, value);
  },
};

export const dutyCycleAns = emptyMessage(0x04, "DutyCycleAns");

/** TS001-1.0.4 5.3. */
export const dutyCycle = networkInitiated({
  since: "1.0.0",
  request: dutyCycleReq,
  response: dutyCycleAns,
  wanted: ({ current }, { maxDutyCycleExponent }) =>
    maxDutyCycleExponent === undefined || maxDutyCycleExponent === current.maxDutyCycleExponent
      ? []
      : [{ maxDutyCycleExponent }],
  accept: (state, { maxDutyCycleExponent }) => acceptedWith(state, { maxDutyCycleExponent }),
});

import { acceptedWith, networkInitiated } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type ADRParamSetupReq = {
  /** ADR_ACK_LIMIT is 2^exponent. */
  readonly limitExponent: number;
  /** ADR_ACK_DELAY is 2^exponent. */
  readonly delayExponent: number;
};

export const adrParamSetupReq: Message<ADRParamSetupReq> = {
  cid: 0x0c,
  name: "ADRParamSetupReq",
  length: 1,
  decode: payload => ({ limitExponent: payload.getUint8(0) >> 4, delayExponent: payload.getUint8(0) & 0x0f }),
  encode: (value, payload) => {
    const limit = unsigned("Limit_exp", value.limitExponent, 4);
    payload.setUint8(0, (limit << 4) | unsigned("Delay_exp", value.delayExponent, 4));
  },
};

export const adrParamSetupAns = emptyMessage(0x0c, "ADRParamSetupAns");

/** RP002-1.0.4 2.3: ADR_ACK_LIMIT is 64 and ADR_ACK_DELAY 32 where nothing else was said. */
const defaultLimitExponent = 6;
const defaultDelayExponent = 5;

/** LoRaWAN 1.1 5.11. */
export const adrParamSetup = networkInitiated({
  since: "1.1.0",
  request: adrParamSetupReq,
  response: adrParamSetupAns,
  wanted: ({ current }, wanted) => {
    const present = {
      limitExponent: current.adrAckLimitExponent ?? defaultLimitExponent,
      delayExponent: current.adrAckDelayExponent ?? defaultDelayExponent,
    };
    const request = {
      limitExponent: wanted.adrAckLimitExponent ?? present.limitExponent,
      delayExponent: wanted.adrAckDelayExponent ?? present.delayExponent,
    };
    const isInForce =
      request.limitExponent === present.limitExponent && request.delayExponent === present.delayExponent;
    return isInForce ? [] : [request];
  },
  accept: (state, { limitExponent, delayExponent }) =>
    acceptedWith(state, { adrAckLimitExponent: limitExponent, adrAckDelayExponent: delayExponent }),
});

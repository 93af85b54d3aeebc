import { type NetworkInitiatedCommand, refused } from "./command.ts";
import { encodeMessage, eraseMessage, type Message, unsigned } from "./message.ts";

export type ForceRejoinReq = {
  /** Seconds between repeats: 32 x 2^period + a random part. */
  readonly period: number;
  readonly maxRetries: number;
  readonly rejoinType: number;
  readonly dataRate: number;
};

export const forceRejoinReq: Message<ForceRejoinReq> = {
  cid: 0x0e,
  name: "ForceRejoinReq",
  length: 2,
  decode: payload => {
    const word = payload.getUint16(0, true);
    return {
      period: (word >> 11) & 0x07,
      maxRetries: (word >> 8) & 0x07,
      rejoinType: (word >> 4) & 0x07,
      dataRate: word & 0x0f,
    };
  },
  encode: (value, payload) => {
    const schedule = (unsigned("Period", value.period, 3) << 11) | (unsigned("Max_Retries", value.maxRetries, 3) << 8);
    const kind = (unsigned("RejoinType", value.rejoinType, 3) << 4) | unsigned("DR", value.dataRate, 4);
    payload.setUint16(0, schedule | kind, true);
  },
};

/**
 * LoRaWAN 1.1 5.13: has no answer but the Rejoin-Request, which makes a new session. Until then it is sent again with each
 * downlink, as often as any request.
 */
export const forceRejoin: NetworkInitiatedCommand = {
  kind: "network-initiated",
  cid: forceRejoinReq.cid,
  since: "1.1.0",
  down: eraseMessage(forceRejoinReq),
  sticky: false,
  endsAfterMaxTries: true,
  wanted: ({ forceRejoin: order }) => (order ? [encodeMessage(forceRejoinReq, { ...order })] : []),
  answerCount: () => 0,
  accept: state => refused(state, "ForceRejoinReq has no answer"),
  sent: state => state,
};

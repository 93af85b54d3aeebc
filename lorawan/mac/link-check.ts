import { deviceInitiated } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type LinkCheckAns = {
  /** 0 to 254 dB above the demodulation floor; 255 is reserved. */
  readonly marginDb: number;
  readonly gatewayCount: number;
};

export const linkCheckReq = emptyMessage(0x02, "LinkCheckReq");

export const linkCheckAns: Message<LinkCheckAns> = {
  cid: 0x02,
  name: "LinkCheckAns",
  length: 2,
  decode: payload => ({ marginDb: payload.getUint8(0), gatewayCount: payload.getUint8(1) }),
  encode: (value, payload) => {
    payload.setUint8(0, unsigned("Margin", value.marginDb, 8));
    payload.setUint8(1, unsigned("GwCnt", value.gatewayCount, 8));
  },
};

const within = (value: number, least: number, most: number): number =>
  Math.min(Math.max(Math.floor(value), least), most);

/** TS001-1.0.4 5.1: every LinkCheckReq is answered. */
export const linkCheck = deviceInitiated({
  since: "1.0.0",
  request: linkCheckReq,
  response: linkCheckAns,
  answer: (_request, { uplink }) => ({
    answer: { marginDb: within(uplink.marginDb, 0, 254), gatewayCount: within(uplink.gatewayCount, 1, 255) },
  }),
});

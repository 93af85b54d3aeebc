import { deviceInitiated } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type PingSlotInfoReq = {
  /** 0 to 7: a ping slot every 2^periodicity seconds. */
  readonly periodicity: number;
};

export const pingSlotInfoReq: Message<PingSlotInfoReq> = {
  cid: 0x10,
  name: "PingSlotInfoReq",
  length: 1,
  decode: payload => ({ periodicity: payload.getUint8(0) & 0x07 }),
  encode: ({ periodicity }, payload) => {
    payload.setUint8(0, unsigned("Periodicity", periodicity, 3));
  },
};

export const pingSlotInfoAns = emptyMessage(0x10, "PingSlotInfoAns");

/** TS001-1.0.4 12.1. */
export const pingSlotInfo = deviceInitiated({
  since: "1.0.0",
  request: pingSlotInfoReq,
  response: pingSlotInfoAns,
  answer: ({ periodicity }, _context, state) => ({
    state: { ...state, pingSlotPeriodicity: periodicity },
    answer: {},
    events: [{ kind: "ping-slot-periodicity", periodicity }],
  }),
});

import { acceptedWith, networkInitiated } from "./command.ts";
import { emptyMessage, type Message, unsigned } from "./message.ts";

export type RXTimingSetupReq = {
  /** 0 to 15 as on the wire; 0 means 1 second. */
  readonly delay: number;
};

export const rxTimingSetupReq: Message<RXTimingSetupReq> = {
  cid: 0x08,
  name: "RXTimingSetupReq",
  length: 1,
  decode: payload => ({ delay: payload.getUint8(0) & 0x0f }),
  encode: ({ delay }, payload) => {
    payload.setUint8(0, unsigned("Delay", delay, 4));
  },
};

export const rxTimingSetupAns = emptyMessage(0x08, "RXTimingSetupAns");

/** TS001-1.0.4 5.7. */
export const rxTimingSetup = networkInitiated({
  since: "1.0.0",
  request: rxTimingSetupReq,
  response: rxTimingSetupAns,
  sticky: true,
  wanted: ({ current }, { rx1DelaySeconds: delay }) =>
    delay === undefined || delay === current.rx1DelaySeconds ? [] : [{ delay }],
  accept: (state, { delay }) => acceptedWith(state, { rx1DelaySeconds: Math.max(delay, 1) }),
});

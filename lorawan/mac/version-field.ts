import { type Message, unsigned } from "./message.ts";

export type MinorVersion = {
  /** 1 is LoRaWAN 1.1. */
  readonly minor: number;
};

/** The minor version that the server speaks in answer to ResetInd and RekeyInd. */
export const serverMinor = 1;

/** The form that ResetInd, ResetConf, RekeyInd and RekeyConf share (LoRaWAN 1.1 5.1, 5.10). */
export const minorVersionMessage = (cid: number, name: string): Message<MinorVersion> => ({
  cid,
  name,
  length: 1,
  decode: payload => ({ minor: payload.getUint8(0) & 0x0f }),
  encode: ({ minor }, payload) => {
    payload.setUint8(0, unsigned("Minor", minor, 4));
  },
});

import { acceptedWith, networkInitiated, refused, refusedBits } from "./command.ts";
import { flagByte, hasBit, type Message, readFrequency, writeFrequency } from "./message.ts";

export type BeaconFreqReq = {
  /** 0: the region's own. */
  readonly frequencyHz: number;
};

export type BeaconFreqAns = { readonly beaconFrequencyOk: boolean };

export const beaconFreqReq: Message<BeaconFreqReq> = {
  cid: 0x13,
  name: "BeaconFreqReq",
  length: 3,
  decode: payload => ({ frequencyHz: readFrequency(payload, 0) }),
  encode: ({ frequencyHz }, payload) => writeFrequency(payload, 0, "Frequency", frequencyHz),
};

export const beaconFreqAns: Message<BeaconFreqAns> = {
  cid: 0x13,
  name: "BeaconFreqAns",
  length: 1,
  decode: payload => ({ beaconFrequencyOk: hasBit(payload.getUint8(0), 0) }),
  encode: ({ beaconFrequencyOk }, payload) => {
    payload.setUint8(0, flagByte(beaconFrequencyOk));
  },
};

/** TS001-1.0.4 12.3. */
export const beaconFreq = networkInitiated({
  since: "1.0.0",
  request: beaconFreqReq,
  response: beaconFreqAns,
  wanted: ({ current }, { beaconFrequencyHz }) =>
    beaconFrequencyHz === undefined || beaconFrequencyHz === (current.beaconFrequencyHz ?? 0)
      ? []
      : [{ frequencyHz: beaconFrequencyHz }],
  accept: (state, { frequencyHz }, answer) => {
    const bits = refusedBits(answer);
    return bits === "" ? acceptedWith(state, { beaconFrequencyHz: frequencyHz }) : refused(state, bits);
  },
});

import { acceptedWith, networkInitiated } from "./command.ts";
import { emptyMessage, hasBit, type Message, unsigned } from "./message.ts";

export type TxParamSetupReq = {
  readonly downlinkDwellTime: boolean;
  readonly uplinkDwellTime: boolean;
  /** 0 to 15: a place in `codedEirpDbm`. */
  readonly maxEirpCode: number;
};

/** TS001-1.0.4 5.8, table of MaxEIRP. */
export const codedEirpDbm = [8, 10, 12, 13, 14, 16, 18, 20, 21, 24, 26, 27, 29, 30, 33, 36] as const;

export const txParamSetupReq: Message<TxParamSetupReq> = {
  cid: 0x09,
  name: "TxParamSetupReq",
  length: 1,
  decode: payload => {
    const byte = payload.getUint8(0);
    return { downlinkDwellTime: hasBit(byte, 5), uplinkDwellTime: hasBit(byte, 4), maxEirpCode: byte & 0x0f };
  },
  encode: (value, payload) => {
    const dwell = (value.downlinkDwellTime ? 0x20 : 0) | (value.uplinkDwellTime ? 0x10 : 0);
    payload.setUint8(0, dwell | unsigned("MaxEIRP", value.maxEirpCode, 4));
  },
};

export const txParamSetupAns = emptyMessage(0x09, "TxParamSetupAns");

/** The highest coded EIRP that is not above the limit; the lowest there is where all are. */
const codeFor = (maxEirpDbm: number): number =>
  Math.max(
    0,
    codedEirpDbm.findLastIndex(dbm => dbm <= maxEirpDbm),
  );

/** TS001-1.0.4 5.8: only in regions that have it; elsewhere a device drops it silently. */
export const txParamSetup = networkInitiated({
  since: "1.0.2",
  request: txParamSetupReq,
  response: txParamSetupAns,
  sticky: true,
  wanted: ({ current }, wanted, { region }) => {
    const downlinkDwellTime = wanted.downlinkDwellTime ?? current.downlinkDwellTime;
    const uplinkDwellTime = wanted.uplinkDwellTime ?? current.uplinkDwellTime;
    const maxEirpCode = codeFor(wanted.maxEirpDbm ?? current.maxEirpDbm);
    const isInForce =
      downlinkDwellTime === current.downlinkDwellTime &&
      uplinkDwellTime === current.uplinkDwellTime &&
      maxEirpCode === codeFor(current.maxEirpDbm);
    return isInForce || !region.txParamSetup ? [] : [{ downlinkDwellTime, uplinkDwellTime, maxEirpCode }];
  },
  accept: (state, { downlinkDwellTime, uplinkDwellTime, maxEirpCode }) =>
    acceptedWith(state, {
      downlinkDwellTime,
      uplinkDwellTime,
      maxEirpDbm: codedEirpDbm[maxEirpCode] ?? state.current.maxEirpDbm,
    }),
});

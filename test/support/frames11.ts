import { cmac, concat, cryptFOpts, cryptPayload, little, reversed, securityBlock } from "./crypto11.ts";

/** A device's session; counters change as it goes. */
export interface Session11 {
  readonly version11: boolean;
  readonly netId: string;
  readonly devAddr: string;
  readonly fNwkSIntKey: Uint8Array;
  readonly sNwkSIntKey: Uint8Array;
  readonly nwkSEncKey: Uint8Array;
  readonly appSKey: Uint8Array;
  fCntUp: number;
  /** Highest counters accepted. */
  readonly lastDown: { network: number; application: number };
  /** Counter of the last confirmed downlink. */
  confFCnt: number;
  rjCount0: number;
  lastUplink?: Uplink11 & { readonly fCnt: number };
}

export interface Uplink11 {
  readonly fPort: number | undefined;
  readonly payload: Uint8Array;
  readonly confirmed: boolean;
  /** In the clear. */
  readonly fOpts: Uint8Array;
  readonly ack: boolean;
  readonly txDr: number;
  readonly txCh: number;
}

/** TS001-1.1 4.3 and 4.4. */
export function sealUplink(session: Session11, uplink: Uplink11): Uint8Array {
  const { devAddr, fCntUp: fCnt, version11 } = session;
  const { fPort, fOpts, ack } = uplink;
  const key = fPort === 0 ? session.nwkSEncKey : session.appSKey;
  const message = concat(
    Uint8Array.of(uplink.confirmed ? 0x80 : 0x40),
    reversed(devAddr),
    Uint8Array.of(0x80 | (ack ? 0x20 : 0) | fOpts.length),
    little(fCnt, 2),
    version11 && fOpts.length > 0 ? cryptFOpts(session.nwkSEncKey, 0, devAddr, fCnt, 1, fOpts) : fOpts,
    fPort === undefined ? new Uint8Array() : Uint8Array.of(fPort),
    cryptPayload(key, 0, devAddr, fCnt, uplink.payload),
  );
  const fields = { tag: 0x49, direction: 0, devAddr, fCnt, last: message.length } as const;
  const forwarding = cmac(session.fNwkSIntKey, securityBlock({ ...fields, prefix: new Uint8Array(4) }), message);
  if (!version11) return concat(message, forwarding.subarray(0, 4));
  const prefix = concat(little(ack ? session.confFCnt : 0, 2), Uint8Array.of(uplink.txDr, uplink.txCh));
  const serving = cmac(session.sNwkSIntKey, securityBlock({ ...fields, prefix }), message);
  return concat(message, serving.subarray(0, 2), forwarding.subarray(0, 2));
}

export interface Downlink11 {
  readonly counter: "network" | "application";
  readonly fCnt: number;
  readonly ack: boolean;
  readonly confirmed: boolean;
  readonly fPort?: number;
  readonly payload: Uint8Array;
  readonly commands: Uint8Array;
}

/** The downlink, or what is wrong with it. */
export function openDownlink(session: Session11, phyPayload: Uint8Array): Downlink11 | string {
  const { devAddr, version11 } = session;
  const type = (phyPayload[0] ?? 0) >> 5;
  if ((type !== 3 && type !== 5) || Buffer.from(reversed(devAddr)).compare(phyPayload.subarray(1, 5)) !== 0) {
    return "not for this device";
  }
  const message = phyPayload.subarray(0, -4);
  const fCtrl = message[5] ?? 0;
  const fCnt = (message[6] ?? 0) | ((message[7] ?? 0) << 8);
  const fOptsEnd = 8 + (fCtrl & 0x0f);
  const fPort = message[fOptsEnd];
  const counter = version11 && fPort !== undefined && fPort > 0 ? "application" : "network";
  const ack = (fCtrl & 0x20) !== 0;
  const acknowledged = version11 && ack ? (session.lastUplink?.fCnt ?? 0) : 0;
  const prefix = concat(little(acknowledged, 2), Uint8Array.of(0, 0));
  const block = securityBlock({ tag: 0x49, prefix, direction: 1, devAddr, fCnt, last: message.length });
  const mic = cmac(session.sNwkSIntKey, block, message).subarray(0, 4);
  if (Buffer.from(mic).compare(phyPayload.subarray(-4)) !== 0) return "downlink: bad MIC";
  if (fCnt <= session.lastDown[counter]) return `downlink: ${counter} counter ${fCnt} again`;
  const encrypted = message.subarray(fOptsEnd + 1);
  const payload = cryptPayload(fPort === 0 ? session.nwkSEncKey : session.appSKey, 1, devAddr, fCnt, encrypted);
  const fOpts = message.subarray(8, fOptsEnd);
  const clearFOpts =
    version11 && fOpts.length > 0
      ? cryptFOpts(session.nwkSEncKey, 1, devAddr, fCnt, counter === "application" ? 2 : 1, fOpts)
      : fOpts;
  return {
    counter,
    fCnt,
    ack,
    confirmed: type === 5,
    ...(fPort !== undefined && { fPort }),
    payload,
    commands: fPort === 0 ? payload : clearFOpts,
  };
}

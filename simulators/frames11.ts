import {
  aesEncrypt,
  cmac,
  concat,
  cryptFOpts,
  cryptPayload,
  derive,
  little,
  reversed,
  securityBlock,
} from "./crypto11.ts";
import { type DownlinkFields, type JoinAcceptFields, type JoinCredentials, nextCounter } from "./frames.ts";

/** Bytes. In a session of LoRaWAN 1.0 the three network keys are one. */
export interface Keys11 {
  readonly fNwkSIntKey: Uint8Array;
  readonly sNwkSIntKey: Uint8Array;
  readonly nwkSEncKey: Uint8Array;
  readonly appSKey: Uint8Array;
}

export interface Signer11 extends Keys11 {
  readonly version11: boolean;
  /** Hex. */
  readonly devAddr: string;
}

export interface Uplink11 {
  /** 32 bits. */
  readonly fCnt: number;
  readonly fPort: number | undefined;
  readonly payload: Uint8Array;
  readonly confirmed: boolean;
  /** In the clear. */
  readonly fOpts: Uint8Array;
  readonly adr: boolean;
  readonly adrAckReq: boolean;
  readonly ack: boolean;
  /** The ClassB bit; false when absent. */
  readonly classB?: boolean;
  /** Counter of the confirmed downlink that `ack` is for. */
  readonly confFCnt: number;
  readonly txDr: number;
  readonly txCh: number;
}

/** TS001-1.1 4.3 and 4.4. */
export function sealUplink(signer: Signer11, uplink: Uplink11): Uint8Array {
  const { devAddr, version11 } = signer;
  const { fCnt, fPort, fOpts, ack, classB = false } = uplink;
  const key = fPort === 0 ? signer.nwkSEncKey : signer.appSKey;
  const adr = (uplink.adr ? 0x80 : 0) | (uplink.adrAckReq ? 0x40 : 0);
  const fCtrl = adr | (ack ? 0x20 : 0) | (classB ? 0x10 : 0) | fOpts.length;
  const message = concat(
    Uint8Array.of(uplink.confirmed ? 0x80 : 0x40),
    reversed(devAddr),
    Uint8Array.of(fCtrl),
    little(fCnt, 2),
    version11 && fOpts.length > 0 ? cryptFOpts(signer.nwkSEncKey, 0, devAddr, fCnt, 1, fOpts) : fOpts,
    fPort === undefined ? new Uint8Array() : Uint8Array.of(fPort),
    cryptPayload(key, 0, devAddr, fCnt, uplink.payload),
  );
  const fields = { tag: 0x49, direction: 0, devAddr, fCnt, last: message.length } as const;
  const forwarding = cmac(signer.fNwkSIntKey, securityBlock({ ...fields, prefix: new Uint8Array(4) }), message);
  if (!version11) return concat(message, forwarding.subarray(0, 4));
  const prefix = concat(little(ack ? uplink.confFCnt : 0, 2), Uint8Array.of(uplink.txDr, uplink.txCh));
  const serving = cmac(signer.sNwkSIntKey, securityBlock({ ...fields, prefix }), message);
  return concat(message, serving.subarray(0, 2), forwarding.subarray(0, 2));
}

/** TS001-1.1 4.3.1.5: downlinks with application payload count apart from all others. */
export type Counter11 = "network" | "application";

export type OpenedDownlink11 =
  | { readonly kind: "downlink"; readonly counter: Counter11; readonly downlink: DownlinkFields }
  | { readonly kind: "repeated"; readonly counter: Counter11; readonly fCnt: number }
  | { readonly kind: "bad-mic" }
  | { readonly kind: "not-mine" };

const leastDataBytes = 12;

/**
 * A downlink for this device.
 * @param last highest counters accepted so far.
 * @param acknowledgeable counter of the uplink that an ACK would be for.
 */
export function openDownlink(
  signer: Signer11,
  phyPayload: Uint8Array,
  last: Readonly<Partial<Record<Counter11, number>>>,
  acknowledgeable: number,
): OpenedDownlink11 {
  const { devAddr, version11 } = signer;
  const type = (phyPayload[0] ?? 0xff) >> 5;
  const fCtrl = phyPayload[5] ?? 0;
  const isData = (type === 3 || type === 5) && phyPayload.length >= leastDataBytes + (fCtrl & 0x0f);
  if (!isData || Buffer.from(reversed(devAddr)).compare(phyPayload.subarray(1, 5)) !== 0) return { kind: "not-mine" };
  const message = phyPayload.subarray(0, -4);
  const fOptsEnd = 8 + (fCtrl & 0x0f);
  const fPort = message[fOptsEnd];
  const counter = version11 && fPort !== undefined && fPort > 0 ? "application" : "network";
  const ack = (fCtrl & 0x20) !== 0;
  const prefix = concat(little(version11 && ack ? acknowledgeable : 0, 2), Uint8Array.of(0, 0));
  const fits = (fCnt: number): boolean => {
    if (fCnt < 0) return false;
    const block = securityBlock({ tag: 0x49, prefix, direction: 1, devAddr, fCnt, last: message.length });
    const mic = cmac(signer.sNwkSIntKey, block, message).subarray(0, 4);
    return Buffer.from(mic).compare(phyPayload.subarray(-4)) === 0;
  };
  const fCnt = nextCounter(last[counter], (message[6] ?? 0) | ((message[7] ?? 0) << 8));
  const earlier = fCnt - 0x1_0000;
  if (!fits(fCnt)) return fits(earlier) ? { kind: "repeated", counter, fCnt: earlier } : { kind: "bad-mic" };
  const fOpts = message.subarray(8, fOptsEnd);
  const fOptsCounter = counter === "application" ? 2 : 1;
  const downlink = {
    confirmed: type === 5,
    ack,
    fPending: (fCtrl & 0x10) !== 0,
    fCnt,
    fOpts: version11 && fOpts.length > 0 ? cryptFOpts(signer.nwkSEncKey, 1, devAddr, fCnt, fOptsCounter, fOpts) : fOpts,
    ...(fPort !== undefined && { fPort }),
    payload: cryptPayload(
      fPort === 0 ? signer.nwkSEncKey : signer.appSKey,
      1,
      devAddr,
      fCnt,
      message.subarray(fOptsEnd + 1),
    ),
  };
  return { kind: "downlink", counter, downlink };
}

export type RejoinType = 0 | 1 | 2;

/**
 * A Rejoin-Request (TS001-1.1 6.2.4).
 * @param network NetID for types 0 and 2, JoinEUI for type 1; hex.
 * @param key SNwkSIntKey for types 0 and 2, JSIntKey for type 1.
 */
export function encodeRejoinRequest(
  type: RejoinType,
  network: string,
  devEui: string,
  rjCount: number,
  key: Uint8Array,
): Uint8Array {
  const body = concat(Uint8Array.of(0xc0, type), reversed(network), reversed(devEui), little(rjCount, 2));
  return concat(body, cmac(key, body).subarray(0, 4));
}

/** What an accept answers. */
export interface JoinRequest11 {
  /** 0xff is a Join-Request; else the type of a Rejoin-Request. */
  readonly joinReqType: 0xff | RejoinType;
  /** DevNonce or RJcount. */
  readonly nonce: number;
}

/** Root keys of a LoRaWAN 1.1 device, hex. */
export type Credentials11 = JoinCredentials & { readonly nwkKey: string };

export interface JoinAccept11 extends Omit<JoinAcceptFields, "nwkSKey" | "appSKey" | "version11"> {
  readonly netId: string;
  /** OptNeg; the keys are those of LoRaWAN 1.0 without it. */
  readonly version11: boolean;
  readonly keys: Keys11;
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** TS001-1.1 6.1.1.4: 0x05 is JSEncKey, 0x06 JSIntKey. */
export const joinServerKey = ({ nwkKey, devEui }: Credentials11, type: 0x05 | 0x06): Uint8Array =>
  derive(bytesOf(nwkKey), type, reversed(devEui));

/** The Join-Accept, or undefined when it is not for this device or not an answer to this request (TS001-1.1 6.2.3). */
export function openJoinAccept11(
  phyPayload: Uint8Array,
  credentials: Credentials11,
  { joinReqType, nonce }: JoinRequest11,
): JoinAccept11 | undefined {
  if (phyPayload[0] !== 0x20 || (phyPayload.length !== 17 && phyPayload.length !== 33)) return undefined;
  const nwkKey = bytesOf(credentials.nwkKey);
  const joinEui = reversed(credentials.joinEui);
  const clear = aesEncrypt(joinReqType === 0xff ? nwkKey : joinServerKey(credentials, 0x05), phyPayload.subarray(1));
  const message = concat(phyPayload.subarray(0, 1), clear.subarray(0, -4));
  const settings = clear[10] ?? 0;
  const version11 = (settings & 0x80) !== 0;
  const reference = concat(Uint8Array.of(joinReqType), joinEui, little(nonce, 2));
  const mic = version11 ? cmac(joinServerKey(credentials, 0x06), reference, message) : cmac(nwkKey, message);
  if (hex(mic.subarray(0, 4)) !== hex(clear.subarray(-4))) return undefined;
  const joinNonce = clear.subarray(0, 3);
  const parts = [joinNonce, version11 ? joinEui : clear.subarray(3, 6), little(nonce, 2)];
  const fNwkSIntKey = derive(nwkKey, 0x01, ...parts);
  return {
    version11,
    joinNonce: Buffer.from(joinNonce).readUIntLE(0, 3),
    netId: hex(clear.slice(3, 6).reverse()),
    devAddr: hex(clear.slice(6, 10).reverse()),
    rx1DrOffset: (settings >> 4) & 0x07,
    rx2DataRate: settings & 0x0f,
    // 0 reads as 1.
    rxDelaySeconds: (clear[11] ?? 0) & 0x0f || 1,
    ...(clear.length === 32 && { cfList: clear.slice(12, 28) }),
    keys: {
      fNwkSIntKey,
      sNwkSIntKey: version11 ? derive(nwkKey, 0x03, ...parts) : fNwkSIntKey,
      nwkSEncKey: version11 ? derive(nwkKey, 0x04, ...parts) : fNwkSIntKey,
      appSKey: derive(version11 ? bytesOf(credentials.appKey) : nwkKey, 0x02, ...parts),
    },
  };
}

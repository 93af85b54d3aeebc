import type { DeviceSession } from "./device-state.ts";
import {
  encodeUplink,
  type JoinAcceptFields,
  type JoinCredentials,
  openDownlink as openDownlink10,
  openJoinAccept as openJoinAccept10,
} from "./frames.ts";
import {
  type Credentials11,
  encodeRejoinRequest,
  type JoinAccept11,
  joinServerKey,
  type OpenedDownlink11,
  openDownlink as openDownlink11,
  openJoinAccept11,
  type RejoinType,
  type Signer11,
  sealUplink as sealUplink11,
  type Uplink11,
} from "./frames11.ts";

/** Frames of a device, whichever version it speaks: LoRaWAN 1.0 by lora-packet, 1.1 by AES alone. */

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function signerOf(
  { devAddr, nwkSKey, appSKey }: DeviceSession,
  keys: NonNullable<DeviceSession["version11"]>,
): Signer11 {
  return {
    version11: true,
    devAddr,
    fNwkSIntKey: bytesOf(nwkSKey),
    sNwkSIntKey: bytesOf(keys.sNwkSIntKey),
    nwkSEncKey: bytesOf(keys.nwkSEncKey),
    appSKey: bytesOf(appSKey),
  };
}

export type SessionUplink = Omit<Uplink11, "txDr" | "txCh" | "confFCnt" | "fPort"> & { readonly fPort?: number };

/** One transmission of an uplink; in 1.1 its MIC is of this data rate and channel alone (TS001-1.1 4.4.2). */
export function sealUplink(session: DeviceSession, uplink: SessionUplink, txDr: number, txCh: number): Uint8Array {
  const { version11 } = session;
  if (version11 === undefined) return encodeUplink({ ...session, ...uplink });
  const { confFCnt } = version11;
  return sealUplink11(signerOf(session, version11), { fPort: undefined, ...uplink, confFCnt, txDr, txCh });
}

/** @param acknowledgeable counter of the uplink that an ACK would be for. */
export function openDownlink(
  session: DeviceSession,
  phyPayload: Uint8Array,
  acknowledgeable: number,
): OpenedDownlink11 {
  const { version11, lastFCntDown } = session;
  if (version11 !== undefined) {
    const { lastAFCntDown } = version11;
    const last = {
      ...(lastFCntDown !== undefined && { network: lastFCntDown }),
      ...(lastAFCntDown !== undefined && { application: lastAFCntDown }),
    };
    return openDownlink11(signerOf(session, version11), phyPayload, last, acknowledgeable);
  }
  const opened = openDownlink10(phyPayload, session, lastFCntDown);
  return opened.kind === "downlink" || opened.kind === "repeated" ? { ...opened, counter: "network" } : opened;
}

const is11 = (credentials: JoinCredentials): credentials is Credentials11 => credentials.nwkKey !== undefined;

/** The answer to the Join-Request with this DevNonce, or undefined when it is not for this device. */
export function openJoinAccept(
  phyPayload: Uint8Array,
  credentials: JoinCredentials,
  devNonce: number,
): JoinAcceptFields | undefined {
  if (!is11(credentials)) return openJoinAccept10(phyPayload, credentials, devNonce);
  const accept = openJoinAccept11(phyPayload, credentials, { joinReqType: 0xff, nonce: devNonce });
  return accept && acceptFields(accept);
}

/** The answer to this Rejoin-Request, or undefined when it is not for this device. */
export function openRejoinAccept(
  phyPayload: Uint8Array,
  credentials: JoinCredentials,
  rejoinType: RejoinType,
  rjCount: number,
): JoinAcceptFields | undefined {
  if (!is11(credentials)) return undefined;
  const accept = openJoinAccept11(phyPayload, credentials, { joinReqType: rejoinType, nonce: rjCount });
  return accept?.version11 ? acceptFields(accept) : undefined;
}

/** Undefined for a device that cannot rejoin: of LoRaWAN 1.0, or activated by personalisation. */
export function rejoinRequest(
  { version11 }: DeviceSession,
  credentials: JoinCredentials,
  rejoinType: RejoinType,
  rjCount: number,
): Uint8Array | undefined {
  const { devEui, joinEui } = credentials;
  if (version11?.netId === undefined || !is11(credentials)) return undefined;
  return rejoinType === 1
    ? encodeRejoinRequest(rejoinType, joinEui, devEui, rjCount, joinServerKey(credentials, 0x06))
    : encodeRejoinRequest(rejoinType, version11.netId, devEui, rjCount, bytesOf(version11.sNwkSIntKey));
}

function acceptFields({ keys, version11, netId, ...fields }: JoinAccept11): JoinAcceptFields {
  const { sNwkSIntKey, nwkSEncKey } = keys;
  return {
    ...fields,
    nwkSKey: hex(keys.fNwkSIntKey),
    appSKey: hex(keys.appSKey),
    ...(version11 && { version11: { sNwkSIntKey: hex(sNwkSIntKey), nwkSEncKey: hex(nwkSEncKey), netId } }),
  };
}

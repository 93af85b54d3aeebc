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
  type OpenedDownlink11,
  openDownlink as openDownlink11,
  openJoinAccept11,
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
  if (!accept) return undefined;
  const { keys, version11, netId: _, ...fields } = accept;
  return {
    ...fields,
    nwkSKey: hex(keys.fNwkSIntKey),
    appSKey: hex(keys.appSKey),
    ...(version11 && { version11: { sNwkSIntKey: hex(keys.sNwkSIntKey), nwkSEncKey: hex(keys.nwkSEncKey) } }),
  };
}

import { createRequire } from "node:module";
import type loraPacketTypes from "lora-packet";

// lora-packet replaces module.exports by its default export, which its types do not say.
const loraPacket: (typeof loraPacketTypes)["default"] = createRequire(import.meta.url)("lora-packet");

/** Identifiers and keys are hex, most significant byte first. */
export interface JoinCredentials {
  readonly devEui: string;
  readonly joinEui: string;
  readonly appKey: string;
  /** Of LoRaWAN 1.1 devices alone. */
  readonly nwkKey?: string;
}

export interface SessionKeys {
  /** FNwkSIntKey in LoRaWAN 1.1. */
  readonly nwkSKey: string;
  readonly appSKey: string;
  /** LoRaWAN 1.1 alone. */
  readonly version11?: { readonly sNwkSIntKey: string; readonly nwkSEncKey: string; readonly netId?: string };
}

export interface JoinAcceptFields extends SessionKeys {
  readonly joinNonce: number;
  readonly devAddr: string;
  readonly rx1DrOffset: number;
  readonly rx2DataRate: number;
  readonly rxDelaySeconds: number;
  readonly cfList?: Uint8Array;
}

export interface UplinkFields extends Pick<SessionKeys, "nwkSKey" | "appSKey"> {
  readonly devAddr: string;
  readonly confirmed: boolean;
  readonly adr: boolean;
  readonly adrAckReq: boolean;
  readonly ack: boolean;
  /** The ClassB bit; false when absent. */
  readonly classB?: boolean;
  /** 32 bits. */
  readonly fCnt: number;
  readonly fOpts: Uint8Array;
  readonly fPort?: number;
  readonly payload: Uint8Array;
}

export interface DownlinkFields {
  readonly confirmed: boolean;
  readonly ack: boolean;
  readonly fPending: boolean;
  /** 32 bits. */
  readonly fCnt: number;
  readonly fOpts: Uint8Array;
  readonly fPort?: number;
  /** Deciphered. */
  readonly payload: Uint8Array;
}

export type OpenedDownlink =
  | { readonly kind: "downlink"; readonly downlink: DownlinkFields }
  /** The MIC is right for a counter that was used before. */
  | { readonly kind: "repeated"; readonly fCnt: number }
  | { readonly kind: "bad-mic" }
  | { readonly kind: "not-mine" };

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
/** lora-packet wants the upper half of a counter in frame order. */
const upperHalf = (fCnt: number): Buffer => Buffer.from([(fCnt >>> 16) & 0xff, fCnt >>> 24]);

type Packet = ReturnType<typeof loraPacket.fromWire>;

const bytesOf = (packet: Packet): Uint8Array => {
  const bytes = packet.getPHYPayload();
  if (!bytes) throw new TypeError("lora-packet made no frame");
  return Uint8Array.from(bytes);
};

/** TS001-1.0.4 6.2.4. */
export function encodeJoinRequest(credentials: JoinCredentials, devNonce: number): Uint8Array {
  const fields = {
    MType: "Join Request",
    AppEUI: hex(credentials.joinEui),
    DevEUI: hex(credentials.devEui),
    DevNonce: u16(devNonce),
  };
  return bytesOf(loraPacket.fromFields(fields, undefined, undefined, hex(credentials.nwkKey ?? credentials.appKey)));
}

const joinAcceptLengths = [17, 33];

/** The answer to the request with this DevNonce, or undefined when it is not for this device (TS001-1.0.4 6.2.5). */
export function openJoinAccept(
  phyPayload: Uint8Array,
  { appKey }: JoinCredentials,
  devNonce: number,
): JoinAcceptFields | undefined {
  if (!joinAcceptLengths.includes(phyPayload.length) || phyPayload[0] !== 0x20) return undefined;
  const key = hex(appKey);
  const packet = loraPacket.fromWire(loraPacket.decryptJoinAccept(loraPacket.fromWire(Buffer.from(phyPayload)), key));
  const { AppNonce, NetID, DevAddr, DLSettings, RxDelay, CFList } = packet;
  // With OptNeg set the MIC is that of LoRaWAN 1.1, which these devices do not speak.
  if (packet.getDLSettingsOptNeg() || !loraPacket.verifyMIC(packet, undefined, key)) return undefined;
  if (!AppNonce || !NetID || !DevAddr || !DLSettings || !RxDelay) return undefined;
  const keys = loraPacket.generateSessionKeys10(key, NetID, AppNonce, u16(devNonce));
  return {
    joinNonce: AppNonce.readUIntBE(0, 3),
    devAddr: DevAddr.toString("hex"),
    rx1DrOffset: packet.getDLSettingsRxOneDRoffset() ?? 0,
    rx2DataRate: packet.getDLSettingsRxTwoDataRate() ?? 0,
    // 0 reads as 1.
    rxDelaySeconds: packet.getRxDelayDel() || 1,
    ...(CFList && CFList.length === 16 ? { cfList: Uint8Array.from(CFList) } : {}),
    nwkSKey: keys.NwkSKey.toString("hex"),
    appSKey: keys.AppSKey.toString("hex"),
  };
}

export function encodeUplink(uplink: UplinkFields): Uint8Array {
  const { nwkSKey, appSKey, fCnt } = uplink;
  const packet = loraPacket.fromFields(
    {
      MType: uplink.confirmed ? "Confirmed Data Up" : "Unconfirmed Data Up",
      DevAddr: hex(uplink.devAddr),
      // The bit that is FPending in a downlink.
      FCtrl: { ADR: uplink.adr, ADRACKReq: uplink.adrAckReq, ACK: uplink.ack, FPending: uplink.classB ?? false },
      FCnt: u16(fCnt & 0xffff),
      FOpts: Buffer.from(uplink.fOpts),
      payload: Buffer.from(uplink.payload),
      ...(uplink.fPort === undefined ? {} : { FPort: uplink.fPort }),
    },
    hex(appSKey),
    hex(nwkSKey),
    undefined,
    upperHalf(fCnt),
  );
  // lora-packet signs nothing that has no FPort.
  loraPacket.recalculateMIC(packet, hex(nwkSKey), undefined, upperHalf(fCnt));
  return bytesOf(packet);
}

const leastDataBytes = 12;

/**
 * A downlink for this device. `lastFCnt` is the highest counter accepted so far, undefined before the first; the upper
 * half of the frame's counter is the least that makes it higher.
 */
export function openDownlink(
  phyPayload: Uint8Array,
  session: Pick<SessionKeys, "nwkSKey" | "appSKey"> & { readonly devAddr: string },
  lastFCnt: number | undefined,
): OpenedDownlink {
  const type = (phyPayload[0] ?? 0xff) >> 5;
  // lora-packet reads beyond the end of a truncated frame.
  if ((type !== 3 && type !== 5) || phyPayload.length < leastDataBytes) return { kind: "not-mine" };
  if (phyPayload.length < leastDataBytes + ((phyPayload[5] ?? 0) & 0x0f)) return { kind: "not-mine" };
  const packet = loraPacket.fromWire(Buffer.from(phyPayload));
  if (packet.DevAddr?.toString("hex") !== session.devAddr) return { kind: "not-mine" };
  const fCnt16 = packet.getFCnt() ?? 0;
  const fits = (fCnt: number): boolean =>
    fCnt >= 0 && loraPacket.verifyMIC(packet, hex(session.nwkSKey), undefined, upperHalf(fCnt));
  const fCnt = nextCounter(lastFCnt, fCnt16);
  if (fits(fCnt)) return { kind: "downlink", downlink: decipher(packet, session, fCnt) };
  const earlier = fCnt - 0x1_0000;
  return fits(earlier) ? { kind: "repeated", fCnt: earlier } : { kind: "bad-mic" };
}

/** The least counter above the last one that ends in these 16 bits. */
export function nextCounter(last: number | undefined, fCnt16: number): number {
  if (last === undefined) return fCnt16;
  const near = Math.floor(last / 0x1_0000) * 0x1_0000 + fCnt16;
  return near > last ? near : near + 0x1_0000;
}

function decipher(
  packet: Packet,
  { nwkSKey, appSKey }: Pick<SessionKeys, "nwkSKey" | "appSKey">,
  fCnt: number,
): DownlinkFields {
  const fPort = packet.getFPort();
  const payload =
    packet.FRMPayload && packet.FRMPayload.length > 0
      ? loraPacket.decrypt(packet, hex(appSKey), hex(nwkSKey), upperHalf(fCnt))
      : Buffer.alloc(0);
  return {
    confirmed: packet.isConfirmed(),
    ack: packet.getFCtrlACK() ?? false,
    fPending: packet.getFCtrlFPending() ?? false,
    fCnt,
    fOpts: Uint8Array.from(packet.FOpts ?? []),
    ...(fPort === null ? {} : { fPort }),
    payload: Uint8Array.from(payload),
  };
}

import { MalformedValue } from "./errors.ts";
import { type DevEui, type JoinEui, type NetId, toFrameOrder } from "./ids.ts";
import { encryptBlocks } from "./phy/aes.ts";

/** 16 bytes. Never printed, logged or put into an error. */
export type AesKey = Uint8Array;

/** What the network server keeps of a session. In LoRaWAN 1.0 all three are the NwkSKey. */
export interface NetworkKeys {
  readonly fNwkSIntKey: AesKey;
  readonly sNwkSIntKey: AesKey;
  readonly nwkSEncKey: AesKey;
}

/** 32 hex digits of either case. Throws MalformedValue, without the text. */
export function parseAesKey(hexText: string): AesKey {
  if (!/^[0-9a-fA-F]{32}$/.test(hexText)) throw new MalformedValue("an AES-128 key is 32 hex digits");
  return Uint8Array.from(Buffer.from(hexText, "hex"));
}

export interface JoinNonces10 {
  /** AppKey; a 1.1 device on a 1.0 network (OptNeg 0) uses its NwkKey here. */
  readonly appKey: AesKey;
  /** 24 bits; AppNonce up to LoRaWAN 1.0.3. */
  readonly joinNonce: number;
  readonly netId: NetId;
  readonly devNonce: number;
}

/** TS001-1.0.4 6.2.6; TS001-1.1 6.2.3 for OptNeg 0. */
export function deriveSessionKeys10(join: JoinNonces10): { readonly nwkSKey: AesKey; readonly appSKey: AesKey } {
  const derive = (type: number) =>
    deriveKey(join.appKey, type, [
      littleEndian(join.joinNonce, 3),
      toFrameOrder(join.netId),
      littleEndian(join.devNonce, 2),
    ]);
  return { nwkSKey: derive(0x01), appSKey: derive(0x02) };
}

export interface JoinNonces11 {
  readonly nwkKey: AesKey;
  readonly appKey: AesKey;
  readonly joinNonce: number;
  readonly joinEui: JoinEui;
  /** DevNonce, or RJcount0 or RJcount1 when a rejoin-request made the session. */
  readonly devNonce: number;
}

/** TS001-1.1 6.2.3, OptNeg 1. */
export function deriveSessionKeys11(join: JoinNonces11): NetworkKeys & { readonly appSKey: AesKey } {
  const derive = (key: AesKey, type: number) =>
    deriveKey(key, type, [littleEndian(join.joinNonce, 3), toFrameOrder(join.joinEui), littleEndian(join.devNonce, 2)]);
  return {
    fNwkSIntKey: derive(join.nwkKey, 0x01),
    appSKey: derive(join.appKey, 0x02),
    sNwkSIntKey: derive(join.nwkKey, 0x03),
    nwkSEncKey: derive(join.nwkKey, 0x04),
  };
}

/** TS001-1.1 6.1.1.4: keys of a device's lifetime that protect rejoin type 1 and the Join-Accepts. */
export function deriveJoinServerKeys(device: { readonly nwkKey: AesKey; readonly devEui: DevEui }): {
  readonly jsIntKey: AesKey;
  readonly jsEncKey: AesKey;
} {
  const derive = (type: number) => deriveKey(device.nwkKey, type, [toFrameOrder(device.devEui)]);
  return { jsEncKey: derive(0x05), jsIntKey: derive(0x06) };
}

function deriveKey(key: AesKey, type: number, parts: readonly Uint8Array[]): AesKey {
  const block = new Uint8Array(16);
  block[0] = type;
  let at = 1;
  for (const part of parts) {
    block.set(part, at);
    at += part.length;
  }
  return encryptBlocks(key, block).slice();
}

/** Throws MalformedValue for a number that does not fit, so that no two nonces give the same keys by truncation. */
function littleEndian(value: number, bytes: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * bytes)) {
    throw new MalformedValue(`a nonce of ${bytes} bytes is out of range`, { value });
  }
  return Uint8Array.from({ length: bytes }, (_, index) => (value >>> (8 * index)) & 0xff);
}

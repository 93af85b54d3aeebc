import type { JoinReq, RejoinReq, ResultCode } from "../lorawan/backend/messages.ts";
import { FrameError } from "../lorawan/errors.ts";
import { type DevEui, type JoinEui, parseDevAddr, parseNetId } from "../lorawan/ids.ts";
import { type AesKey, deriveJoinServerKeys, deriveSessionKeys10, deriveSessionKeys11 } from "../lorawan/keys.ts";
import { decodeFrame } from "../lorawan/phy/codec.ts";
import type { JoinAcceptContent, JoinRequest } from "../lorawan/phy/frame.ts";
import { sealJoinAccept, verifyJoinRequestMic } from "../lorawan/phy/security.ts";

/** A device's root keys. 1.0.x devices have one, called AppKey on their label; it is `nwkKey` here. */
export interface RootKeyPair {
  readonly nwkKey: AesKey;
  readonly appKey?: AesKey;
}

/** What was used between a device and one JoinEUI (C25). */
export interface JoinNonces {
  /** Last one given out; 0 before the first. */
  readonly joinNonce: number;
  /** Highest one that came under the rule of rising DevNonces. */
  readonly lastDevNonce?: number;
  /** Highest RJcount1 of a Rejoin-Request of type 1 (TS001-1.1 6.2.4.2). */
  readonly lastRjCount1?: number;
  /** Bit n is set when DevNonce n was used; trailing zero bytes may be missing. */
  readonly usedDevNonces: Uint8Array;
}

export const freshNonces: JoinNonces = { joinNonce: 0, usedDevNonces: new Uint8Array() };

export interface Refusal {
  readonly kind: "refused";
  readonly resultCode: ResultCode;
  readonly description: string;
}

export interface Acceptance {
  readonly kind: "accepted";
  /** To be durable before the Join-Accept leaves. */
  readonly nonces: JoinNonces;
  readonly phyPayload: Uint8Array;
  readonly appSKey: AesKey;
  readonly networkKeys:
    | { readonly kind: "1.0"; readonly nwkSKey: AesKey }
    | {
        readonly kind: "1.1";
        readonly fNwkSIntKey: AesKey;
        readonly sNwkSIntKey: AesKey;
        readonly nwkSEncKey: AesKey;
      };
}

export const refused = (resultCode: ResultCode, description: string): Refusal => ({
  kind: "refused",
  resultCode,
  description,
});

/** The frame inside a JoinReq, or why there is none. */
export function joinRequestOf(request: JoinReq): JoinRequest | Refusal {
  const frame = decodeFrame(hexBytes(request.PHYPayload));
  if (frame instanceof FrameError) return unreadable(frame);
  if (frame.kind !== "join-request") return refused("MalformedMessage", "PHYPayload is no Join-Request");
  if (frame.devEui !== plainHex(request.DevEUI)) {
    return refused("MalformedMessage", "DevEUI differs from the one in PHYPayload");
  }
  if (frame.joinEui !== plainHex(request.ReceiverID)) {
    return refused("UnknownReceiver", "ReceiverID differs from the JoinEUI in PHYPayload");
  }
  return frame;
}

const sizeFaults: readonly string[] = ["frame_too_short", "frame_too_long", "wrong_length"];

/** What is no frame at all has the wrong size, or else another fault. */
export const unreadable = ({ code, message }: FrameError): Refusal =>
  refused(sizeFaults.includes(code) ? "FrameSizeError" : "MalformedMessage", message);

/** C22: the MIC is checked before any nonce is looked at. */
export function checkMic(request: JoinReq, keys: RootKeyPair): Refusal | undefined {
  return verifyJoinRequestMic(keys.nwkKey, hexBytes(request.PHYPayload))
    ? undefined
    : refused("MICFailed", "the MIC does not fit: the device has another AppKey (1.1: NwkKey) than is stored here");
}

/**
 * Answers a Join-Request whose MIC fits: takes the DevNonce, counts the JoinNonce, derives the session keys and seals the
 * Join-Accept (TS001-1.0.4 6.2, TS001-1.1 6.2). Pure.
 */
export function acceptJoin(
  request: JoinReq,
  frame: JoinRequest,
  keys: RootKeyPair,
  nonces: JoinNonces,
): Acceptance | Refusal {
  const taken = takeDevNonce(nonces, frame.devNonce, hasRisingDevNonce(request.MACVersion));
  if ("kind" in taken) return taken;
  const joinNonce = nextJoinNonce(nonces);
  if (typeof joinNonce === "object") return joinNonce;
  const content = contentOf(request, joinNonce);
  const session = content.optNeg
    ? session11(keys, { ...frame, nonce: frame.devNonce, joinReqType: 0xff }, content)
    : session10(keys, frame, content);
  return "resultCode" in session
    ? session
    : { kind: "accepted", nonces: { ...nonces, ...taken, joinNonce }, ...session };
}

/** JoinNonces are counted over joins and rejoins of one JoinEUI (C26). */
export const nextJoinNonce = ({ joinNonce }: JoinNonces): number | Refusal =>
  joinNonce < 0xff_ffff
    ? joinNonce + 1
    : refused("JoinReqFailed", "every JoinNonce of this device is used up: renew its keys");

type SessionPart = Pick<Acceptance, "phyPayload" | "appSKey" | "networkKeys">;

function session10(keys: RootKeyPair, frame: JoinRequest, content: JoinAcceptContent): SessionPart {
  const { nwkSKey, appSKey } = deriveSessionKeys10({
    appKey: keys.nwkKey,
    joinNonce: content.joinNonce,
    netId: content.netId,
    devNonce: frame.devNonce,
  });
  const phyPayload = sealJoinAccept(content, {
    encryptionKey: keys.nwkKey,
    mic: { kind: "1.0", key: keys.nwkKey },
  });
  return { phyPayload, appSKey, networkKeys: { kind: "1.0", nwkSKey } };
}

/** What a LoRaWAN 1.1 session is derived from, beside the root keys and the accept's content. */
export interface JoinOrRejoin {
  readonly joinEui: JoinEui;
  readonly devEui: DevEui;
  /** DevNonce, or RJcount0 or RJcount1. */
  readonly nonce: number;
  readonly joinReqType: 0xff | 0 | 1 | 2;
}

/** TS001-1.1 6.2.3: an accept that answers a Rejoin-Request is encrypted under JSEncKey. */
export function session11(keys: RootKeyPair, asked: JoinOrRejoin, content: JoinAcceptContent): SessionPart | Refusal {
  const { nwkKey, appKey } = keys;
  if (!appKey) return refused("JoinReqFailed", "a LoRaWAN 1.1 device needs an AppKey beside its NwkKey");
  const { joinEui, devEui, nonce: devNonce, joinReqType } = asked;
  const { jsIntKey, jsEncKey } = deriveJoinServerKeys({ nwkKey, devEui });
  const { appSKey, ...network } = deriveSessionKeys11({
    nwkKey,
    appKey,
    joinNonce: content.joinNonce,
    joinEui,
    devNonce,
  });
  const phyPayload = sealJoinAccept(content, {
    encryptionKey: joinReqType === 0xff ? nwkKey : jsEncKey,
    mic: { kind: "1.1", key: jsIntKey, joinReqType, joinEui, devNonce },
  });
  return { phyPayload, appSKey, networkKeys: { kind: "1.1", ...network } };
}

/** The Join-Accept's content as the network server wants it. Throws MalformedValue. */
export function contentOf(request: JoinReq | RejoinReq, joinNonce: number): JoinAcceptContent {
  const dlSettings = hexBytes(request.DLSettings)[0] ?? 0;
  return {
    joinNonce,
    netId: parseNetId(plainHex(request.SenderID)),
    devAddr: parseDevAddr(plainHex(request.DevAddr)),
    optNeg: (dlSettings & 0x80) !== 0,
    rx1DrOffset: (dlSettings >> 4) & 0x07,
    rx2DataRate: dlSettings & 0x0f,
    rxDelaySeconds: Math.max(1, request.RxDelay),
    ...(request.CFList ? { cfList: hexBytes(request.CFList) } : {}),
  };
}

/** TS001-1.0.4 6.2.5 and TS001-1.1 6.2.5: DevNonce is a counter there, a random number before (C23, C24). */
const hasRisingDevNonce = (macVersion: string): boolean => macVersion.startsWith("1.1") || macVersion === "1.0.4";

type TakenNonces = Pick<JoinNonces, "usedDevNonces" | "lastDevNonce">;

function takeDevNonce(nonces: JoinNonces, devNonce: number, rising: boolean): TakenNonces | Refusal {
  const { lastDevNonce, usedDevNonces } = nonces;
  if (rising) {
    if (lastDevNonce !== undefined && devNonce <= lastDevNonce) {
      return refused("FrameReplayed", `DevNonce ${devNonce} is not above ${lastDevNonce}, the last one used`);
    }
    return { lastDevNonce: devNonce, usedDevNonces };
  }
  const byte = devNonce >> 3;
  const bit = 1 << (devNonce & 7);
  if (((usedDevNonces[byte] ?? 0) & bit) !== 0) {
    return refused("FrameReplayed", `DevNonce ${devNonce} has been used before`);
  }
  const used = new Uint8Array(Math.max(usedDevNonces.length, byte + 1));
  used.set(usedDevNonces);
  used[byte] = (used[byte] ?? 0) | bit;
  return { ...(lastDevNonce !== undefined && { lastDevNonce }), usedDevNonces: used };
}

export const plainHex = (text: string): string => text.replace(/^0x/i, "").toLowerCase();
export const hexBytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(plainHex(text), "hex"));

/** The JoinEUI that nonces are counted under. */
export const nonceScopeOf = (frame: JoinRequest): JoinEui => frame.joinEui;

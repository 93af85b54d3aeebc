import type { RejoinReq } from "../lorawan/backend/messages.ts";
import { FrameError, MalformedValue } from "../lorawan/errors.ts";
import { type JoinEui, parseJoinEui } from "../lorawan/ids.ts";
import { deriveJoinServerKeys } from "../lorawan/keys.ts";
import { decodeFrame } from "../lorawan/phy/codec.ts";
import type { RejoinRequest1, RejoinRequest02 } from "../lorawan/phy/frame.ts";
import { verifyRejoinMic } from "../lorawan/phy/security.ts";
import {
  type Acceptance,
  contentOf,
  hexBytes,
  type JoinNonces,
  nextJoinNonce,
  plainHex,
  type Refusal,
  type RootKeyPair,
  refused,
  session11,
  unreadable,
} from "./join.ts";

/** A Rejoin-Request with the JoinEUI that its nonces are counted under. */
export type ScopedRejoin = (RejoinRequest1 | RejoinRequest02) & { readonly joinEui: JoinEui };

/** The frame inside a RejoinReq, or why there is none. */
export function rejoinRequestOf(request: RejoinReq): ScopedRejoin | Refusal {
  const frame = decodeFrame(hexBytes(request.PHYPayload));
  if (frame instanceof FrameError) return unreadable(frame);
  if (frame.kind !== "rejoin-request") return refused("MalformedMessage", "PHYPayload is no Rejoin-Request");
  if (frame.devEui !== plainHex(request.DevEUI)) {
    return refused("MalformedMessage", "DevEUI differs from the one in PHYPayload");
  }
  if ((hexBytes(request.DLSettings)[0] ?? 0) < 0x80) {
    return refused("MalformedMessage", "a rejoin is of LoRaWAN 1.1: DLSettings has OptNeg set");
  }
  const joinEui = receiverOf(request);
  if (frame.rejoinType === 1) {
    return frame.joinEui === joinEui
      ? frame
      : refused("UnknownReceiver", "ReceiverID differs from the JoinEUI in PHYPayload");
  }
  return joinEui ? { ...frame, joinEui } : refused("MalformedMessage", "ReceiverID is the JoinEUI of the device");
}

function receiverOf(request: RejoinReq): JoinEui | undefined {
  try {
    return parseJoinEui(plainHex(request.ReceiverID));
  } catch (error) {
    if (error instanceof MalformedValue) return undefined;
    throw error;
  }
}

/** Type 1 alone is signed for the Join Server (TS001-1.1 6.2.4.2). */
export function checkRejoinMic(request: RejoinReq, frame: ScopedRejoin, keys: RootKeyPair): Refusal | undefined {
  if (frame.rejoinType !== 1) return undefined;
  const { jsIntKey } = deriveJoinServerKeys({ nwkKey: keys.nwkKey, devEui: frame.devEui });
  return verifyRejoinMic(jsIntKey, hexBytes(request.PHYPayload))
    ? undefined
    : refused("MICFailed", "the MIC does not fit: the device has another NwkKey than is stored here");
}

/**
 * Answers a Rejoin-Request whose MIC fits: counts RJcount1 and the JoinNonce, derives the session keys with RJcount in the
 * place of DevNonce and seals the Join-Accept (TS001-1.1 6.2.4.4). Pure.
 */
export function acceptRejoin(
  request: RejoinReq,
  frame: ScopedRejoin,
  keys: RootKeyPair,
  nonces: JoinNonces,
): Acceptance | Refusal {
  if (frame.rejoinType === 1 && frame.rjCount1 <= (nonces.lastRjCount1 ?? -1)) {
    return refused(
      "FrameReplayed",
      `RJcount1 ${frame.rjCount1} is not above ${nonces.lastRjCount1}, the last one used`,
    );
  }
  const joinNonce = nextJoinNonce(nonces);
  if (typeof joinNonce === "object") return joinNonce;
  const nonce = frame.rejoinType === 1 ? frame.rjCount1 : frame.rjCount0;
  const asked = { joinEui: frame.joinEui, devEui: frame.devEui, nonce, joinReqType: frame.rejoinType };
  const session = session11(keys, asked, contentOf(request, joinNonce));
  if ("resultCode" in session) return session;
  const counted = frame.rejoinType === 1 ? { lastRjCount1: frame.rjCount1 } : {};
  return { kind: "accepted", nonces: { ...nonces, ...counted, joinNonce }, ...session };
}

import {
  type Header,
  type HomeNSAns,
  type HomeNSReq,
  type JoinAns,
  type JoinReq,
  type RejoinAns,
  type RejoinReq,
  type ResultCode,
  resultCodeIn,
} from "../lorawan/backend/messages.ts";
import { FrameError, MalformedValue } from "../lorawan/errors.ts";
import { type DevEui, type NetId, parseDevEui } from "../lorawan/ids.ts";
import type { AesKey } from "../lorawan/keys.ts";
import {
  type Acceptance,
  acceptJoin,
  checkMic,
  joinRequestOf,
  nonceScopeOf,
  plainHex,
  type Refusal,
  refused,
} from "./join.ts";
import type { NonceStore, RootKeyStore } from "./ports.ts";
import { acceptRejoin, checkRejoinMic, rejoinRequestOf } from "./rejoin.ts";

/** How session keys are handed to the one who asked. */
export interface KeyWrap {
  /** Envelope for the application server; the network server cannot open it when the key-encryption key is not its own. */
  appSKey(key: AesKey): NonNullable<JoinAns["AppSKey"]>;
  networkKey(key: AesKey): NonNullable<JoinAns["NwkSKey"]>;
}

export interface JoinAnswerer {
  /** Answers any well-formed JoinReq; never rejects for what a device or network sent. */
  join(request: JoinReq, wrap: KeyWrap): Promise<JoinAns>;
  /**
   * Answers any well-formed RejoinReq. ReceiverID is the device's JoinEUI, which a Rejoin-Request of type 0 or 2 does not
   * carry; the MIC and RJcount0 of those types are for the network server to check (TS001-1.1 6.2.4.1).
   */
  rejoin(request: RejoinReq, wrap: KeyWrap): Promise<RejoinAns>;
  /** Names the home network of a device, for a network that it visits. */
  home(request: HomeNSReq): Promise<HomeNSAns>;
}

/** The Join Server's one service, whether it is called directly or over TS002. `homeNetId` is that of its devices. */
export function createJoinAnswerer(rootKeys: RootKeyStore, nonces: NonceStore, homeNetId: NetId): JoinAnswerer {
  async function joinBody(request: JoinReq, wrap: KeyWrap): Promise<AnswerBody> {
    const frame = joinRequestOf(request);
    if (frame.kind === "refused") return refusalBody(request, frame);
    const keys = await rootKeys.keys(frame.devEui);
    if (!keys) return unknownDevice(request, frame.devEui);
    const refusal = checkMic(request, keys) ?? checkActivation(keys);
    if (refusal) return refusalBody(request, refusal);
    const decision = await nonces.change(
      frame.devEui,
      nonceScopeOf(frame),
      (used): Decision => orMalformed(() => acceptJoin(request, frame, keys, used)),
    );
    return decisionBody(request, decision, wrap);
  }

  async function rejoinBody(request: RejoinReq, wrap: KeyWrap): Promise<AnswerBody> {
    const frame = rejoinRequestOf(request);
    if ("resultCode" in frame) return refusalBody(request, frame);
    const keys = await rootKeys.keys(frame.devEui);
    if (!keys) return unknownDevice(request, frame.devEui);
    const refusal = checkRejoinMic(request, frame, keys) ?? checkActivation(keys);
    if (refusal) return refusalBody(request, refusal);
    const decision = await nonces.change(
      frame.devEui,
      frame.joinEui,
      (used): Decision => orMalformed(() => acceptRejoin(request, frame, keys, used)),
    );
    return decisionBody(request, decision, wrap);
  }

  return {
    join: async (request, wrap) => ({ ...(await joinBody(request, wrap)), MessageType: "JoinAns" }),
    rejoin: async (request, wrap) => ({ ...(await rejoinBody(request, wrap)), MessageType: "RejoinAns" }),
    async home(request) {
      const devEui = parseDevEui(plainHex(request.DevEUI));
      const isKnown = await rootKeys.has(devEui);
      const body = isKnown ? resultBody(request, "Success") : unknownDevice(request, devEui);
      return { ...body, MessageType: "HomeNSAns", ...(isKnown && { HNetID: homeNetId }) };
    },
  };
}

/** Known from here on to be the device itself, which is told more than a stranger. */
const checkActivation = ({ mayActivate }: { readonly mayActivate: boolean }): Refusal | undefined =>
  mayActivate ? undefined : refused("ActivationDisallowed", "the device is disabled, or its profile has no OTAA");

/** A message may have the right form and a CFList, NetID or DevAddr that no Join-Accept can carry. */
function orMalformed(accept: () => Decision): Decision {
  try {
    return accept();
  } catch (error) {
    if (error instanceof MalformedValue || error instanceof FrameError)
      return refused("MalformedMessage", error.message);
    throw error;
  }
}

/** A refusal leaves the nonces as they are. */
type Decision = Acceptance | (Refusal & { readonly nonces?: never });

type Answerable = Omit<Header, "MessageType">;

/** TS002 11: an answer turns sender and receiver round and keeps the transaction. */
const header = (request: Answerable) => ({
  ProtocolVersion: request.ProtocolVersion,
  SenderID: request.ReceiverID,
  ReceiverID: request.SenderID,
  TransactionID: request.TransactionID,
  ...(request.SenderNSID !== undefined && { ReceiverNSID: request.SenderNSID }),
  ...(request.SenderToken !== undefined && { ReceiverToken: request.SenderToken }),
});

type AnswerBody = Omit<JoinAns, "MessageType">;

/** An answer without content. */
export const resultBody = (request: Answerable, resultCode: ResultCode, description?: string): AnswerBody => ({
  ...header(request),
  Result: {
    ResultCode: resultCodeIn(request.ProtocolVersion, resultCode),
    ...(description !== undefined && { Description: description }),
  },
});

const refusalBody = (request: Answerable, refusal: Refusal): AnswerBody =>
  resultBody(request, refusal.resultCode, refusal.description);

const unknownDevice = (request: Answerable, devEui: DevEui): AnswerBody =>
  resultBody(request, "UnknownDevEUI", `no root keys are stored for ${devEui}`);

const decisionBody = (request: Answerable, decision: Acceptance | Refusal, wrap: KeyWrap): AnswerBody =>
  decision.kind === "refused" ? refusalBody(request, decision) : acceptedBody(request, decision, wrap);

function acceptedBody(request: Answerable, acceptance: Acceptance, wrap: KeyWrap): AnswerBody {
  const { networkKeys } = acceptance;
  return {
    ...resultBody(request, "Success"),
    PHYPayload: Buffer.from(acceptance.phyPayload).toString("hex"),
    Lifetime: 0,
    AppSKey: wrap.appSKey(acceptance.appSKey),
    ...(networkKeys.kind === "1.0"
      ? { NwkSKey: wrap.networkKey(networkKeys.nwkSKey) }
      : {
          FNwkSIntKey: wrap.networkKey(networkKeys.fNwkSIntKey),
          SNwkSIntKey: wrap.networkKey(networkKeys.sNwkSIntKey),
          NwkSEncKey: wrap.networkKey(networkKeys.nwkSEncKey),
        }),
  };
}

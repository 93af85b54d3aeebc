import type { JoinAns, JoinReq, RejoinAns, RejoinReq, ResultCode } from "../lorawan/backend/messages.ts";
import type { DevEui } from "../lorawan/ids.ts";
import type { AesKey } from "../lorawan/keys.ts";
import { type Acceptance, acceptJoin, checkMic, joinRequestOf, nonceScopeOf, type Refusal } from "./join.ts";
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
}

/** The Join Server's one service, whether it is called directly or over TS002. */
export function createJoinAnswerer(rootKeys: RootKeyStore, nonces: NonceStore): JoinAnswerer {
  async function joinBody(request: JoinReq, wrap: KeyWrap): Promise<AnswerBody> {
    const frame = joinRequestOf(request);
    if (frame.kind === "refused") return refusalBody(request, frame);
    const keys = await rootKeys.keys(frame.devEui);
    if (!keys) return unknownDevice(request, frame.devEui);
    const badMic = checkMic(request, keys);
    if (badMic) return refusalBody(request, badMic);
    const decision = await nonces.change(
      frame.devEui,
      nonceScopeOf(frame),
      (used): Decision => acceptJoin(request, frame, keys, used),
    );
    return decisionBody(request, decision, wrap);
  }

  async function rejoinBody(request: RejoinReq, wrap: KeyWrap): Promise<AnswerBody> {
    const frame = rejoinRequestOf(request);
    if ("resultCode" in frame) return refusalBody(request, frame);
    const keys = await rootKeys.keys(frame.devEui);
    if (!keys) return unknownDevice(request, frame.devEui);
    const badMic = checkRejoinMic(request, frame, keys);
    if (badMic) return refusalBody(request, badMic);
    const decision = await nonces.change(
      frame.devEui,
      frame.joinEui,
      (used): Decision => acceptRejoin(request, frame, keys, used),
    );
    return decisionBody(request, decision, wrap);
  }

  return {
    join: async (request, wrap) => ({ ...(await joinBody(request, wrap)), MessageType: "JoinAns" }),
    rejoin: async (request, wrap) => ({ ...(await rejoinBody(request, wrap)), MessageType: "RejoinAns" }),
  };
}

/** A refusal leaves the nonces as they are. */
type Decision = Acceptance | (Refusal & { readonly nonces?: never });

type Answerable = JoinReq | RejoinReq;

/** TS002 11: an answer turns sender and receiver round and keeps the transaction. */
const header = (request: Answerable) => ({
  ProtocolVersion: request.ProtocolVersion,
  SenderID: request.ReceiverID,
  ReceiverID: request.SenderID,
  TransactionID: request.TransactionID,
  ...(request.SenderToken !== undefined && { ReceiverToken: request.SenderToken }),
});

type AnswerBody = Omit<JoinAns, "MessageType">;

const resultBody = (request: Answerable, resultCode: ResultCode, description: string): AnswerBody => ({
  ...header(request),
  Result: { ResultCode: resultCode, Description: description },
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
    ...header(request),
    Result: { ResultCode: "Success" },
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

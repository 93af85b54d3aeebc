import type { JoinAns, JoinReq, ResultCode } from "../lorawan/backend/messages.ts";
import type { AesKey } from "../lorawan/keys.ts";
import { type Acceptance, acceptJoin, checkMic, joinRequestOf, nonceScopeOf, type Refusal } from "./join.ts";
import type { NonceStore, RootKeyStore } from "./ports.ts";

/** How session keys are handed to the one who asked. */
export interface KeyWrap {
  /** Envelope for the application server; the network server cannot open it when the key-encryption key is not its own. */
  appSKey(key: AesKey): NonNullable<JoinAns["AppSKey"]>;
  networkKey(key: AesKey): NonNullable<JoinAns["NwkSKey"]>;
}

export interface JoinAnswerer {
  /** Answers any well-formed JoinReq; never rejects for what a device or network sent. */
  join(request: JoinReq, wrap: KeyWrap): Promise<JoinAns>;
}

/** The Join Server's one service, whether it is called directly or over TS002. */
export function createJoinAnswerer(rootKeys: RootKeyStore, nonces: NonceStore): JoinAnswerer {
  return {
    async join(request, wrap) {
      const frame = joinRequestOf(request);
      if (frame.kind === "refused") return refusalAns(request, frame);
      const keys = await rootKeys.keys(frame.devEui);
      if (!keys) return resultAns(request, "UnknownDevEUI", `no root keys are stored for ${frame.devEui}`);
      const badMic = checkMic(request, keys);
      if (badMic) return refusalAns(request, badMic);
      const decision = await nonces.change(
        frame.devEui,
        nonceScopeOf(frame),
        (used): Acceptance | (Refusal & { nonces?: never }) => acceptJoin(request, frame, keys, used),
      );
      return decision.kind === "refused" ? refusalAns(request, decision) : acceptedAns(request, decision, wrap);
    },
  };
}

/** TS002 11: an answer turns sender and receiver round and keeps the transaction. */
const header = (request: JoinReq) => ({
  ProtocolVersion: request.ProtocolVersion,
  SenderID: request.ReceiverID,
  ReceiverID: request.SenderID,
  TransactionID: request.TransactionID,
  ...(request.SenderToken !== undefined && { ReceiverToken: request.SenderToken }),
  MessageType: "JoinAns" as const,
});

const resultAns = (request: JoinReq, resultCode: ResultCode, description: string): JoinAns => ({
  ...header(request),
  Result: { ResultCode: resultCode, Description: description },
});

const refusalAns = (request: JoinReq, refusal: Refusal): JoinAns =>
  resultAns(request, refusal.resultCode, refusal.description);

function acceptedAns(request: JoinReq, acceptance: Acceptance, wrap: KeyWrap): JoinAns {
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

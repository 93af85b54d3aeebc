import Type from "typebox";
import { Compile } from "typebox/compile";
import Value from "typebox/value";
import {
  type Header,
  type HomeNSAns,
  headerSchema,
  homeNSReqSchema,
  type JoinAns,
  joinReqSchema,
  protocolVersions,
  type RejoinAns,
  type ResultCode,
  rejoinReqSchema,
} from "../lorawan/backend/messages.ts";
import { type JoinAnswerer, type KeyWrap, resultBody } from "./answer.ts";
import type { JoinServerClientConfig } from "./config.ts";
import { plainHex } from "./join.ts";

const header = Compile(headerSchema);
const joinReq = Compile(joinReqSchema);
const rejoinReq = Compile(rejoinReqSchema);
const homeNSReq = Compile(homeNSReqSchema);

/** Of an answer to something that is hardly a message: what can be turned round is. */
export type BareAnswer = Partial<Header> & {
  readonly Result: { readonly ResultCode: string; readonly Description?: string };
};
export type Ts002Answer = JoinAns | RejoinAns | HomeNSAns | BareAnswer;

/** The highest version that is spoken here, for those who ask in another. */
const ownVersion = "1.1";

/**
 * Answers whatever a known client posts, faults of the message included (TS002-1.1.0 8, 11). Rejects for faults of this
 * server alone.
 * @param servesJoinEui whether devices with this JoinEUI are looked after here.
 */
export async function answerMessage(
  answerer: JoinAnswerer,
  client: JoinServerClientConfig,
  wrap: KeyWrap,
  servesJoinEui: (joinEui: string) => boolean,
  message: unknown,
): Promise<Ts002Answer> {
  if (!header.Check(message)) return malformedHeader(message);
  const refuse = (code: ResultCode, description: string): BareAnswer => refusal(message, code, description);
  if (!protocolVersions.includes(message.ProtocolVersion)) {
    return {
      ...refuse("InvalidProtocolVersion", `${protocolVersions.join(" and ")} are spoken here`),
      ProtocolVersion: ownVersion,
    };
  }
  // C70: whoever holds the certificate or the token speaks for its NetID alone.
  if (plainHex(message.SenderID) !== plainHex(client.netId)) {
    return refuse("UnknownSender", "SenderID is not the NetID of this client");
  }
  const joinEui = plainHex(message.ReceiverID);
  if (!/^[0-9a-f]{16}$/.test(joinEui) || !servesJoinEui(joinEui)) {
    return refuse("UnknownReceiver", "ReceiverID is no JoinEUI that is served here");
  }
  if (joinReq.Check(message)) return answerer.join(message, wrap);
  if (rejoinReq.Check(message)) return answerer.rejoin(message, wrap);
  if (homeNSReq.Check(message)) return answerer.home(message);
  return refuse("MalformedMessage", faultOf(message));
}

/** What this server cannot answer for a fault of its own: the client need not wait, and may ask again. */
export const failedAnswer = (message: unknown): BareAnswer =>
  header.Check(message)
    ? refusal(message, "Other", "the Join Server has a fault of its own")
    : malformedHeader(message);

const refusal = (message: Header, code: ResultCode, description: string): BareAnswer => ({
  ...resultBody(message, code, description),
  MessageType: answerTypeOf(message.MessageType),
});

const answerTypeOf = (messageType: string): string => messageType.replace(/Req$/, "Ans");

function faultOf(message: Header): string {
  const schemas: Readonly<Record<string, Type.TSchema>> = {
    JoinReq: joinReqSchema,
    RejoinReq: rejoinReqSchema,
    HomeNSReq: homeNSReqSchema,
  };
  const schema = schemas[message.MessageType];
  if (!schema) return "this is no JoinReq, RejoinReq or HomeNSReq";
  const [fault] = Value.Errors(schema, message);
  return `${fault?.instancePath.slice(1) || "a member"}: ${fault?.message ?? "does not fit"}`;
}

const loose = Compile(
  Type.Object({
    ProtocolVersion: Type.Optional(Type.Unknown()),
    SenderID: Type.Optional(Type.Unknown()),
    ReceiverID: Type.Optional(Type.Unknown()),
    TransactionID: Type.Optional(Type.Unknown()),
  }),
);

function malformedHeader(message: unknown): BareAnswer {
  const given = loose.Check(message) ? message : {};
  const text = (value: unknown) => (typeof value === "string" && value.length <= 64 ? value : undefined);
  const number = (value: unknown) => (Number.isSafeInteger(value) && typeof value === "number" ? value : undefined);
  const [version, sender, receiver] = [given.ProtocolVersion, given.SenderID, given.ReceiverID].map(text);
  const transaction = number(given.TransactionID);
  return {
    ...(version !== undefined && { ProtocolVersion: version }),
    ...(receiver !== undefined && { SenderID: receiver }),
    ...(sender !== undefined && { ReceiverID: sender }),
    ...(transaction !== undefined && { TransactionID: transaction }),
    Result: {
      ResultCode: version === "1.0" ? "MalformedRequest" : "MalformedMessage",
      Description: "this has not the header of a message of LoRaWAN Backend Interfaces",
    },
  };
}

import Type, { type Static } from "typebox";

/**
 * LoRaWAN Backend Interfaces (TS002-1.1.0) messages between Network Server and Join Server. Names are those of the
 * specification. Binary values are hex; EUIs and NetIDs most significant byte first.
 */
const hex = (bytes: number) => Type.String({ pattern: `^(0[xX])?[0-9a-fA-F]{${2 * bytes}}$` });
const anyHex = Type.String({ pattern: "^(0[xX])?([0-9a-fA-F]{2})*$", maxLength: 1024 });

export const keyEnvelopeSchema = Type.Object({ KEKLabel: Type.Optional(Type.String()), AESKey: anyHex });

export const resultSchema = Type.Object({ ResultCode: Type.String(), Description: Type.Optional(Type.String()) });

/** TS002-1.1.0 table 22; those that a Join Server gives. */
export const resultCodes = [
  "Success",
  "NoAction",
  "MICFailed",
  "FrameReplayed",
  "JoinReqFailed",
  "NoRoamingAgreement",
  "DevRoamingDisallowed",
  "RoamingActDisallowed",
  "ActivationDisallowed",
  "UnknownDevEUI",
  "UnknownDevAddr",
  "UnknownSender",
  "UnknownReceiver",
  "Deferred",
  "XmitFailed",
  "InvalidFPort",
  "InvalidProtocolVersion",
  "StaleDeviceProfile",
  "MalformedMessage",
  "FrameSizeError",
  "Other",
] as const;
export type ResultCode = (typeof resultCodes)[number];

/** Of these interfaces; a Join Server answers in the version that it is asked in. */
export const protocolVersions: readonly string[] = ["1.0", "1.1"];

const codesOf10: Partial<Record<ResultCode, string>> = {
  FrameReplayed: "JoinReqFailed",
  MalformedMessage: "MalformedRequest",
  UnknownReceiver: "UnkownReceiver",
};

/** The code as the protocol version has it: LoRaWAN Backend Interfaces 1.0 knows fewer, and spells one in its own way. */
export const resultCodeIn = (protocolVersion: string, code: ResultCode): string =>
  protocolVersion === "1.0" ? (codesOf10[code] ?? code) : code;

/** What every message begins with. */
export const headerSchema = Type.Object({
  ProtocolVersion: Type.String(),
  SenderID: Type.String(),
  ReceiverID: Type.String(),
  TransactionID: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
  MessageType: Type.String(),
  /** Of a network server, since 1.1. */
  SenderNSID: Type.Optional(hex(8)),
  ReceiverNSID: Type.Optional(hex(8)),
  SenderToken: Type.Optional(anyHex),
  ReceiverToken: Type.Optional(anyHex),
});
export type Header = Static<typeof headerSchema>;
const header = headerSchema.properties;

const joinRequestFields = {
  MACVersion: Type.String(),
  PHYPayload: anyHex,
  DevEUI: hex(8),
  DevAddr: hex(4),
  DLSettings: hex(1),
  RxDelay: Type.Integer({ minimum: 0, maximum: 15 }),
  CFList: Type.Optional(anyHex),
};

export const joinReqSchema = Type.Object({ ...header, MessageType: Type.Literal("JoinReq"), ...joinRequestFields });
export type JoinReq = Static<typeof joinReqSchema>;

export const rejoinReqSchema = Type.Object({ ...header, MessageType: Type.Literal("RejoinReq"), ...joinRequestFields });
export type RejoinReq = Static<typeof rejoinReqSchema>;

const joinAnswerFields = {
  Result: resultSchema,
  PHYPayload: Type.Optional(anyHex),
  /** Seconds; 0 or absent is without end. */
  Lifetime: Type.Optional(Type.Integer({ minimum: 0 })),
  SNwkSIntKey: Type.Optional(keyEnvelopeSchema),
  FNwkSIntKey: Type.Optional(keyEnvelopeSchema),
  NwkSEncKey: Type.Optional(keyEnvelopeSchema),
  /** LoRaWAN 1.0.x: instead of the three above. */
  NwkSKey: Type.Optional(keyEnvelopeSchema),
  AppSKey: Type.Optional(keyEnvelopeSchema),
  SessionKeyID: Type.Optional(anyHex),
};

export const joinAnsSchema = Type.Object({ ...header, MessageType: Type.Literal("JoinAns"), ...joinAnswerFields });
export type JoinAns = Static<typeof joinAnsSchema>;

export const rejoinAnsSchema = Type.Object({ ...header, MessageType: Type.Literal("RejoinAns"), ...joinAnswerFields });
export type RejoinAns = Static<typeof rejoinAnsSchema>;

export const homeNSReqSchema = Type.Object({ ...header, MessageType: Type.Literal("HomeNSReq"), DevEUI: hex(8) });
export type HomeNSReq = Static<typeof homeNSReqSchema>;

export type HomeNSAns = Header & {
  readonly MessageType: "HomeNSAns";
  readonly Result: Static<typeof resultSchema>;
  /** NetID of the device's home network. */
  readonly HNetID?: string;
};

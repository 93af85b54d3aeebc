import { hash } from "node:crypto";
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";

/** How the broker's sessions and messages are written to its record store. */
export interface Packet {
  readonly cmd: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly brokerId?: string;
  readonly brokerCounter?: number;
  messageId?: number;
  [member: string]: unknown;
}

export interface Subscription {
  readonly topic: string;
  readonly qos: number;
}

/** What a record says. */
export type SessionRecord =
  | { readonly kind: "session"; readonly clientId: string; readonly subscriptions: readonly Subscription[] }
  | { readonly kind: "outgoing"; readonly clientId: string; readonly sequence: number; readonly packet: Packet }
  | { readonly kind: "incoming"; readonly clientId: string; readonly packet: Packet }
  | { readonly kind: "retained"; readonly packet: Packet };

// The first byte of a key. Sessions come first when records are read in order, then their messages in the order of sending.
const kinds = { session: 1, outgoing: 2, incoming: 3, retained: 4 } as const;

/** Client identifiers and topics have any length, keys have not. */
const hashed = (text: string): Buffer => hash("sha256", text, "buffer");

const sequenceBytes = 6;
const numbered = (kind: number, clientId: string, number: number): Buffer => {
  const suffix = Buffer.allocUnsafe(sequenceBytes);
  suffix.writeUIntBE(number, 0, sequenceBytes);
  return Buffer.concat([Buffer.from([kind]), hashed(clientId), suffix]);
};

export const sessionKey = (clientId: string): Buffer => Buffer.concat([Buffer.from([kinds.session]), hashed(clientId)]);
export const outgoingKey = (clientId: string, sequence: number): Buffer => numbered(kinds.outgoing, clientId, sequence);
export const incomingKey = (clientId: string, messageId: number): Buffer =>
  numbered(kinds.incoming, clientId, messageId);
export const retainedKey = (topic: string): Buffer => Buffer.concat([Buffer.from([kinds.retained]), hashed(topic)]);

const sessionHead = Compile(
  Type.Object({
    clientId: Type.String(),
    subscriptions: Type.Array(Type.Object({ topic: Type.String(), qos: Type.Integer({ minimum: 0, maximum: 2 }) })),
  }),
);
const packetHeadSchema = Type.Object({
  /** Of the session; a retained message has none. */
  session: Type.Optional(Type.String()),
  packet: Type.Object({
    cmd: Type.String(),
    topic: Type.Optional(Type.String()),
    brokerId: Type.Optional(Type.String()),
    brokerCounter: Type.Optional(Type.Integer()),
    messageId: Type.Optional(Type.Integer()),
  }),
});
const packetHead = Compile(packetHeadSchema);

export const encodeSession = (clientId: string, subscriptions: readonly Subscription[]): Buffer =>
  Buffer.from(JSON.stringify({ clientId, subscriptions }));

/** Length of the head (32 bits), the head as JSON, the payload. */
export function encodePacket({ payload, ...packet }: Packet, session?: string): Buffer {
  const head = Buffer.from(JSON.stringify({ session, packet }));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(head.length);
  // A PUBREL has no payload.
  return Buffer.concat([length, head, payload ?? Buffer.alloc(0)]);
}

/** Undefined for a record that is none, or of a kind that this version does not know. */
export function decodeRecord(key: Buffer, value: Buffer): SessionRecord | undefined {
  if (key[0] === kinds.session) {
    const head = parsed(value);
    return sessionHead.Check(head) ? { kind: "session", ...head } : undefined;
  }
  const headEnd = value.length < 4 ? 0 : 4 + value.readUInt32BE(0);
  const head = parsed(value.subarray(4, headEnd));
  if (!packetHead.Check(head)) return undefined;
  // A copy: the store's memory is read again into.
  return packetRecord(key, head, Buffer.from(value.subarray(headEnd)));
}

function packetRecord(key: Buffer, head: Static<typeof packetHeadSchema>, payload: Buffer): SessionRecord | undefined {
  const { session: clientId, packet: members } = head;
  const packet: Packet = { ...members, topic: members.topic ?? "", payload };
  if (key[0] === kinds.retained) return { kind: "retained", packet };
  if (clientId === undefined) return undefined;
  if (key[0] === kinds.incoming) return { kind: "incoming", clientId, packet };
  if (key[0] !== kinds.outgoing) return undefined;
  return { kind: "outgoing", clientId, sequence: key.readUIntBE(key.length - sequenceBytes, sequenceBytes), packet };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

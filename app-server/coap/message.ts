import { generate, parse } from "coap-packet";

/** RFC 7252 3: what a datagram is to a server that only answers. */
export type Datagram =
  | { readonly kind: "request"; readonly request: CoapRequest }
  /** An answer to a message of ours. */
  | { readonly kind: "acknowledgement" | "reset"; readonly messageId: number }
  /** Of no meaning here, and whoever sent it waits for a word (RFC 7252 4.2): it gets a reset. */
  | { readonly kind: "rejected"; readonly messageId: number }
  | { readonly kind: "ignored" };

export interface CoapRequest {
  readonly isConfirmable: boolean;
  readonly messageId: number;
  readonly token: Buffer;
  /** Like `0.01`, which is GET. */
  readonly code: string;
  readonly path: readonly string[];
  readonly query: readonly string[];
  /** RFC 7641 2: 0 registers, 1 deregisters. */
  readonly observe?: number;
  /** Content-Format. */
  readonly accept?: number;
  readonly eTags: readonly Buffer[];
  /** RFC 7959 2.2: which block is asked for, and how long blocks are to be. */
  readonly block?: Block;
  /** It has an option that must be understood and is not (RFC 7252 5.4.1). */
  readonly hasBadOption: boolean;
}

export interface Block {
  readonly number: number;
  readonly size: number;
}

export interface Response {
  /** Acknowledgement of the request that it answers, or a message of its own. */
  readonly type: "acknowledgement" | "confirmable" | "non-confirmable";
  readonly messageId: number;
  readonly token: Buffer;
  readonly code: string;
  readonly options?: ResponseOptions;
  readonly payload?: Uint8Array;
}

export interface ResponseOptions {
  readonly contentFormat?: number;
  readonly eTag?: Buffer;
  readonly maxAge?: number;
  readonly observe?: number;
  readonly block?: Block & { readonly hasMore: boolean };
}

/** Longer ones are of no use to anybody who asks for a value. */
const longestDatagram = 1280;
const longestToken = 8;

/** A total function: whatever the bytes are, there is an answer. */
export function readDatagram(bytes: Buffer): Datagram {
  if (bytes.length < 4 || bytes.length > longestDatagram || bytes.readUInt8(0) >> 6 !== 1) return { kind: "ignored" };
  const type = (bytes.readUInt8(0) >> 4) & 3;
  const messageId = bytes.readUInt16BE(2);
  if (type === 2) return { kind: "acknowledgement", messageId };
  if (type === 3) return { kind: "reset", messageId };
  const request = readRequest(bytes, type === 0, messageId);
  if (request !== undefined) return { kind: "request", request };
  return type === 0 ? { kind: "rejected", messageId } : { kind: "ignored" };
}

function readRequest(bytes: Buffer, isConfirmable: boolean, messageId: number): CoapRequest | undefined {
  try {
    const packet = parse(bytes);
    // The parser takes options that are cut off: what it read would be other bytes.
    if (!generate({ ...packet, options: [...packet.options] }, longestDatagram).equals(bytes)) return undefined;
    if (packet.token.length > longestToken || !/^0\.(?!00)/.test(packet.code)) return undefined;
    return { isConfirmable, messageId, token: packet.token, code: packet.code, ...readOptions(packet.options) };
  } catch {
    return undefined;
  }
}

type ReadOptions = Omit<CoapRequest, "isConfirmable" | "messageId" | "token" | "code">;

function readOptions(options: readonly { readonly name: string | number; readonly value: Buffer }[]): ReadOptions {
  const path: string[] = [];
  const query: string[] = [];
  const eTags: Buffer[] = [];
  const numbers: { observe?: number; accept?: number; block?: Block } = {};
  let hasBadOption = false;
  for (const { name, value } of options) {
    if (name === "Uri-Path" || name === "Uri-Query") {
      const text = textOf(value);
      if (text === undefined) hasBadOption = true;
      else (name === "Uri-Path" ? path : query).push(text);
    } else if (name === "ETag") {
      if (value.length > 0 && value.length <= 8) eTags.push(value);
    } else if (name === "Observe") {
      const observe = uintOf(value, 3);
      if (observe !== undefined) numbers.observe = observe;
    } else if (name === "Accept") {
      const accept = uintOf(value, 2);
      if (accept === undefined || numbers.accept !== undefined) hasBadOption = true;
      else numbers.accept = accept;
    } else if (name === "Block2") {
      const block = blockOf(value);
      if (block === undefined || numbers.block !== undefined) hasBadOption = true;
      else numbers.block = block;
    } else if (isCritical(name) && name !== "Uri-Host" && name !== "Uri-Port") {
      hasBadOption = true;
    }
  }
  return { path, query, eTags, hasBadOption, ...numbers };
}

/** The parser tells those that it knows by name (RFC 7252 5.10, 5.4.6), and the others by number. */
const elective = new Set(["Location-Path", "Content-Format", "Max-Age", "Hop-Limit", "Location-Query", "Size2"])
  .add("Size1")
  .add("No-Response");
const isCritical = (name: string | number): boolean =>
  /^\d+$/.test(String(name)) ? Number(name) % 2 === 1 : !elective.has(String(name));

const utf8 = new TextDecoder("utf-8", { fatal: true });

function textOf(value: Buffer): string | undefined {
  try {
    return utf8.decode(value);
  } catch {
    return undefined;
  }
}

const uintOf = (value: Buffer, longest: number): number | undefined =>
  value.length > longest ? undefined : value.length === 0 ? 0 : value.readUIntBE(0, value.length);

/** RFC 7959 2.2: number, more, and the exponent of the size; 7 is reserved. */
function blockOf(value: Buffer): Block | undefined {
  const number = uintOf(value, 3);
  if (number === undefined || (number & 7) === 7) return undefined;
  return { number: number >>> 4, size: 2 ** ((number & 7) + 4) };
}

export function writeResponse({ type, messageId, token, code, options = {}, payload }: Response): Buffer {
  const { contentFormat, eTag, maxAge, observe, block } = options;
  return generate(
    {
      confirmable: type === "confirmable",
      ack: type === "acknowledgement",
      reset: false,
      messageId,
      token,
      code,
      options: [
        ...(eTag === undefined ? [] : [{ name: "ETag", value: eTag } as const]),
        ...(observe === undefined ? [] : [{ name: "Observe", value: uint(observe) } as const]),
        ...(contentFormat === undefined ? [] : [{ name: "Content-Format", value: uint(contentFormat) } as const]),
        ...(maxAge === undefined ? [] : [{ name: "Max-Age", value: uint(maxAge) } as const]),
        ...(block === undefined ? [] : [{ name: "Block2", value: blockBytes(block) } as const]),
      ],
      payload: Buffer.from(payload ?? []),
    },
    longestDatagram,
  );
}

/** RFC 7252 4.3: nothing but whose message it rejects. */
export const writeReset = (messageId: number): Buffer => Buffer.of(0x70, 0, (messageId >> 8) & 0xff, messageId & 0xff);

/** As short as it can be (RFC 7252 3.2). */
function uint(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  const first = bytes.findIndex(byte => byte !== 0);
  return first < 0 ? Buffer.alloc(0) : bytes.subarray(first);
}

const blockBytes = ({ number, size, hasMore }: Block & { readonly hasMore: boolean }): Buffer =>
  uint((number << 4) | (hasMore ? 8 : 0) | (Math.log2(size) - 4));

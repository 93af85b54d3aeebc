import { createHash } from "node:crypto";
import { encode } from "cborg";
import type { ResponseOptions } from "./message.ts";

/** Content-Formats of RFC 7252 12.3 and RFC 8949. */
export const formats = { text: 0, json: 50, cbor: 60 } as const;
type Format = (typeof formats)[keyof typeof formats];
const isFormat = (format: number): format is Format => Object.values<number>(formats).includes(format);

/** What a resource is now, as JSON knows values; null: nothing yet. */
export type Value = null | number | string | Readonly<Record<string, unknown>>;

export interface Content {
  readonly format: Format;
  readonly payload: Buffer;
  /** Another one for other bytes. */
  readonly eTag: Buffer;
}

/** What reader asked for can be had: a number or a text is a plain text unless it has to be something else. */
export function contentOf(value: Value, accept: number | undefined): Content | undefined {
  const isPlain = typeof value === "number" || typeof value === "string";
  const format = accept ?? (isPlain ? formats.text : formats.json);
  if (!isFormat(format)) return undefined;
  // An object has no plain text of its own; what is not there yet is an empty one.
  if (format === formats.text && typeof value === "object" && value !== null) return undefined;
  const payload = bytesOf(value, format);
  return { format, payload, eTag: createHash("sha256").update(payload).digest().subarray(0, 4) };
}

function bytesOf(value: Value, format: Format): Buffer {
  switch (format) {
    case formats.text:
      return Buffer.from(value === null ? "" : String(value));
    case formats.json:
      return Buffer.from(JSON.stringify(value));
    case formats.cbor:
      return Buffer.from(encode(JSON.parse(JSON.stringify(value))));
  }
}

/** With this much payload a datagram stays below what networks carry in one piece (RFC 7252 4.6). */
const largestBlock = 1024;

export interface Piece {
  readonly payload: Uint8Array;
  readonly options: Pick<ResponseOptions, "contentFormat" | "eTag" | "block">;
}

/** All of it where it fits into one datagram, or else the block that is asked for; undefined: there is none of this number. */
export function pieceOf(
  { format, payload, eTag }: Content,
  asked: { readonly number: number; readonly size: number } | undefined,
): Piece | undefined {
  const options = { contentFormat: format, eTag };
  const { number, size } = { number: asked?.number ?? 0, size: Math.min(largestBlock, asked?.size ?? largestBlock) };
  if (payload.length <= size && number === 0) return { payload, options };
  const start = number * size;
  if (start >= payload.length) return undefined;
  const end = Math.min(payload.length, start + size);
  return {
    payload: payload.subarray(start, end),
    options: { ...options, block: { number, size, hasMore: end < payload.length } },
  };
}

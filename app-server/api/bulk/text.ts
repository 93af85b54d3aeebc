/** Longest record of a file; the longest that anybody means is a profile with its scripts. */
export const maxRecordLength = 1 << 20;

/** One record of a file as it was read. */
export interface SourceRecord {
  /** Where it begins, from 1. */
  readonly line: number;
  /** Of the text up to its end, as UTF-8. */
  readonly bytes: number;
  /** By which it is known to be the same when the file is read again. */
  readonly text: string;
  readonly content: RecordContent;
}

export type RecordContent =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "cells"; readonly cells: readonly string[] }
  | { readonly kind: "faulty"; readonly message: string };

const encodings = [
  { bom: [0xef, 0xbb, 0xbf], label: "utf-8" },
  { bom: [0xff, 0xfe], label: "utf-16le" },
  { bom: [0xfe, 0xff], label: "utf-16be" },
] as const;

/**
 * Text of a file by its byte order mark, else UTF-8. Bytes that are none become U+FFFD, by which the record that they are in
 * is found out.
 */
export async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let head: Uint8Array = new Uint8Array();
  for await (const chunk of chunks) {
    if (decoder !== undefined) {
      yield decoder.decode(chunk, { stream: true });
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < 3) continue;
    decoder = decoderFor(head);
    yield decoder.decode(head, { stream: true });
  }
  if (decoder === undefined) yield decoderFor(head).decode(head);
  else yield decoder.decode();
}

function decoderFor(head: Uint8Array): TextDecoder {
  const found = encodings.find(({ bom }) => bom.every((byte, index) => head[index] === byte));
  // The decoder leaves the byte order mark out.
  return new TextDecoder(found?.label ?? "utf-8");
}

export const notUnicode = "This is not UTF-8 text: save the file with the encoding UTF-8.";

import type { MacVersion } from "../version.ts";
import type { Command } from "./command.ts";
import type { Direction, ErasedMessage } from "./message.ts";
import { commandOf } from "./registry.ts";

export interface StreamEntry {
  readonly command: Command;
  readonly message: ErasedMessage;
  /** Without the CID. */
  readonly payload: Uint8Array;
}

export type StreamEnd =
  | { readonly kind: "complete" }
  /** Its length is not known, so nothing behind it can be read (TS001-1.0.4 5). */
  | { readonly kind: "unknown"; readonly cid: number; readonly offset: number }
  | { readonly kind: "truncated"; readonly cid: number; readonly offset: number };

export interface CommandStream {
  readonly entries: readonly StreamEntry[];
  readonly end: StreamEnd;
}

/** The commands of FOpts or of a payload of port 0, up to the first that this version does not have in this direction. */
export function readStream(bytes: Uint8Array, direction: Direction, version: MacVersion): CommandStream {
  const entries: StreamEntry[] = [];
  let offset = 0;
  for (let cid = bytes[offset]; cid !== undefined; cid = bytes[offset]) {
    const command = commandOf(cid, version);
    const message = command?.[direction];
    if (command === undefined || message === undefined) return { entries, end: { kind: "unknown", cid, offset } };
    const next = offset + 1 + message.length;
    if (next > bytes.length) return { entries, end: { kind: "truncated", cid, offset } };
    entries.push({ command, message, payload: bytes.subarray(offset + 1, next) });
    offset = next;
  }
  return { entries, end: { kind: "complete" } };
}

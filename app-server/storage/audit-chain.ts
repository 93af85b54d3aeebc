import { createHmac, timingSafeEqual } from "node:crypto";
import type { AuditKey, AuditNote } from "../audit-ports.ts";

/** The text that is signed and kept. */
export const entryText = (number: number, at: string, note: AuditNote): string =>
  JSON.stringify({ number, at, ...note });

/** What the first entry is signed with in place of the signature before it. */
export const chainStart: Uint8Array = new Uint8Array(32);

/** Keyed, so that who can write the database alone cannot make a chain that holds. */
export const sign = ({ key }: AuditKey, before: Uint8Array, text: string): Uint8Array =>
  createHmac("sha256", key).update(before).update(text).digest();

export const isSigned = (key: AuditKey, before: Uint8Array, text: string, signature: Uint8Array): boolean => {
  const expected = sign(key, before, text);
  return expected.length === signature.length && timingSafeEqual(expected, signature);
};

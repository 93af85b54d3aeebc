import { MalformedValue } from "../../lorawan/errors.ts";
import type { CarriedKey } from "../carried.ts";
import type { JsonFields } from "./json-values.ts";

/** The key in the clear, where the one that it is under is known. */
export type Opener = (key: CarriedKey) => CarriedKey;

/** A key as the export has it, in the clear or wrapped. Undefined where there is none. Throws MalformedValue. */
export function carriedKey(keys: JsonFields, name: string, opened: Opener): CarriedKey | undefined {
  const envelope = keys.fields(name);
  if (!envelope) return undefined;
  const clear = envelope.text("key");
  if (clear !== undefined && clear !== "") {
    if (!/^[0-9a-fA-F]{32}$/.test(clear)) throw new MalformedValue(`${name} is no key of 32 hex digits`);
    return { key: Uint8Array.from(Buffer.from(clear, "hex")) };
  }
  const sealed = Buffer.from(envelope.text("encrypted_key") ?? "", "base64");
  if (sealed.length === 0) return undefined;
  const kekLabel = envelope.text("kek_label") ?? "";
  if (kekLabel !== "") return opened({ kekLabel, aesKey: sealed.toString("hex") });
  if (sealed.length !== 16) throw new MalformedValue(`${name} has ${sealed.length} bytes, where 16 belong`);
  return { key: Uint8Array.from(sealed) };
}

export type ClearKey =
  | { readonly kind: "clear"; readonly hex: string }
  | { readonly kind: "sealed"; readonly kekLabel: string }
  | { readonly kind: "none" };

export function clearKey(keys: JsonFields, name: string, opened: Opener): ClearKey {
  const key = carriedKey(keys, name, opened);
  if (key === undefined) return { kind: "none" };
  return "key" in key
    ? { kind: "clear", hex: Buffer.from(key.key).toString("hex") }
    : { kind: "sealed", kekLabel: key.kekLabel };
}

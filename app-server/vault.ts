import { timingSafeEqual } from "node:crypto";
import { unwrapKey, wrapKey } from "../lorawan/backend/key-envelope.ts";
import { type AesKey, parseAesKey } from "../lorawan/keys.ts";
import { createByteSlab } from "../platform/byte-slab.ts";
import type { KeyEnvelope } from "../platform/state/network-event.ts";
import type { AppSKeyVault } from "./ports.ts";

export interface KeyEncryptionKey {
  readonly kekLabel: string;
  /** 16, 24 or 32 bytes. */
  readonly kek: Uint8Array;
}

export interface VaultOptions extends KeyEncryptionKey {
  /** Further keys that envelopes may be under: those of the past, which sessions still need, and a Join Server's. */
  readonly others?: readonly KeyEncryptionKey[];
  /** Those that the application server alone has: what is under them it encrypts itself. */
  readonly applicationOnly?: readonly KeyEncryptionKey[];
}

/** Unwrapping a key costs as much as the rest of an uplink's decoding; sessions use one key for thousands of uplinks. */
const maxOpened = 100_000;

/**
 * Opens envelopes under this installation's key-encryption key (RFC 3394), and those that carry a key in the clear.
 * An envelope with another label, or one that has been altered, stays closed. Throws MalformedValue for a KEK of the
 * wrong length.
 */
export function createAppSKeyVault(options: VaultOptions): AppSKeyVault {
  const { kekLabel, kek, others = [], applicationOnly = [] } = options;
  const opened = new Map<string, AesKey>();
  const room = createByteSlab();
  const byLabel = new Map([...applicationOnly, ...others, { kekLabel, kek }].map(entry => [entry.kekLabel, entry.kek]));
  const oursAlone = new Set(applicationOnly.map(entry => entry.kekLabel));
  for (const known of byLabel.values()) assertUsable(known);

  const openWrapped = (key: Uint8Array, wrapped: string): AesKey | undefined => {
    const cached = opened.get(wrapped);
    if (cached !== undefined) return cached;
    if (!/^([0-9a-fA-F]{2})+$/.test(wrapped)) return undefined;
    const unwrapped = unwrapKey(key, Buffer.from(wrapped, "hex"));
    if (unwrapped === undefined || unwrapped.length !== 16) return undefined;
    const appSKey = room.keep(unwrapped);
    const [oldest] = opened.keys();
    if (opened.size >= maxOpened && oldest !== undefined) opened.delete(oldest);
    opened.set(wrapped, appSKey);
    return appSKey;
  };

  return {
    open(envelope: KeyEnvelope) {
      const known = byLabel.get(envelope.kekLabel ?? "");
      if (known) return openWrapped(known, envelope.aesKey);
      if (envelope.kekLabel !== undefined && envelope.kekLabel !== "") return undefined;
      return /^[0-9a-fA-F]{32}$/.test(envelope.aesKey) ? parseAesKey(envelope.aesKey) : undefined;
    },
    isForApplicationOnly: envelope => oursAlone.has(envelope.kekLabel ?? ""),
    seal: key => ({ kekLabel, aesKey: Buffer.from(wrapKey(kek, key)).toString("hex") }),
  };
}

/** A KEK that cannot be used is found at start, not at the first join. */
function assertUsable(kek: Uint8Array): void {
  const probe = new Uint8Array(16);
  const back = unwrapKey(kek, wrapKey(kek, probe));
  if (back === undefined || !timingSafeEqual(back, probe))
    throw new Error("AES key wrap does not work on this platform");
}

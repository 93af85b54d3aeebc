import { type AesKey, parseAesKey } from "../lorawan/keys.ts";
import { createByteSlab } from "../platform/byte-slab.ts";
import type { AppSKeyVault } from "./ports.ts";
import type { Session } from "./session.ts";

const known = new Map<string, AesKey>();
const maxKnown = 65_536;
const room = createByteSlab();

/**
 * A key of a session, from hex to bytes; each frame needs it, and what is worked out for a key is remembered with its bytes
 * (lorawan/phy/aes.ts). Keys read before are kept; a full memory begins anew. Throws MalformedValue.
 */
export function sessionKey(hexText: string): AesKey {
  const found = known.get(hexText);
  if (found) return found;
  const key = room.keep(parseAesKey(hexText));
  if (known.size >= maxKnown) known.clear();
  known.set(hexText, key);
  return key;
}

/** Undefined when the AppSKey is not ours to see (C36). */
export const openAppSKey = (vault: AppSKeyVault, { appSKey }: Session): AesKey | undefined =>
  appSKey && vault.open(appSKey);

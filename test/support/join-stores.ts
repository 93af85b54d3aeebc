import { freshNonces, type JoinNonces, type RootKeyPair } from "../../join-server/join.ts";
import type { NonceStore, RootKeyStore } from "../../join-server/ports.ts";

/** Root keys and nonces in memory, for tests that are about something else than how they are kept. */
export function memoryJoinStores(): {
  readonly rootKeys: RootKeyStore;
  readonly nonces: NonceStore;
  /** DevEUIs that may not activate. */
  readonly disabled: Set<string>;
} {
  const keys = new Map<string, RootKeyPair>();
  const disabled = new Set<string>();
  const nonces = new Map<string, JoinNonces>();
  return {
    disabled,
    rootKeys: {
      keys: async devEui => {
        const pair = keys.get(devEui);
        return pair && { ...pair, mayActivate: !disabled.has(devEui) };
      },
      put: async (devEui, pair) => {
        keys.set(devEui, pair);
      },
      putAll: async pairs => {
        for (const [devEui, pair] of pairs) keys.set(devEui, pair);
        return new Set(pairs.keys());
      },
      remove: async devEui => keys.delete(devEui),
      has: async devEui => keys.has(devEui),
      reencrypt: async () => 0,
    },
    nonces: {
      change: async (devEui, joinEui, decide) => {
        const scope = `${devEui} ${joinEui}`;
        const decision = decide(nonces.get(scope) ?? freshNonces);
        if (decision.nonces) nonces.set(scope, decision.nonces);
        return decision;
      },
      forgetDevNonces: async (devEui, joinEui) => {
        const scope = `${devEui} ${joinEui}`;
        const { joinNonce } = nonces.get(scope) ?? freshNonces;
        nonces.set(scope, { ...freshNonces, joinNonce });
      },
    },
  };
}

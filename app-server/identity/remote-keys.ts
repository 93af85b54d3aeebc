import { createRemoteJWKSet, customFetch } from "jose";
import type { Clock } from "../../platform/clock.ts";

export interface RemoteKeysOptions {
  readonly url: string;
  readonly clock: Clock;
  /** How long no more keys are fetched after a fetch: tokens with made-up key ids must not become a flood of requests. */
  readonly cooldownMs?: number;
}

const timeoutMs = 5000;
/** How long an issuer whose keys could not be fetched is not asked again, however many tokens come meanwhile. */
const failureHoldsMs = 5000;

/** With a public key alone: a secret that is shared with the issuer would let this server make its tokens. */
export const signatureAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

/** An issuer's keys (RFC 7517), fetched when one is not known, and seldom enough whatever tokens are shown. */
export function createRemoteKeys({ url, clock, cooldownMs = 30_000 }: RemoteKeysOptions) {
  let failedUntilMs = 0;
  return createRemoteJWKSet(new URL(url), {
    cooldownDuration: cooldownMs,
    timeoutDuration: timeoutMs,
    async [customFetch](address, options) {
      if (clock.nowMs() < failedUntilMs) throw new Error("the last attempt failed a moment ago");
      failedUntilMs = clock.nowMs() + failureHoldsMs;
      const response = await fetch(address, options);
      if (response.status === 200) failedUntilMs = 0;
      return response;
    },
  });
}

import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import type { Clock } from "../../platform/clock.ts";
import type { BearerTokenConfig, GroupRight } from "../config.ts";
import type { TokenVerifier } from "../identity-ports.ts";
import { identityOf } from "./claims.ts";
import { IdentityProviderUnavailable, reasonOf } from "./unavailable.ts";

export interface TokenVerifierOptions {
  readonly config: BearerTokenConfig;
  readonly groups: readonly GroupRight[];
  readonly clock: Clock;
  /** How long no more keys are fetched after a fetch: tokens with made-up key ids must not become a flood of requests. */
  readonly cooldownMs?: number;
}

/** With a public key alone: a secret that is shared with the issuer would let this server make its tokens. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const clockToleranceSeconds = 30;
const timeoutMs = 5000;

/** Faults of the token; every other error is one of the issuer or of the way there. */
const isTokenFault = (error: unknown): boolean =>
  error instanceof errors.JOSEError &&
  (/^ERR_JW[ST]_/.test(error.code) ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys);

/** Access tokens that are JWTs (RFC 9068) of one issuer for one audience; its keys (RFC 7517) may change at any time. */
export function createTokenVerifier({
  config,
  groups,
  clock,
  cooldownMs = 30_000,
}: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, jwksUrl, groupsClaim } = config;
  const keys = createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: cooldownMs, timeoutDuration: timeoutMs });
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms,
          requiredClaims: ["exp", "sub"],
          clockTolerance: clockToleranceSeconds,
          currentDate: new Date(clock.nowMs()),
        });
        return identityOf(payload, { issuer, groupsClaim, groups });
      } catch (error) {
        if (isTokenFault(error)) return undefined;
        throw new IdentityProviderUnavailable(issuer, `its keys cannot be read, ${reasonOf(error)}`);
      }
    },
  };
}

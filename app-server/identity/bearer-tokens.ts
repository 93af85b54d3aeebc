import { errors, jwtVerify } from "jose";
import type { Clock } from "../../platform/clock.ts";
import type { BearerTokenConfig, GroupRight } from "../config.ts";
import type { TokenVerifier } from "../identity-ports.ts";
import { identityOf } from "./claims.ts";
import { createRemoteKeys, signatureAlgorithms } from "./remote-keys.ts";
import { IdentityProviderUnavailable, reasonOf } from "./unavailable.ts";

export interface TokenVerifierOptions {
  readonly config: BearerTokenConfig;
  readonly groups: readonly GroupRight[];
  readonly clock: Clock;
  readonly cooldownMs?: number;
}

const clockToleranceSeconds = 30;

/** Faults of the token; every other error is one of the issuer or of the way there. */
const isTokenFault = (error: unknown): boolean =>
  error instanceof errors.JOSEError &&
  (/^ERR_JW[ST]_/.test(error.code) ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys);

/** Access tokens that are JWTs (RFC 9068) of one issuer for one audience; its keys (RFC 7517) may change at any time. */
export function createTokenVerifier({ config, groups, clock, cooldownMs }: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, jwksUrl, groupsClaim } = config;
  const keys = createRemoteKeys({ url: jwksUrl, clock, ...(cooldownMs !== undefined && { cooldownMs }) });
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: signatureAlgorithms,
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

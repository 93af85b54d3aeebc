import { jwtVerify } from "jose";
import type { Clock } from "../../platform/clock.ts";
import type { LogoutOutcome } from "../identity-ports.ts";
import { createRemoteKeys, signatureAlgorithms } from "./remote-keys.ts";
import { reasonOf } from "./unavailable.ts";

/** OpenID Connect Back-Channel Logout 1.0, 2.4. */
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout";
const types: readonly (string | undefined)[] = ["logout+jwt", "application/logout+jwt", "jwt", undefined];
const clockToleranceSeconds = 30;
const longestAgeSeconds = 300;
/** Tokens that are remembered so that none is taken twice. */
const maxTokens = 10_000;

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface LogoutTokenOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clock: Clock;
}

/** Checks logout tokens (2.6) against the keys that are at `jwksUrl`; an unknown key makes them be read again, not at once. */
export function createLogoutTokens({ issuer, clientId, clock }: LogoutTokenOptions) {
  let keys: { readonly url: string; readonly get: ReturnType<typeof createRemoteKeys> } | undefined;
  const taken = new Set<string>();

  return async (token: string, jwksUrl: string): Promise<LogoutOutcome> => {
    if (keys?.url !== jwksUrl) keys = { url: jwksUrl, get: createRemoteKeys({ url: jwksUrl, clock }) };
    const refused = (reason: string): LogoutOutcome => ({ kind: "refused", reason });
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys.get, {
        issuer,
        audience: clientId,
        algorithms: signatureAlgorithms,
        requiredClaims: ["iat", "jti", "events"],
        maxTokenAge: longestAgeSeconds,
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(clock.nowMs()),
      });
      const { sub: subject, sid, jti = "", events, nonce } = payload;
      if (!types.includes(protectedHeader.typ?.toLowerCase())) return refused("it is a token of another type");
      const event = isObject(events) ? Object.entries(events).find(([name]) => name === logoutEvent)?.[1] : undefined;
      if (!isObject(event)) return refused("it tells of no logout");
      // What tells it from an ID token.
      if (nonce !== undefined) return refused("it has a nonce");
      const session = typeof sid === "string" ? sid : undefined;
      if (subject === undefined && session === undefined) return refused("it names neither subject nor session");
      if (taken.has(jti)) return refused("it came before");
      taken.add(jti);
      const [oldest] = taken;
      if (oldest !== undefined && taken.size > maxTokens) taken.delete(oldest);
      return {
        kind: "ended",
        issuer,
        ...(subject !== undefined && { subject }),
        ...(session !== undefined && { session }),
      };
    } catch (error) {
      return refused(reasonOf(error));
    }
  };
}

import { EncryptJWT, jwtDecrypt } from "jose";
import * as client from "openid-client";
import Type from "typebox";
import Value from "typebox/value";
import type { Clock } from "../../platform/clock.ts";
import type { GroupRight, OpenIdConfig } from "../config.ts";
import type { OpenIdOutcome, OpenIdProvider } from "../identity-ports.ts";
import { identityOf } from "./claims.ts";
import { createLogoutTokens } from "./logout-tokens.ts";
import { IdentityProviderUnavailable, reasonOf } from "./unavailable.ts";

export interface OpenIdOptions {
  readonly config: OpenIdConfig;
  readonly groups: readonly GroupRight[];
  /** 32 bytes that what browsers keep is sealed with. */
  readonly key: Uint8Array;
  readonly clock: Clock;
}

/** What a browser keeps between leaving for the provider and coming back. */
const Begun = Type.Object({
  state: Type.String(),
  nonce: Type.String(),
  verifier: Type.String(),
  returnTo: Type.String(),
});
/** Somebody may have to look for a telephone. */
const roundTripMs = 10 * 60_000;
const timeoutSeconds = 10;
/** How long the provider's description of itself is not read again. */
const metadataHoldsMs = 3_600_000;

/** Codes of errors that tell of the network or the provider itself, not of this login. */
const providerFaults = /TIMEOUT|RESPONSE_IS_NOT|PARSE_ERROR|HTTP_REQUEST|^UND_ERR|^E[A-Z]+$/;

const codeOf = (error: unknown): string =>
  error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError
    ? error.error
    : reasonOf(error);

/** Authorization code flow with PKCE (RFC 7636); state and nonce are checked, and the signature of the ID token. */
export function createOpenIdProvider({ config, groups, key, clock }: OpenIdOptions): OpenIdProvider {
  const { issuer, clientId, clientSecret, scopes, groupsClaim, publicUrl } = config;
  const redirectUrl = new URL("/api/login/oidc/callback", publicUrl);
  const checkLogoutToken = createLogoutTokens({ issuer, clientId, clock });
  let known: { readonly untilMs: number; readonly provider: Promise<client.Configuration> } | undefined;

  const unavailable = (error: unknown) => new IdentityProviderUnavailable(issuer, codeOf(error));
  const discover = (): Promise<client.Configuration> => {
    const execute = [client.enableNonRepudiationChecks];
    // The schema lets it be without TLS on this machine only.
    if (issuer.startsWith("http:")) execute.push(client.allowInsecureRequests);
    const authentication = clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
    return client.discovery(new URL(issuer), clientId, {}, authentication, { execute, timeout: timeoutSeconds });
  };
  const discovered = async (): Promise<client.Configuration> => {
    const nowMs = clock.nowMs();
    if (known === undefined || nowMs >= known.untilMs)
      known = { untilMs: nowMs + metadataHoldsMs, provider: discover() };
    return known.provider.catch((error: unknown) => {
      known = undefined;
      throw unavailable(error);
    });
  };
  const opened = async (sealed: string) => {
    const options = { currentDate: new Date(clock.nowMs()) };
    const decrypted = await jwtDecrypt(sealed, key, options).catch(() => undefined);
    return Value.Check(Begun, decrypted?.payload) ? decrypted.payload : undefined;
  };

  return {
    async begin(returnTo) {
      const provider = await discovered();
      const begun = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        verifier: client.randomPKCECodeVerifier(),
        returnTo,
      };
      const url = client.buildAuthorizationUrl(provider, {
        redirect_uri: redirectUrl.href,
        scope: scopes,
        state: begun.state,
        nonce: begun.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
        code_challenge_method: "S256",
      });
      const sealed = await new EncryptJWT(begun)
        .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
        .setExpirationTime(new Date(clock.nowMs() + roundTripMs))
        .encrypt(key);
      return { url: url.href, sealed };
    },

    async finish(sealed, query): Promise<OpenIdOutcome> {
      const begun = await opened(sealed);
      if (begun === undefined) return { kind: "refused", reason: "this browser did not begin it, or too long ago" };
      const provider = await discovered();
      const url = new URL(redirectUrl);
      url.search = query;
      try {
        const tokens = await client.authorizationCodeGrant(provider, url, {
          expectedState: begun.state,
          expectedNonce: begun.nonce,
          pkceCodeVerifier: begun.verifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined) return { kind: "refused", reason: "no ID token" };
        const { userinfo_endpoint: more } = provider.serverMetadata();
        const userInfo =
          more === undefined ? {} : await client.fetchUserInfo(provider, tokens.access_token, claims.sub);
        const identity = identityOf({ ...userInfo, ...claims }, { issuer, groupsClaim, groups });
        if (identity === undefined) return { kind: "refused", reason: "no subject" };
        const { sid } = claims;
        const session = typeof sid === "string" ? { session: sid } : {};
        return { kind: "signed-in", identity, ...session, returnTo: begun.returnTo };
      } catch (error) {
        const reason = codeOf(error);
        if (providerFaults.test(reason)) throw unavailable(error);
        return { kind: "refused", reason };
      }
    },

    async endSessionUrl() {
      const provider = await discovered();
      if (provider.serverMetadata().end_session_endpoint === undefined) return undefined;
      return client.buildEndSessionUrl(provider, { post_logout_redirect_uri: publicUrl }).href;
    },

    async checkLogout(token) {
      const { jwks_uri: keys } = (await discovered()).serverMetadata();
      return keys === undefined
        ? { kind: "refused", reason: "the provider has no keys" }
        : checkLogoutToken(token, keys);
    },
  };
}

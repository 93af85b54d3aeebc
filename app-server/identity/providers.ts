import { hkdfSync } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { AppServerConfig } from "../config.ts";
import type { IdentityProviders } from "../identity-ports.ts";
import { createTokenVerifier } from "./bearer-tokens.ts";
import { createPasswordDirectory } from "./directory.ts";
import { createOpenIdProvider } from "./open-id.ts";

/** Those that the configuration names; nothing is asked of them before somebody logs in. Throws UpchirpError. */
export function identityProviders(
  { groups, oidc, jwt, ldap, createUsers, linkByEmail }: AppServerConfig["login"],
  loginKey: Uint8Array,
  clock: Clock,
): IdentityProviders {
  const key = new Uint8Array(hkdfSync("sha256", loginKey, "", "OpenID Connect round trips", 32));
  return {
    policy: { createUsers, linkByEmail },
    ...(oidc && { openId: createOpenIdProvider({ config: oidc, groups, key, clock }) }),
    ...(ldap && { directory: createPasswordDirectory(ldap, groups) }),
    ...(jwt && { tokens: createTokenVerifier({ config: jwt, groups, clock }) }),
  };
}

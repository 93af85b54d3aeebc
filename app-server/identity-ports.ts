import type { TenantId } from "../lorawan/ids.ts";
import type { Grant, User } from "./catalog-ports.ts";

/** What the groups that somebody is in elsewhere mean here. */
export interface ExternalRights {
  readonly isAdministrator: boolean;
  readonly grants: ReadonlyMap<TenantId, Grant>;
}

/** Somebody for whom an identity provider vouches. */
export interface ExternalIdentity extends ExternalRights {
  /** URL of who vouches. */
  readonly issuer: string;
  /** What the issuer knows them by, for ever. */
  readonly subject: string;
  /** Absent unless the issuer says that it is theirs. */
  readonly email?: string;
}

export type OpenIdOutcome =
  | { readonly kind: "signed-in"; readonly identity: ExternalIdentity; readonly returnTo: string }
  /** For the log: it names what did not fit, and holds nothing secret. */
  | { readonly kind: "refused"; readonly reason: string };

/** An OpenID Connect provider. Methods reject with UpchirpError `identity_provider_unavailable`. */
export interface OpenIdProvider {
  /** Where to send the browser, and what it keeps meanwhile: sealed, so that nobody reads or makes one. */
  begin(returnTo: string): Promise<{ readonly url: string; readonly sealed: string }>;
  /** With what the browser kept, and the query that it came back with. */
  finish(sealed: string, query: string): Promise<OpenIdOutcome>;
  /** Where a browser ends its login at the provider, if it can. */
  endSessionUrl(): Promise<string | undefined>;
}

/** Checks bearer tokens of another issuer. Rejects with UpchirpError `identity_provider_unavailable`. */
export interface TokenVerifier {
  verify(token: string): Promise<ExternalIdentity | undefined>;
}

/** A directory that checks passwords. Rejects with UpchirpError `identity_provider_unavailable`. */
export interface PasswordDirectory {
  verify(login: string, password: string): Promise<ExternalIdentity | undefined>;
}

/** Whoever else vouches for users than this server. */
export interface IdentityProviders {
  readonly openId?: OpenIdProvider;
  readonly tokens?: TokenVerifier;
  readonly directory?: PasswordDirectory;
  readonly policy: SignInPolicy;
}

export interface SignInPolicy {
  /** An identity that is not known yet becomes a new user. */
  readonly createUsers: boolean;
  /** Or it becomes the user who has its email already. */
  readonly linkByEmail: boolean;
}

export interface ExternalUsers {
  /**
   * The active user of this identity, with the rights that the provider gives now; what was granted here stays. Undefined
   * where the policy gives it none.
   */
  signIn(identity: ExternalIdentity, policy: SignInPolicy): Promise<User | undefined>;
}

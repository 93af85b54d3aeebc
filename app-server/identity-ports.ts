import type { TenantId, UserId } from "../lorawan/ids.ts";
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
  | {
      readonly kind: "signed-in";
      readonly identity: ExternalIdentity;
      /** What the provider calls its own login, if it does. */
      readonly session?: string;
      readonly returnTo: string;
    }
  /** For the log: it names what did not fit, and holds nothing secret. */
  | { readonly kind: "refused"; readonly reason: string };

/** Logins that a provider has ended: that of a session of its own, or all of a subject. */
export interface EndedLogins {
  readonly issuer: string;
  readonly subject?: string;
  readonly session?: string;
}

export type LogoutOutcome =
  | ({ readonly kind: "ended" } & EndedLogins)
  /** For the log. */
  | { readonly kind: "refused"; readonly reason: string };

/** An OpenID Connect provider. Methods reject with UpchirpError `identity_provider_unavailable`. */
export interface OpenIdProvider {
  /** Where to send the browser, and what it keeps meanwhile: sealed, so that nobody reads or makes one. */
  begin(returnTo: string): Promise<{ readonly url: string; readonly sealed: string }>;
  /** With what the browser kept, and the query that it came back with. */
  finish(sealed: string, query: string): Promise<OpenIdOutcome>;
  /** Where a browser ends its login at the provider, if it can. */
  endSessionUrl(): Promise<string | undefined>;
  /** What a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4) says, once. */
  checkLogout(token: string): Promise<LogoutOutcome>;
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

/** How a user can log in. */
export interface LoginWays {
  readonly hasPassword: boolean;
  readonly hasSecondFactor: boolean;
  readonly identities: readonly { readonly issuer: string; readonly subject: string }[];
}

export interface ExternalUsers {
  /**
   * The active user of this identity, with the rights that the provider gives now; what was granted here stays. Undefined
   * where the policy gives it none.
   */
  signIn(identity: ExternalIdentity, policy: SignInPolicy): Promise<User | undefined>;
  /** The login with this token follows one at the provider, and ends with it. */
  follow(loginToken: string, issuer: string, session: string | undefined): Promise<void>;
  /** How many were ended. */
  endLogins(ended: EndedLogins): Promise<number>;
  ways(userIds: readonly UserId[]): Promise<ReadonlyMap<UserId, LoginWays>>;
  /**
   * Forgets the user's identities with what they gave, and ends the user's logins. Throws CatalogConflict
   * `last_administrator`.
   */
  unlink(userId: UserId): Promise<void>;
}

import type { UserId } from "../lorawan/ids.ts";

export interface SecondFactorState {
  /** Logins with the password need a code. */
  readonly isOn: boolean;
  readonly recoveryCodesLeft: number;
}

/** Time-based one-time passwords (RFC 6238) of users, and codes for when the telephone is lost. */
export interface SecondFactors {
  state(userId: UserId): Promise<SecondFactorState>;
  /**
   * A new secret in Base32, which counts for nothing until it is confirmed. Throws CatalogConflict `already_exists` when
   * there is a confirmed one.
   */
  begin(userId: UserId): Promise<string>;
  /** With a code of the new secret it is on; gives the recovery codes, of which hashes are kept. */
  confirm(userId: UserId, code: string): Promise<readonly string[] | undefined>;
  /** Whether it is the code of the moment, or a recovery code. Uses it up. */
  take(userId: UserId, code: string): Promise<boolean>;
  remove(userId: UserId): Promise<boolean>;
}

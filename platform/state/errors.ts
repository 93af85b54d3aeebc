import { UpchirpError } from "../../lorawan/errors.ts";

export type StateStoreErrorCode =
  /** Another process, or this one, has the store's folder open. */
  | "state_in_use"
  /** Written by a newer Upchirp in a format that this one does not know. */
  | "state_format_newer"
  /** The store did not answer or could not write: disk full, connection lost. Nothing of the change was kept. */
  | "state_unavailable"
  /** The store's server does not accept this user, password or TLS, or lacks a right; nobody mends that by waiting. */
  | "state_refused"
  /** Called after `close`. */
  | "state_closed"
  /** What is stored is not what the store wrote. */
  | "state_corrupt";

/** A fault of the state store. `retryable`: the same call may succeed a little later without anyone's help. */
export class StateStoreError extends UpchirpError {
  readonly code: StateStoreErrorCode;
  readonly retryable: boolean;

  constructor(
    code: StateStoreErrorCode,
    message: string,
    details: Readonly<Record<string, string | number | boolean>> = {},
  ) {
    super(message, details);
    this.code = code;
    this.retryable = code === "state_unavailable";
  }
}

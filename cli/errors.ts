import { UpchirpError } from "../lorawan/errors.ts";

/** The command line itself is wrong; exit code 2. */
export class UsageError extends UpchirpError {
  readonly code = "usage";
}

export type CommandErrorCode =
  /** Nothing listens at the URL. */
  | "no_server"
  /** No token was given and no file has one. */
  | "no_token"
  /** The server refused or failed; the message is the server's. */
  | "request_refused"
  /** What answers at the URL is not this server's API. */
  | "unexpected_answer"
  /** A name is nobody's, or that of several. */
  | "name_not_found"
  | "name_ambiguous"
  /** The bytes are no LoRaWAN frame. */
  | "no_frame"
  /** A codec failed, or a case of it. */
  | "codec_failed"
  /** An entry of the audit log does not hold. */
  | "audit_log_broken"
  | "unreadable_file";

/** The command was understood and could not be done; exit code 1. */
export class CommandFailed extends UpchirpError {
  readonly code: CommandErrorCode;

  constructor(code: CommandErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

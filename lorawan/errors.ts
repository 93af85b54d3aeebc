/**
 * Base of every fault Upchirp names. `code` is stable, lower-case with underscores, and listed in docs/errors.md;
 * `details` may be printed and sent to clients, so it never holds a key or a token.
 */
export abstract class UpchirpError extends Error {
  abstract readonly code: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(message: string, details: Readonly<Record<string, string | number | boolean>> = {}) {
    super(message);
    this.name = new.target.name;
    this.details = details;
  }
}

/** A text or number that is not what its type says: wrong length, wrong alphabet, out of range. */
export class MalformedValue extends UpchirpError {
  readonly code = "malformed_value";
}

export type FrameErrorCode =
  | "frame_too_short"
  | "frame_too_long"
  | "unsupported_major"
  | "wrong_length"
  | "f_opts_with_port_0"
  | "f_opts_overrun"
  | "unknown_rejoin_type"
  | "impossible_field"
  | "wrong_message_type";

/** Bytes that are no LoRaWAN frame, or fields that no frame can carry (TS001-1.0.4 4, 6). */
export class FrameError extends UpchirpError {
  readonly code: FrameErrorCode;

  constructor(
    code: FrameErrorCode,
    message: string,
    details: Readonly<Record<string, string | number | boolean>> = {},
  ) {
    super(message, details);
    this.code = code;
  }
}

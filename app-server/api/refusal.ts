import { UpchirpError } from "../../lorawan/errors.ts";
import type { FailedCodecCase } from "../codec-ports.ts";

const statusOf = {
  unauthenticated: 401,
  second_factor: 401,
  forbidden: 403,
  cross_site: 403,
  not_found: 404,
  conflict: 409,
  precondition_failed: 412,
  invalid_request: 400,
  invalid_value: 422,
  codec_does_not_load: 422,
  codec_cases_failed: 422,
  upgrade_required: 426,
  too_many_attempts: 429,
  too_many_requests: 429,
  too_many_streams: 429,
} as const;

export type RefusalCode = keyof typeof statusOf;

/** A request that is answered with a problem document instead of what it asked for. */
export class Refusal extends UpchirpError {
  readonly code: RefusalCode;
  readonly statusCode: number;
  /** JSON pointer into the request, like `/body/keys/appKey`, when one member is at fault. */
  readonly path: string | undefined;

  constructor(code: RefusalCode, message: string, path?: string) {
    super(message, path === undefined ? {} : { path });
    this.code = code;
    this.statusCode = statusOf[code];
    this.path = path;
  }
}

/** A value that is of the right form, and wrong in several members. */
export class InvalidMembers extends Refusal {
  readonly errors: readonly { readonly path: string; readonly message: string }[];

  constructor(message: string, errors: InvalidMembers["errors"]) {
    super("invalid_value", message);
    this.errors = errors;
  }
}

/** More requests than an API key has a minute. */
export class TooManyRequests extends Refusal {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number, who = "This API key or token has") {
    super("too_many_requests", `${who} made all requests of this minute.`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A codec that does not do what its cases say. */
export class FailedCases extends Refusal {
  readonly failed: readonly FailedCodecCase[];

  constructor(total: number, failed: readonly FailedCodecCase[]) {
    const of = `${total} ${total === 1 ? "case" : "cases"} of the codec`;
    super("codec_cases_failed", `${failed.length} of ${of} ${failed.length === 1 ? "fails" : "fail"}.`);
    this.failed = failed;
  }
}

/** `what` as in "There is no such device." Said of another tenant's things too, so that their existence is not told. */
export const notFound = (what: string): Refusal => new Refusal("not_found", `There is no such ${what}.`);

/** The value, or a 404. */
export function found<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw notFound(what);
  return value;
}

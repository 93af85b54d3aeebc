import { UpchirpError } from "../../lorawan/errors.ts";

/** Who is to vouch for somebody cannot be asked now. */
export class IdentityProviderUnavailable extends UpchirpError {
  readonly code = "identity_provider_unavailable";

  constructor(issuer: string, reason: string) {
    super(`The identity provider ${issuer} cannot be asked: ${reason}.`);
  }
}

/** What went wrong, without what was said: the innermost code of an error and its causes, else the error's name. */
export function reasonOf(error: unknown): string {
  let reason = error instanceof Error ? error.name : "unknown error";
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") reason = at.code;
  }
  return reason;
}

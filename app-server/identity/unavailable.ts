import { UpchirpError } from "../../lorawan/errors.ts";

/** Who is to vouch for somebody cannot be asked now. */
export class IdentityProviderUnavailable extends UpchirpError {
  readonly code = "identity_provider_unavailable";

  constructor(issuer: string, reason: string) {
    super(`The identity provider ${issuer} cannot be asked: ${reason}.`);
  }
}

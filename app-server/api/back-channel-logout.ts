import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { anyone } from "./access.ts";
import { createAttemptLimit } from "./attempt-limit.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, Refusal } from "./refusal.ts";

const form = "application/x-www-form-urlencoded";
const maxFormBytes = 16_384;
/** Each costs a look at a signature. Whole sets of users may leave at once. */
const addressLimit = { name: "back-channel-logout", maxAttempts: 600, windowMs: 60_000 };

/** Of a form, which a provider may put more into. */
const Body = Type.Object({ logout_token: Type.String({ maxLength: 8192, writeOnly: true }) });
const Done = Type.Null({ description: "The logins have ended, or there were none." });

/** OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8. */
export function backChannelLogoutRoutes(
  parent: Api,
  { counters, externalUsers, identity, log }: ApiDependencies,
): void {
  const addresses = createAttemptLimit(counters, addressLimit);
  // In a scope of its own: no other route takes forms, which any page can make a browser send.
  void parent.register(async (api: Api) => {
    api.addContentTypeParser(
      form,
      { parseAs: "string", bodyLimit: maxFormBytes },
      async (_request: FastifyRequest, text: string) => Object.fromEntries(new URLSearchParams(text)),
    );
    api.post(
      "/login/oidc/back-channel-logout",
      {
        config: { access: anyone, audit: "outcome" },
        schema: {
          summary: "Where the identity provider says that a login there has ended",
          consumes: [form],
          body: Body,
          response: { 200: Done },
        },
      },
      async (request, reply) => {
        const provider = found(identity.openId, "way to log in");
        if (!(await addresses.attempt(request.ip)))
          throw new Refusal("too_many_attempts", "Too many logouts; wait a minute.");
        const outcome = await provider.checkLogout(request.body.logout_token);
        if (outcome.kind === "refused") {
          log.warn({ reason: outcome.reason }, "a logout token was refused");
          throw new Refusal("invalid_request", "This is no logout token for this server.", "/body/logout_token");
        }
        const { kind: _kind, ...ended } = outcome;
        const sessions = await externalUsers.endLogins(ended);
        log.info({ sessions }, "an identity provider has ended logins");
        return reply.code(200).send(null);
      },
    );
  });
}

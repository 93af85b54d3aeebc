import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import type { OpenIdProvider } from "../identity-ports.ts";
import { anyone } from "./access.ts";
import { createAttemptLimit } from "./attempt-limit.ts";
import { userPrincipal } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, Refusal } from "./refusal.ts";
import { strict } from "./schemas.ts";
import { startSession } from "./session-start.ts";

const begunCookie = "upchirp_oidc";
const begunCookiePath = "/api/login/oidc";
const begunHoldsSeconds = 600;
/** Each way back costs a request to the provider. */
const addressLimit = { name: "open-id-login", maxAttempts: 30, windowMs: 60_000 };

const Redirect = Type.Null({ description: "Go to where `Location` says." });
/** A path of this server: a login must not end at somebody else's page. */
const LocalPath = Type.String({ pattern: "^/([!-.0-[\\]-~][!-[\\]-~]*)?$", maxLength: 500, default: "/" });
const BeginQuery = Type.Object({ returnTo: Type.Optional(LocalPath) }, strict);

const redirect = (reply: FastifyReply, url: string) => reply.code(302).header("location", url).send(null);

/** Throws 404 where no provider is configured. */
const configured = (openId: OpenIdProvider | undefined): OpenIdProvider => found(openId, "way to log in");

const queryOf = ({ url }: FastifyRequest): string => {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at);
};

export function openIdRoutes(api: Api, deps: ApiDependencies): void {
  const { openId } = deps.identity;
  api.get(
    "/login/oidc",
    {
      config: { access: anyone },
      schema: { summary: "Log in at the identity provider", querystring: BeginQuery, response: { 302: Redirect } },
    },
    async (request, reply) => {
      const { url, sealed } = await configured(openId).begin(request.query.returnTo ?? "/");
      // The way back begins at another site, where a strict cookie would stay behind.
      reply.setCookie(begunCookie, sealed, {
        path: begunCookiePath,
        httpOnly: true,
        sameSite: "lax",
        secure: request.protocol === "https",
        maxAge: begunHoldsSeconds,
      });
      return redirect(reply, url);
    },
  );
  callbackRoute(api, deps);
  api.get(
    "/login/oidc/logout",
    {
      config: { access: anyone },
      schema: {
        summary: "End the login at the identity provider",
        description: "After `POST /api/logout`, which ends the login here.",
        response: { 302: Redirect },
      },
    },
    async (_request, reply) => redirect(reply, found(await configured(openId).endSessionUrl(), "way to log out there")),
  );
}

function callbackRoute(api: Api, deps: ApiDependencies): void {
  const { counters, externalUsers, identity, log, repositories } = deps;
  const addresses = createAttemptLimit(counters, addressLimit);
  api.get(
    "/login/oidc/callback",
    {
      config: { access: anyone, audit: "outcome" },
      schema: { summary: "Where the identity provider sends the browser back to", response: { 302: Redirect } },
    },
    async (request, reply) => {
      const provider = configured(identity.openId);
      if (!(await addresses.attempt(request.ip))) {
        throw new Refusal("too_many_attempts", "Too many attempts to log in; wait a minute.");
      }
      const sealed = request.cookies[begunCookie] ?? "";
      reply.clearCookie(begunCookie, { path: begunCookiePath });
      const outcome = await provider.finish(sealed, queryOf(request));
      if (outcome.kind === "refused") {
        log.warn({ reason: outcome.reason }, "a login at the identity provider was refused");
        throw new Refusal("unauthenticated", "The identity provider did not log you in; begin again.");
      }
      const user = await externalUsers.signIn(outcome.identity, identity.policy);
      if (user === undefined) throw new Refusal("unauthenticated", "You are logged in there, and no user here.");
      const { token } = await startSession(request, reply, user, deps);
      await externalUsers.follow(token, outcome.identity.issuer, outcome.session);
      // Known to the audit log from here on.
      request.principal = await userPrincipal(user, repositories);
      return redirect(reply, outcome.returnTo);
    },
  );
}

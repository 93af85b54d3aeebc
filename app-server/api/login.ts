import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { parseUserId } from "../../lorawan/ids.ts";
import { anyone, signedIn } from "./access.ts";
import { createAttemptLimit } from "./attempt-limit.ts";
import { callerOf, sessionCookie, tokenOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { grantMembers } from "./grants.ts";
import { createKnownBrowsers } from "./known-browser.ts";
import { Refusal } from "./refusal.ts";
import { NoContent, strict, Time, Uuid } from "./schemas.ts";
import { startSession } from "./session-start.ts";
import { Password } from "./users.ts";

const LoginBody = Type.Object(
  { email: Type.String({ maxLength: 254 }), password: Type.String({ maxLength: 200, writeOnly: true }) },
  strict,
);
const LoginAnswer = Type.Object({
  token: Type.String({ description: "For `Authorization: Bearer`; browsers get it as a cookie too." }),
  expiresAt: Time,
});
const Me = Type.Object({
  kind: Type.Enum(["user", "api-key", "token"]),
  id: Type.String({ description: "Of another issuer's token its subject." }),
  name: Type.String({ description: "Email of a user, name of an API key." }),
  isAdministrator: Type.Boolean(),
  isReadOnly: Type.Boolean({ description: "Of an API key that changes nothing." }),
  memberships: Type.Array(Type.Object({ tenantId: Uuid, tenantName: Type.String(), ...grantMembers })),
});

/** An office behind one address may mistype more than one person may. */
const addressLimit = { maxAttempts: 30, windowMs: 60_000, maxKeys: 10_000 };
const accountLimit = { maxAttempts: 10, windowMs: 60_000, maxKeys: 10_000 };

/** Passwords are checked here only: each check is slow on purpose, so that guesses are counted before. */
function createPasswordGate({ clock, repositories, loginKey }: ApiDependencies) {
  const addresses = createAttemptLimit(clock, addressLimit);
  const accounts = createAttemptLimit(clock, accountLimit);
  const browsers = createKnownBrowsers(loginKey);
  return async (request: FastifyRequest, reply: FastifyReply, email: string, password: string) => {
    const account = email.toLowerCase();
    const browser = browsers.of(request, account);
    const counted = browser === undefined ? `account ${account}` : `browser ${browser}`;
    if (!addresses.attempt(request.ip) || !accounts.attempt(counted)) {
      throw new Refusal("too_many_attempts", "Too many attempts to log in; wait a minute.");
    }
    const user = await repositories.users.verify(email, password);
    if (user === undefined) return undefined;
    accounts.forgive(counted);
    if (browser === undefined) browsers.remember(request, reply, account);
    return user;
  };
}

export function loginRoutes(api: Api, deps: ApiDependencies): void {
  const { repositories } = deps;
  const checkPassword = createPasswordGate(deps);

  api.post(
    "/login",
    {
      config: { access: anyone, audit: "outcome" },
      schema: { summary: "Log in", body: LoginBody, response: { 200: LoginAnswer } },
    },
    async (request, reply) => {
      const user = await checkPassword(request, reply, request.body.email, request.body.password);
      if (user === undefined) throw new Refusal("unauthenticated", "Email or password is wrong.");
      return startSession(request, reply, user, deps);
    },
  );

  api.post(
    "/logout",
    { config: { access: signedIn }, schema: { summary: "End this login", response: { 204: NoContent } } },
    async (request, reply) => {
      const shown = tokenOf(request);
      if (shown !== undefined) await repositories.loginSessions.remove(shown.token);
      reply.clearCookie(sessionCookie, { path: "/" });
      return reply.code(204).send(null);
    },
  );

  api.get(
    "/me",
    { config: { access: signedIn }, schema: { summary: "Who is calling", response: { 200: Me } } },
    async request => {
      const { kind, id, name, isAdministrator, isReadOnly, grants } = callerOf(request);
      const tenants = await repositories.tenants.list({ tenants: [...grants.keys()] }, { limit: 1000 });
      const memberships = tenants.items.flatMap(tenant => {
        const grant = grants.get(tenant.id);
        return grant === undefined ? [] : [{ tenantId: tenant.id, tenantName: tenant.name, ...grant }];
      });
      return { kind, id, name, isAdministrator, isReadOnly, memberships };
    },
  );

  const PasswordChange = Type.Object({ currentPassword: LoginBody.properties.password, newPassword: Password }, strict);
  api.put(
    "/me/password",
    {
      config: { access: signedIn },
      schema: {
        summary: "Change one's own password; ends every login",
        body: PasswordChange,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      if (caller.kind !== "user") throw new Refusal("forbidden", "Only users have passwords.");
      const user = await checkPassword(request, reply, caller.name, request.body.currentPassword);
      if (user === undefined)
        throw new Refusal("invalid_value", "The current password is wrong.", "/body/currentPassword");
      await repositories.users.update(parseUserId(caller.id), { password: request.body.newPassword });
      return reply.code(204).send(null);
    },
  );
}

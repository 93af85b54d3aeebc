import Type from "typebox";
import { anyone, signedIn } from "./access.ts";
import { callerOf, sessionCookie, tokenOf, userOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { grantMembers } from "./grants.ts";
import { createPasswordGate } from "./password-gate.ts";
import { Refusal } from "./refusal.ts";
import { NoContent, strict, Time, Uuid } from "./schemas.ts";
import { Code, secondFactorRoutes } from "./second-factor.ts";
import { startSession } from "./session-start.ts";
import { Password } from "./users.ts";

const LoginBody = Type.Object(
  {
    email: Type.String({ maxLength: 254 }),
    password: Type.String({ maxLength: 200, writeOnly: true }),
    code: Type.Optional({ ...Code, description: "Of the second factor, or a recovery code." }),
  },
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

export function loginRoutes(api: Api, deps: ApiDependencies): void {
  const { repositories } = deps;
  const gate = createPasswordGate(deps);
  secondFactorRoutes(api, deps, gate);

  api.post(
    "/login",
    {
      config: { access: anyone, audit: "outcome" },
      schema: { summary: "Log in", body: LoginBody, response: { 200: LoginAnswer } },
    },
    async (request, reply) => {
      const user = await gate.login(request, reply, request.body);
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
      const { id, name } = userOf(request);
      const user = await gate.ownPassword(request, reply, name, request.body.currentPassword);
      if (user === undefined)
        throw new Refusal("invalid_value", "The current password is wrong.", "/body/currentPassword");
      await repositories.users.update(id, { password: request.body.newPassword });
      return reply.code(204).send(null);
    },
  );
}

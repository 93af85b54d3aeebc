import Type from "typebox";
import { parseUserId } from "../../lorawan/ids.ts";
import { administrators, signedIn } from "./access.ts";
import { tokenOf, userOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, notFound } from "./refusal.ts";
import { listOf, NoContent, Time, Uuid } from "./schemas.ts";

const Session = Type.Object({
  id: Uuid,
  address: Type.String(),
  userAgent: Type.String(),
  createdAt: Time,
  lastUsedAt: Time,
  expiresAt: Time,
  isCurrent: Type.Boolean({ description: "It is the login that asks." }),
});
const Sessions = Type.Object({ items: listOf(Session) });
const SessionParams = Type.Object({ sessionId: Uuid });
const UserParams = Type.Object({ userId: Uuid });

export function loginSessionRoutes(api: Api, { repositories: { loginSessions, users } }: ApiDependencies): void {
  api.get(
    "/me/sessions",
    { config: { access: signedIn }, schema: { summary: "List one's own logins", response: { 200: Sessions } } },
    async request => ({ items: await loginSessions.list(userOf(request).id, tokenOf(request)?.token) }),
  );
  api.delete(
    "/me/sessions/:sessionId",
    {
      config: { access: signedIn },
      schema: { summary: "End one of one's own logins", params: SessionParams, response: { 204: NoContent } },
    },
    async (request, reply) => {
      if (!(await loginSessions.end(userOf(request).id, request.params.sessionId))) throw notFound("login");
      return reply.code(204).send(null);
    },
  );
  api.get(
    "/users/:userId/sessions",
    {
      config: { access: administrators },
      schema: { summary: "List a user's logins", params: UserParams, response: { 200: Sessions } },
    },
    async request => {
      const { id } = found(await users.get(parseUserId(request.params.userId)), "user");
      return { items: await loginSessions.list(id, tokenOf(request)?.token) };
    },
  );
  api.delete(
    "/users/:userId/sessions",
    {
      config: { access: administrators },
      schema: { summary: "End every login of a user", params: UserParams, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { id } = found(await users.get(parseUserId(request.params.userId)), "user");
      await loginSessions.endAll(id);
      return reply.code(204).send(null);
    },
  );
}

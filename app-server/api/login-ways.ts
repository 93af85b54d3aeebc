import Type from "typebox";
import { parseUserId } from "../../lorawan/ids.ts";
import { administrators, anyone } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { pageRequest, plainListQuery } from "./listing.ts";
import { found } from "./refusal.ts";
import { listOf, NoContent, pageOf, strict, Uuid } from "./schemas.ts";

const Ways = Type.Object({
  password: Type.Literal(true, { description: "By `POST /api/login`." }),
  directory: Type.Boolean({ description: "`POST /api/login` takes names and passwords of a directory too." }),
  openId: Type.Boolean({ description: "`GET /api/login/oidc` leads to an identity provider." }),
});
const UserWays = Type.Object({
  userId: Uuid,
  email: Type.String(),
  hasPassword: Type.Boolean({ description: "One that is kept here." }),
  hasSecondFactor: Type.Boolean(),
  identities: listOf(Type.Object({ issuer: Type.String(), subject: Type.String() })),
});
const ListQuery = Type.Object(plainListQuery, strict);
const UserParams = Type.Object({ userId: Uuid });

/** How one can log in here, and how users do. */
export function loginWayRoutes(api: Api, { identity, externalUsers, repositories: { users } }: ApiDependencies): void {
  api.get(
    "/login/ways",
    { config: { access: anyone }, schema: { summary: "Ways to log in, for a login page", response: { 200: Ways } } },
    async () => ({
      password: true as const,
      directory: identity.directory !== undefined,
      openId: identity.openId !== undefined,
    }),
  );
  api.get(
    "/users/login-ways",
    {
      config: { access: administrators },
      schema: { summary: "List how users log in", querystring: ListQuery, response: { 200: pageOf(UserWays) } },
    },
    async request => {
      const { items, ...page } = await users.list(request.query, pageRequest(request.query));
      const ways = await externalUsers.ways(items.map(({ id }) => id));
      return {
        ...page,
        items: items.flatMap(({ id: userId, email }) => {
          const way = ways.get(userId);
          return way === undefined ? [] : [{ userId, email, ...way }];
        }),
      };
    },
  );
  api.delete(
    "/users/:userId/identities",
    {
      config: { access: administrators },
      schema: {
        summary: "Forget whom identity providers know a user as",
        description: "Takes what the user's groups there gave, and ends their logins.",
        params: UserParams,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const { id } = found(await users.get(parseUserId(request.params.userId)), "user");
      await externalUsers.unlink(id);
      return reply.code(204).send(null);
    },
  );
}

import Type, { type Static } from "typebox";
import { parseTenantId, parseUserId } from "../../lorawan/ids.ts";
import { administrators, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { checkLimit, grantMembers, limitMember, limitOf } from "./grants.ts";
import { pageRequest, plainListQuery } from "./listing.ts";
import { found, notFound } from "./refusal.ts";
import { change, listOf, NoContent, pageOf, strict, Time, Uuid } from "./schemas.ts";

export const Password = Type.String({ minLength: 10, maxLength: 200, writeOnly: true });
const fields = {
  email: Type.String({ maxLength: 254, pattern: "^[^@\\s]+@[^@\\s]+$" }),
  isAdministrator: Type.Boolean(),
  isActive: Type.Boolean(),
  note: Type.String({ maxLength: 10_000 }),
};
const User = Type.Object({ id: Uuid, ...fields, createdAt: Time, updatedAt: Time });
const { email, ...rest } = fields;
const UserCreate = Type.Object({ email, password: Password, ...Type.Partial(Type.Object(rest)).properties }, strict);
const UserChange = Type.Partial(Type.Object({ ...fields, password: Password }), change);
const ListQuery = Type.Object(plainListQuery, strict);
const UserParams = Type.Object({ userId: Uuid });

const Member = Type.Object({ userId: Uuid, email: Type.String(), ...grantMembers });
const MemberChange = Type.Object({ role: grantMembers.role, applicationIds: limitMember }, strict);
const TenantParams = Type.Object({ tenantId: Uuid });
const MemberParams = Type.Object({ tenantId: Uuid, userId: Uuid });

const newUser = (body: Static<typeof UserCreate>) => ({ isAdministrator: false, isActive: true, note: "", ...body });

export function userRoutes(api: Api, { repositories: { users } }: ApiDependencies): void {
  const config = { access: administrators };
  api.get(
    "/users",
    {
      config,
      schema: { summary: "List users", querystring: ListQuery, response: { 200: pageOf(User) } },
    },
    async request => users.list(request.query, pageRequest(request.query)),
  );
  api.post(
    "/users",
    { config, schema: { summary: "Add a user", body: UserCreate, response: { 201: User } } },
    async (request, reply) => reply.code(201).send(await users.create(newUser(request.body))),
  );
  api.get(
    "/users/:userId",
    { config, schema: { summary: "Read a user", params: UserParams, response: { 200: User } } },
    async request => found(await users.get(parseUserId(request.params.userId)), "user"),
  );
  api.patch(
    "/users/:userId",
    { config, schema: { summary: "Change a user", params: UserParams, body: UserChange, response: { 200: User } } },
    async request => {
      const userId = parseUserId(request.params.userId);
      return found(await users.update(userId, request.body, ifMatch(request)), "user");
    },
  );
  api.delete(
    "/users/:userId",
    { config, schema: { summary: "Delete a user", params: UserParams, response: { 204: NoContent } } },
    async (request, reply) => {
      const userId = parseUserId(request.params.userId);
      if (!(await users.remove(userId, ifMatch(request)))) throw notFound("user");
      return reply.code(204).send(null);
    },
  );
}

export function memberRoutes(api: Api, { repositories: { users, applications } }: ApiDependencies): void {
  const config = { access: inTenant("tenant", "params.tenantId") };
  api.get(
    "/tenants/:tenantId/users",
    {
      config,
      schema: {
        summary: "List a tenant's users",
        params: TenantParams,
        response: { 200: Type.Object({ items: listOf(Member) }) },
      },
    },
    async request => ({ items: await users.members(parseTenantId(request.params.tenantId)) }),
  );
  api.put(
    "/tenants/:tenantId/users/:userId",
    {
      config,
      schema: {
        summary: "Give a user a role in the tenant",
        params: MemberParams,
        body: MemberChange,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const tenantId = parseTenantId(request.params.tenantId);
      const { role } = request.body;
      const applicationIds = limitOf(request.body.applicationIds);
      await checkLimit(role, tenantId, applicationIds, applications);
      if (!(await users.setMember(tenantId, parseUserId(request.params.userId), { role, applicationIds }))) {
        throw notFound("user");
      }
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/tenants/:tenantId/users/:userId",
    {
      config,
      schema: { summary: "Take a user out of the tenant", params: MemberParams, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { tenantId, userId } = request.params;
      if (!(await users.removeMember(parseTenantId(tenantId), parseUserId(userId)))) throw notFound("user");
      return reply.code(204).send(null);
    },
  );
}

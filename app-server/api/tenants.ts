import Type from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import { acrossTenants, administrators, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { listFilter, pageRequest, taggedListQuery } from "./listing.ts";
import { found, notFound } from "./refusal.ts";
import { change, Description, Name, NoContent, pageOf, strict, TagMap, Time, Uuid } from "./schemas.ts";

const fields = { name: Name, description: Description, tags: TagMap };
const Tenant = Type.Object({ id: Uuid, ...fields, createdAt: Time, updatedAt: Time });
const TenantCreate = Type.Object(
  { name: Name, description: Type.Optional(Description), tags: Type.Optional(TagMap) },
  strict,
);
const TenantChange = Type.Partial(Type.Object(fields), change);
const Params = Type.Object({ tenantId: Uuid });

export function tenantRoutes(api: Api, { repositories: { tenants } }: ApiDependencies): void {
  api.get(
    "/tenants",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List tenants",
        querystring: Type.Object(taggedListQuery, strict),
        response: { 200: pageOf(Tenant) },
      },
    },
    async request => tenants.list(listFilter(request, request.query, { reach: "shared" }), pageRequest(request.query)),
  );
  api.post(
    "/tenants",
    {
      config: { access: administrators },
      schema: { summary: "Add a tenant", body: TenantCreate, response: { 201: Tenant } },
    },
    async (request, reply) =>
      reply.code(201).send(await tenants.create({ description: "", tags: {}, ...request.body })),
  );
  api.get(
    "/tenants/:tenantId",
    {
      config: { access: inTenant("read", "params.tenantId") },
      schema: { summary: "Read a tenant", params: Params, response: { 200: Tenant } },
    },
    async request => found(await tenants.get(parseTenantId(request.params.tenantId)), "tenant"),
  );
  api.patch(
    "/tenants/:tenantId",
    {
      config: { access: inTenant("tenant", "params.tenantId") },
      schema: { summary: "Change a tenant", params: Params, body: TenantChange, response: { 200: Tenant } },
    },
    async request => {
      const tenantId = parseTenantId(request.params.tenantId);
      return found(await tenants.update(tenantId, request.body, ifMatch(request)), "tenant");
    },
  );
  api.delete(
    "/tenants/:tenantId",
    {
      config: { access: administrators },
      schema: { summary: "Delete a tenant without devices and gateways", params: Params, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const tenantId = parseTenantId(request.params.tenantId);
      if (!(await tenants.remove(tenantId, ifMatch(request)))) throw notFound("tenant");
      return reply.code(204).send(null);
    },
  );
}

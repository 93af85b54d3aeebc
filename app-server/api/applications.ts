import Type from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import { acrossTenants, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { listFilter, pageRequest, TenantListQuery } from "./listing.ts";
import { found, notFound } from "./refusal.ts";
import { change, Description, Name, NoContent, pageOf, strict, TagMap, Time, Uuid } from "./schemas.ts";

export const applicationFields = { name: Name, description: Description, tags: TagMap };
export const Application = Type.Object({
  id: Uuid,
  tenantId: Uuid,
  ...applicationFields,
  createdAt: Time,
  updatedAt: Time,
});
const ApplicationCreate = Type.Object(
  { tenantId: Uuid, name: Name, description: Type.Optional(Description), tags: Type.Optional(TagMap) },
  strict,
);
const ApplicationChange = Type.Partial(Type.Object(applicationFields), change);
const Params = Type.Object({ applicationId: Uuid });

export function applicationRoutes(api: Api, { repositories: { applications } }: ApiDependencies): void {
  api.get(
    "/applications",
    {
      config: { access: acrossTenants("read") },
      schema: { summary: "List applications", querystring: TenantListQuery, response: { 200: pageOf(Application) } },
    },
    async request =>
      applications.list(listFilter(request, request.query, { reach: "applications" }), pageRequest(request.query)),
  );
  api.post(
    "/applications",
    {
      config: { access: inTenant("devices", "body.tenantId") },
      schema: { summary: "Add an application", body: ApplicationCreate, response: { 201: Application } },
    },
    async (request, reply) => {
      const tenantId = parseTenantId(request.body.tenantId);
      return reply.code(201).send(await applications.create({ description: "", tags: {}, ...request.body, tenantId }));
    },
  );
  api.get(
    "/applications/:applicationId",
    {
      config: { access: inTenant("read", "params.applicationId") },
      schema: { summary: "Read an application", params: Params, response: { 200: Application } },
    },
    async request => found(await applications.get(parseApplicationId(request.params.applicationId)), "application"),
  );
  api.patch(
    "/applications/:applicationId",
    {
      config: { access: inTenant("devices", "params.applicationId") },
      schema: {
        summary: "Change an application",
        params: Params,
        body: ApplicationChange,
        response: { 200: Application },
      },
    },
    async request => {
      const id = parseApplicationId(request.params.applicationId);
      return found(await applications.update(id, request.body, ifMatch(request)), "application");
    },
  );
  api.delete(
    "/applications/:applicationId",
    {
      config: { access: inTenant("devices", "params.applicationId") },
      schema: { summary: "Delete an application without devices", params: Params, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const removed = await applications.remove(parseApplicationId(request.params.applicationId), ifMatch(request));
      if (!removed) throw notFound("application");
      return reply.code(204).send(null);
    },
  );
}

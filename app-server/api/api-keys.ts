import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import { apiKeyRoles } from "../catalog-ports.ts";
import { acrossTenants, inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { checkLimit, grantMembers, limitMember, limitOf } from "./grants.ts";
import { listFilter, pageRequest, unchangingListQuery } from "./listing.ts";
import { found, notFound, Refusal } from "./refusal.ts";
import { Int32, Name, NoContent, NullableTime, pageOf, strict, Time, TimeInput, Uuid } from "./schemas.ts";

const NullableUuid = Type.Union([Uuid, Type.Null()]);
const ApiKey = Type.Object({
  id: Uuid,
  tenantId: NullableUuid,
  name: Name,
  role: Type.Enum([...apiKeyRoles]),
  isReadOnly: Type.Boolean(),
  applicationIds: grantMembers.applicationIds,
  requestsPerMinute: Type.Union([Type.Integer(), Type.Null()], { description: "Null: what the configuration says." }),
  createdAt: Time,
  updatedAt: Time,
  expiresAt: NullableTime,
  lastUsedAt: NullableTime,
});
const changeable = {
  requestsPerMinute: Type.Optional(
    Type.Union([Int32(1), Type.Null()], {
      description: "More than the configuration has, an administrator alone may give.",
    }),
  ),
  expiresAt: Type.Optional(Type.Union([TimeInput, Type.Null()], { description: "Null: never." })),
};
const ApiKeyChange = Type.Object({ name: Type.Optional(Name), ...changeable }, { ...strict, minProperties: 1 });
const ApiKeyCreate = Type.Object(
  {
    tenantId: Type.Optional(
      Type.Union([Uuid, Type.Null()], { description: "Left out for the role administrator, needed for every other." }),
    ),
    name: Name,
    role: Type.Enum([...apiKeyRoles]),
    isReadOnly: Type.Optional(Type.Boolean({ description: "It changes nothing, whatever its role may." })),
    applicationIds: limitMember,
    ...changeable,
  },
  strict,
);
const Created = Type.Object({
  ...ApiKey.properties,
  token: Type.String({ description: "Shown this once; only its hash is kept." }),
});
const Params = Type.Object({ apiKeyId: Uuid });
const Query = Type.Object({ ...unchangingListQuery, tenantId: Type.Optional(Uuid) }, strict);

/** The moment in UTC; a time that never was, or has passed already, is refused. */
export function futureTime(text: string, nowMs: number, path: string): string {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new Refusal("invalid_value", "There is no such time.", path);
  if (atMs <= nowMs) throw new Refusal("invalid_value", "The time has passed.", path);
  return new Date(atMs).toISOString();
}

export function apiKeyRoutes(api: Api, { repositories, clock, requestsPerMinute: usual }: ApiDependencies): void {
  const { apiKeys, applications } = repositories;
  const checkRate = (request: FastifyRequest, wanted: number | null): void => {
    if (wanted === null || wanted <= usual || usual === 0 || callerOf(request).isAdministrator) return;
    throw new Refusal("invalid_value", `At most ${usual} here.`, "/body/requestsPerMinute");
  };
  const expiryOf = (until: string | null): string | null =>
    until === null ? null : futureTime(until, clock.nowMs(), "/body/expiresAt");
  api.get(
    "/api-keys",
    {
      config: { access: acrossTenants("tenant") },
      schema: { summary: "List API keys", querystring: Query, response: { 200: pageOf(ApiKey) } },
    },
    async request => apiKeys.list(listFilter(request, request.query, { right: "tenant" }), pageRequest(request.query)),
  );
  api.post(
    "/api-keys",
    {
      config: { access: inTenant("tenant", "body.tenantId"), answerIsSecret: true },
      schema: { summary: "Make an API key", body: ApiKeyCreate, response: { 201: Created } },
    },
    async (request, reply) => {
      const { name, role, isReadOnly = false, requestsPerMinute = null } = request.body;
      const tenantId = request.body.tenantId ?? null;
      if ((role === "administrator") !== (tenantId === null)) {
        const message = "The role administrator has no tenant, every other role has one.";
        throw new Refusal("invalid_value", message, "/body/tenantId");
      }
      const expiresAt = expiryOf(request.body.expiresAt ?? null);
      const owner = tenantId === null ? null : parseTenantId(tenantId);
      const applicationIds = limitOf(request.body.applicationIds);
      await checkLimit(role, owner, applicationIds, applications);
      checkRate(request, requestsPerMinute);
      const limits = { isReadOnly, applicationIds, requestsPerMinute };
      const { apiKey, token } = await apiKeys.create({ tenantId: owner, name, role, expiresAt, ...limits });
      return reply.code(201).send({ ...apiKey, token });
    },
  );
  api.get(
    "/api-keys/:apiKeyId",
    {
      config: { access: inTenant("tenant", "params.apiKeyId") },
      schema: { summary: "Get an API key, without its token", params: Params, response: { 200: ApiKey } },
    },
    async request => found(await apiKeys.get(request.params.apiKeyId), "API key"),
  );
  api.patch(
    "/api-keys/:apiKeyId",
    {
      config: { access: inTenant("tenant", "params.apiKeyId") },
      schema: {
        summary: "Change an API key's name, rate or end; what it may do stays as it was made",
        params: Params,
        body: ApiKeyChange,
        response: { 200: ApiKey },
      },
    },
    async request => {
      const { expiresAt, requestsPerMinute, ...rest } = request.body;
      if (requestsPerMinute !== undefined) checkRate(request, requestsPerMinute);
      const change = {
        ...rest,
        ...(requestsPerMinute !== undefined && { requestsPerMinute }),
        ...(expiresAt !== undefined && { expiresAt: expiryOf(expiresAt) }),
      };
      return found(await apiKeys.update(request.params.apiKeyId, change, ifMatch(request)), "API key");
    },
  );
  api.delete(
    "/api-keys/:apiKeyId",
    {
      config: { access: inTenant("tenant", "params.apiKeyId") },
      schema: { summary: "Delete an API key; it stops working at once", params: Params, response: { 204: NoContent } },
    },
    async (request, reply) => {
      if (!(await apiKeys.remove(request.params.apiKeyId, ifMatch(request)))) throw notFound("API key");
      return reply.code(204).send(null);
    },
  );
}

import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseIntegrationId, parseTenantId } from "../../lorawan/ids.ts";
import {
  eventFormats,
  type IntegrationListFilter,
  type Integration as IntegrationRecord,
  integrationModes,
  overflowPolicies,
  type Secrets,
} from "../integration-ports.ts";
import type { ApplicationEventKind } from "../ports.ts";
import { acrossTenants, inTenant, signedIn } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { listFilter, pageRequest, plainListQuery } from "./listing.ts";
import { found, notFound, Refusal } from "./refusal.ts";
import { change, Description, listOf, Name, NoContent, pageOf, strict, TagMap, Time, Uuid } from "./schemas.ts";

export const EventKind = Type.Unsafe<ApplicationEventKind>(
  Type.Enum(["up", "join", "ack", "txack", "log", "status", "location", "alert"]),
);
const filterFields = {
  events: Type.Array(EventKind, { maxItems: 10, description: "Kinds of events; none: all but alert." }),
  fPorts: Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), {
    maxItems: 256,
    description: "Ports of uplinks; none: all. Other events pass.",
  }),
  tags: { ...TagMap, description: "Tags that a device must have, every one of them." },
};
const limitFields = {
  maxMessages: Type.Integer({ minimum: 1, maximum: 10_000_000, description: "Messages that may wait." }),
  maxMegabytes: Type.Integer({ minimum: 1, maximum: 100_000, description: "What they may weigh together." }),
  maxAgeHours: Type.Integer({ minimum: 1, maximum: 8760, description: "How long one may wait." }),
  onOverflow: Type.Enum([...overflowPolicies], { description: "What becomes of the oldest beyond these limits." }),
  maxAttempts: Type.Integer({
    minimum: 1,
    maximum: 1000,
    description: "Failures over one message after which it is a dead letter; a receiver that is away does not count.",
  }),
};
const noFilter = { events: [], fPorts: [], tags: {} } as const;
/** Nobody wants a mail for every uplink who did not say so. */
const usualFilters: Readonly<Record<string, Partial<IntegrationRecord["filter"]>>> = { email: { events: ["alert"] } };
const usualLimits = {
  maxMessages: 100_000,
  maxMegabytes: 500,
  maxAgeHours: 168,
  onOverflow: "dead-letter",
  maxAttempts: 20,
} as const;

/** Which members there are is the kind's affair: checked by the kind itself. */
const Settings = Type.Unsafe<Readonly<Record<string, unknown>>>({
  type: "object",
  additionalProperties: true,
  description: "As the kind has them: see GET /api/integrations/kinds.",
});
const SecretValues = Type.Unsafe<Secrets>({
  type: "object",
  writeOnly: true,
  additionalProperties: true,
  description: "As the kind has them. They go in and never come out; null removes one.",
});
const fields = {
  name: Name,
  description: Description,
  mode: Type.Enum([...integrationModes], {
    description: "active: events are sent; paused: they wait; off: none are taken.",
  }),
  format: Type.Enum([...eventFormats]),
  mapping: Type.String({
    maxLength: 4000,
    description: "JMESPath expression that makes the message of the formatted event; empty: the event as it is.",
  }),
  settings: Settings,
};
const Integration = Type.Object({
  id: Uuid,
  tenantId: Uuid,
  applicationId: Type.Union([Uuid, Type.Null()], { description: "Null: every application of the tenant." }),
  kind: Type.String(),
  ...fields,
  filter: Type.Unsafe<IntegrationRecord["filter"]>(Type.Object(filterFields)),
  limits: Type.Object(limitFields),
  secretNames: Type.Unsafe<readonly string[]>(Type.Array(Type.String(), { description: "Secrets that are set." })),
  createdAt: Time,
  updatedAt: Time,
});
const Filter = Type.Partial(Type.Object(filterFields), strict);
const Limits = Type.Partial(Type.Object(limitFields), strict);
const { name, settings, ...optional } = fields;
const IntegrationCreate = Type.Object(
  {
    tenantId: Type.Optional({ ...Uuid, description: "For every application of the tenant." }),
    applicationId: Type.Optional({ ...Uuid, description: "For one application. One of the two is given." }),
    kind: Type.String({ minLength: 1, maxLength: 50 }),
    name,
    settings,
    secrets: Type.Optional(SecretValues),
    filter: Type.Optional(Filter),
    limits: Type.Optional(Limits),
    ...Type.Partial(Type.Object(optional)).properties,
  },
  strict,
);
const IntegrationChange = Type.Partial(
  Type.Object({ ...fields, secrets: SecretValues, filter: Filter, limits: Limits }),
  change,
);
export const IntegrationParams = Type.Object({ integrationId: Uuid });
export const IntegrationListQuery = Type.Object(
  { ...plainListQuery, tenantId: Type.Optional(Uuid), applicationId: Type.Optional(Uuid) },
  strict,
);
const Schema = Type.Unsafe<object>({ type: "object", additionalProperties: true });
const Kind = Type.Object({ kind: Type.String(), title: Type.String(), settings: Schema, secrets: Schema });

/** Which integrations a list has. Throws Refusal. */
export function integrationFilter(
  request: FastifyRequest,
  query: Static<typeof IntegrationListQuery>,
): IntegrationListFilter {
  const { applicationId } = query;
  const filter = listFilter(request, query, { reach: "applications" });
  return { ...filter, ...(applicationId !== undefined && { applicationId: parseApplicationId(applicationId) }) };
}

const withoutNulls = (secrets: Secrets): Secrets =>
  Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== null));

export function integrationRoutes(api: Api, deps: ApiDependencies): void {
  kindRoutes(api, deps);
  recordRoutes(api, deps);
  oneRecordRoutes(api, deps);
}

function checkWithSink(
  { sinks }: ApiDependencies,
  checked: { readonly kind: string; readonly settings: unknown; readonly secrets: Secrets; readonly mapping: string },
): void {
  const [fault] = sinks.faults(checked.kind, checked.settings, checked.secrets);
  if (fault !== undefined) {
    throw new Refusal("invalid_value", `${fault.path.slice(1) || "settings"}: ${fault.message}`, `/body${fault.path}`);
  }
  const mappingFault = sinks.mappingFault(checked.mapping);
  if (mappingFault === undefined) return;
  throw new Refusal("invalid_value", `The mapping is no JMESPath expression: ${mappingFault}`, "/body/mapping");
}

/** What it belongs to, by the one of the two that is given. */
async function placeOf(
  { tenantId, applicationId }: Static<typeof IntegrationCreate>,
  { repositories: { applications } }: ApiDependencies,
) {
  if ((tenantId === undefined) === (applicationId === undefined)) {
    throw new Refusal("invalid_value", "Give tenantId or applicationId, and not both.", "/body/applicationId");
  }
  if (applicationId === undefined) return { tenantId: parseTenantId(tenantId ?? ""), applicationId: null };
  const application = found(await applications.get(parseApplicationId(applicationId)), "application");
  return { tenantId: application.tenantId, applicationId: application.id };
}

function kindRoutes(api: Api, { sinks }: ApiDependencies): void {
  api.get(
    "/integrations/kinds",
    {
      config: { access: signedIn },
      schema: {
        summary: "List kinds of integrations with the JSON Schemas of their settings",
        response: { 200: Type.Object({ items: listOf(Kind) }) },
      },
    },
    async () => ({
      items: sinks.kinds.map(kind => ({
        kind: kind.kind,
        title: kind.title,
        settings: kind.settings,
        secrets: kind.secrets,
      })),
    }),
  );
}

function recordRoutes(api: Api, deps: ApiDependencies): void {
  const { integrations } = deps.repositories;
  api.get(
    "/integrations",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List integrations",
        querystring: IntegrationListQuery,
        response: { 200: pageOf(Integration) },
      },
    },
    async request => integrations.list(integrationFilter(request, request.query), pageRequest(request.query)),
  );
  api.post(
    "/integrations",
    {
      config: { access: inTenant("devices", "body.applicationId or body.tenantId") },
      schema: { summary: "Add an integration", body: IntegrationCreate, response: { 201: Integration } },
    },
    async (request, reply) => {
      const { tenantId: _, applicationId: __, secrets = {}, filter, limits, ...given } = request.body;
      const integration = {
        description: "",
        mode: "active" as const,
        format: "chirpstack" as const,
        mapping: "",
        ...given,
        ...(await placeOf(request.body, deps)),
        filter: { ...noFilter, ...usualFilters[given.kind], ...filter },
        limits: { ...usualLimits, ...limits },
      };
      const kept = withoutNulls(secrets);
      checkWithSink(deps, { ...integration, secrets: kept });
      return reply.code(201).send(await integrations.create(integration, kept));
    },
  );
}

function oneRecordRoutes(api: Api, deps: ApiDependencies): void {
  const { integrations } = deps.repositories;
  api.get(
    "/integrations/:integrationId",
    {
      config: { access: inTenant("read", "params.integrationId") },
      schema: { summary: "Read an integration", params: IntegrationParams, response: { 200: Integration } },
    },
    async request => found(await integrations.get(parseIntegrationId(request.params.integrationId)), "integration"),
  );
  api.patch(
    "/integrations/:integrationId",
    {
      config: { access: inTenant("devices", "params.integrationId") },
      schema: {
        summary: "Change an integration",
        description: "settings are replaced as a whole; of secrets, filter and limits those that are given.",
        params: IntegrationParams,
        body: IntegrationChange,
        response: { 200: Integration },
      },
    },
    async request => {
      const id = parseIntegrationId(request.params.integrationId);
      const before = found(await integrations.get(id), "integration");
      const { secrets, filter, limits, ...given } = request.body;
      const kept = secrets && withoutNulls({ ...(await integrations.secrets(id)), ...secrets });
      const changed = {
        ...given,
        ...(filter && { filter: { ...before.filter, ...filter } }),
        ...(limits && { limits: { ...before.limits, ...limits } }),
      };
      const checkedSecrets = kept ?? (await integrations.secrets(id));
      checkWithSink(deps, { ...before, ...changed, secrets: checkedSecrets });
      return found(await integrations.update(id, changed, kept, ifMatch(request)), "integration");
    },
  );
  api.delete(
    "/integrations/:integrationId",
    {
      config: { access: inTenant("devices", "params.integrationId") },
      schema: {
        summary: "Delete an integration with what waits for it",
        params: IntegrationParams,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const removed = await integrations.remove(parseIntegrationId(request.params.integrationId), ifMatch(request));
      if (!removed) throw notFound("integration");
      return reply.code(204).send(null);
    },
  );
}

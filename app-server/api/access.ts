import type { FastifyRequest } from "fastify";
import {
  type ApplicationId,
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseIntegrationId,
  parseTenantId,
  type TenantId,
} from "../../lorawan/ids.ts";
import type { Device, Grant, TenantRole, TenantScope } from "../catalog-ports.ts";
import type { ApiDependencies, ApiRepositories } from "./dependencies.ts";
import { notFound, Refusal } from "./refusal.ts";

/** What may be done inside a tenant: look, change devices and what belongs to them, change gateways, govern. */
export type TenantRight = "read" | "devices" | "gateways" | "tenant";

const rightsOf: Readonly<Record<TenantRole, readonly TenantRight[]>> = {
  admin: ["read", "devices", "gateways", "tenant"],
  "device-manager": ["read", "devices"],
  "gateway-manager": ["read", "gateways"],
  viewer: ["read"],
};

/** Where a request names the thing whose tenant decides. */
export type TenantSource = keyof typeof tenantSources;

/** What a route asks of whoever calls it. Every route declares one; without it the server does not start. */
export type Access =
  | { readonly kind: "public" }
  | { readonly kind: "signed-in" }
  | { readonly kind: "administrator" }
  /** The right in the tenant of one thing. */
  | { readonly kind: "tenant"; readonly right: TenantRight; readonly of: TenantSource }
  /** A list: limited to the tenants in which the caller has the right. */
  | { readonly kind: "tenants"; readonly right: TenantRight };

export const anyone: Access = { kind: "public" };
export const signedIn: Access = { kind: "signed-in" };
export const administrators: Access = { kind: "administrator" };
export const inTenant = (right: TenantRight, of: TenantSource): Access => ({ kind: "tenant", right, of });
export const acrossTenants = (right: TenantRight): Access => ({ kind: "tenants", right });

/** Who is calling, as of this request. */
export interface Principal {
  /** `token`: another issuer's, known by its subject. */
  readonly kind: "user" | "api-key" | "token";
  readonly id: string;
  readonly name: string;
  readonly isAdministrator: boolean;
  /** Looks and changes nothing, whatever else it may. */
  readonly isReadOnly: boolean;
  /** Of an API key that has a number of its own. */
  readonly requestsPerMinute?: number;
  readonly grants: ReadonlyMap<TenantId, Grant>;
}

/** Where a thing is, which decides who reaches it. */
export interface Place {
  readonly tenantId: TenantId;
  /** What it belongs to, if to an application. */
  readonly applicationId?: ApplicationId;
  /** Every application of the tenant needs it: who is limited to some of them may read it. */
  readonly isShared?: boolean;
}

const has = (role: TenantRole, right: TenantRight): boolean => rightsOf[role].includes(right);

const forbidden = () => new Refusal("forbidden", "Your role does not allow this.");

/** The part of the check that needs no look at what the request is about; done before its body is read. */
export function checkCaller(access: Access, principal: Principal, isChange: boolean): void {
  if (principal.isReadOnly && isChange) throw new Refusal("forbidden", "This API key is for reading only.");
  if (principal.isAdministrator || access.kind === "public" || access.kind === "signed-in") return;
  if (access.kind === "administrator") throw forbidden();
  // A list of what one may see nowhere would be empty for ever; for one thing, its tenant decides later.
  const somewhere = [...principal.grants.values()].some(({ role }) => has(role, access.right));
  if (access.kind === "tenants" && access.right !== "read" && !somewhere) throw forbidden();
}

const reaches = ({ applicationIds }: Grant, { applicationId, isShared }: Place): boolean =>
  applicationIds === null ||
  isShared === true ||
  (applicationId !== undefined && applicationIds.includes(applicationId));

/** Throws 404 for what the caller does not reach, in another tenant or application, and 403 where the right lacks. */
export function checkPlace(principal: Principal, place: Place, right: TenantRight, what: string): void {
  if (principal.isAdministrator) return;
  const grant = principal.grants.get(place.tenantId);
  if (grant === undefined || !reaches(grant, place)) throw notFound(what);
  const isWithin = grant.applicationIds === null || place.applicationId !== undefined || right === "read";
  if (!has(grant.role, right) || !isWithin) throw forbidden();
}

/** What a list shows to whom is limited to single applications: nothing, what all applications share, or theirs. */
export type ListReach = "whole" | "shared" | "applications";

export interface ListScope {
  readonly tenants: TenantScope;
  readonly applications?: readonly ApplicationId[];
}

/** What a list is limited to, in the tenant asked for or in all in which the caller has the right. */
export function listScope(
  principal: Principal,
  right: TenantRight,
  tenantId: TenantId | undefined,
  reach: ListReach = "whole",
): ListScope {
  // Whoever is a member may ask; a list of what they do not reach is empty.
  if (tenantId !== undefined) checkPlace(principal, { tenantId, isShared: true }, right, "tenant");
  if (principal.isAdministrator) return { tenants: tenantId === undefined ? "all" : [tenantId] };
  const granted = [...principal.grants].filter(
    ([id, { role }]) => has(role, right) && (tenantId === undefined || id === tenantId),
  );
  const whole = granted.filter(([, { applicationIds }]) => reach === "shared" || applicationIds === null);
  const tenants = whole.map(([id]) => id);
  if (reach !== "applications") return { tenants };
  return { tenants, applications: granted.flatMap(([, { applicationIds }]) => applicationIds ?? []) };
}

function member(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
  return typeof found === "string" ? found : undefined;
}

/** Where things are found. */
type Things = ApiRepositories & Pick<ApiDependencies, "imports" | "alerts">;

interface Lookup {
  readonly what: string;
  readonly text: (request: FastifyRequest) => string | undefined;
  readonly place: (text: string, things: Things) => Promise<Place | undefined>;
}

const param = (name: string) => (request: FastifyRequest) => member(request.params, name);
const body = (name: string) => (request: FastifyRequest) => member(request.body, name);

type Placed = Pick<Device, "tenantId"> & { readonly applicationId?: ApplicationId | null };
const placeOf = (record: Placed | undefined, more: Pick<Place, "isShared"> = {}): Place | undefined =>
  record && {
    tenantId: record.tenantId,
    ...(record.applicationId && { applicationId: record.applicationId }),
    ...more,
  };

/** Throws Refusal unless exactly one of the two is given. */
function tenantOrApplication({ query }: FastifyRequest): string {
  const [tenant, application] = [member(query, "tenantId"), member(query, "applicationId")];
  if (application !== undefined && tenant === undefined) return `application ${application}`;
  if (tenant !== undefined && application === undefined) return `tenant ${tenant}`;
  throw new Refusal("invalid_request", "Give one of tenantId and applicationId.", "/querystring/tenantId");
}

const applicationItself = async (text: string, { applications }: Pick<ApiRepositories, "applications">) => {
  const application = await applications.get(parseApplicationId(text));
  return application && { tenantId: application.tenantId, applicationId: application.id };
};
const tenantItself: Lookup["place"] = async (text, { tenants }) => {
  const tenant = await tenants.get(parseTenantId(text));
  return tenant && { tenantId: tenant.id, isShared: true };
};

const tenantSources = {
  "params.tenantId": { what: "tenant", text: param("tenantId"), place: tenantItself },
  "body.tenantId": { what: "tenant", text: body("tenantId"), place: tenantItself },
  "params.applicationId": { what: "application", text: param("applicationId"), place: applicationItself },
  "body.applicationId": { what: "application", text: body("applicationId"), place: applicationItself },
  "body.applicationId or body.tenantId": {
    what: "application or tenant",
    text: request => body("applicationId")(request) ?? body("tenantId")(request),
    place: async (text, repositories) =>
      (await applicationItself(text, repositories)) ?? (await tenantItself(text, repositories)),
  },
  "params.integrationId": {
    what: "integration",
    text: param("integrationId"),
    place: async (text, { integrations }) => placeOf(await integrations.get(parseIntegrationId(text))),
  },
  "params.deviceProfileId": {
    what: "device profile",
    text: param("deviceProfileId"),
    place: async (text, { deviceProfiles }) =>
      placeOf(await deviceProfiles.get(parseDeviceProfileId(text)), { isShared: true }),
  },
  "params.importId": {
    what: "import",
    text: param("importId"),
    place: async (text, { imports }) => {
      const { tenantId, applicationId } = (await imports.get(text)) ?? {};
      return tenantId && { tenantId, ...(applicationId && { applicationId }) };
    },
  },
  // Of what reaches a whole tenant, or one application where that is named.
  "query.tenantOrApplication": {
    what: "tenant or application",
    text: tenantOrApplication,
    place: async (text, { tenants, applications }) => {
      const [kind, id = ""] = text.split(" ");
      if (kind === "application") return applicationItself(id, { applications });
      const tenant = await tenants.get(parseTenantId(id));
      return tenant && { tenantId: tenant.id };
    },
  },
  "params.alertId": {
    what: "alert",
    text: param("alertId"),
    place: async (text, { alerts }) => placeOf(await alerts.get(text.toLowerCase())),
  },
  "params.devEui": {
    what: "device",
    text: param("devEui"),
    place: async (text, { devices }) => placeOf(await devices.get(parseDevEui(text))),
  },
  "params.gatewayId": {
    what: "gateway",
    text: param("gatewayId"),
    place: async (text, { gateways }) => placeOf(await gateways.get(parseGatewayId(text))),
  },
  "params.apiKeyId": {
    what: "API key",
    text: param("apiKeyId"),
    place: async (text, { apiKeys }) => {
      const { tenantId = null } = (await apiKeys.get(text)) ?? {};
      return tenantId === null ? undefined : { tenantId };
    },
  },
} as const satisfies Readonly<Record<string, Lookup>>;

/** The part of the check that looks at what the request, by now valid, is about. Gives the tenant whose thing it is. */
export async function checkSubject(
  access: Access,
  principal: Principal,
  request: FastifyRequest,
  { repositories, imports, alerts }: Pick<ApiDependencies, "repositories" | "imports" | "alerts">,
): Promise<TenantId | undefined> {
  if (access.kind !== "tenant") return undefined;
  const source: Lookup = tenantSources[access.of];
  const text = source.text(request);
  // Only keys of administrators lie outside every tenant: a foreign thing for everyone else.
  if (text === undefined) {
    if (principal.isAdministrator) return undefined;
    throw forbidden();
  }
  const place = await source.place(text, { ...repositories, imports, alerts });
  if (place !== undefined) checkPlace(principal, place, access.right, source.what);
  else if (!principal.isAdministrator || !access.of.endsWith("apiKeyId")) throw notFound(source.what);
  return place?.tenantId;
}

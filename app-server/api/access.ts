import type { FastifyRequest } from "fastify";
import {
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseTenantId,
  type TenantId,
} from "../../lorawan/ids.ts";
import type { Repositories, TenantRole, TenantScope } from "../catalog-ports.ts";
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
  readonly kind: "user" | "api-key";
  readonly id: string;
  readonly name: string;
  readonly isAdministrator: boolean;
  readonly roles: ReadonlyMap<TenantId, TenantRole>;
}

const has = (role: TenantRole, right: TenantRight): boolean => rightsOf[role].includes(right);

const forbidden = () => new Refusal("forbidden", "Your role does not allow this.");

/** The part of the check that needs no look at what the request is about; done before its body is read. */
export function checkCaller(access: Access, principal: Principal): void {
  if (principal.isAdministrator || access.kind === "public" || access.kind === "signed-in") return;
  if (access.kind === "administrator") throw forbidden();
  // A list of what one may see nowhere would be empty for ever; for one thing, its tenant decides later.
  const somewhere = [...principal.roles.values()].some(role => has(role, access.right));
  if (access.kind === "tenants" && access.right !== "read" && !somewhere) throw forbidden();
}

/** Throws 404 for a tenant that the caller is no member of, 403 where the role lacks the right. */
export function checkTenant(principal: Principal, tenantId: TenantId, right: TenantRight, what: string): void {
  if (principal.isAdministrator) return;
  const role = principal.roles.get(tenantId);
  if (role === undefined) throw notFound(what);
  if (!has(role, right)) throw forbidden();
}

/** The tenants a list is limited to: the one asked for, or all in which the caller has the right. */
export function tenantScope(principal: Principal, right: TenantRight, tenantId: TenantId | undefined): TenantScope {
  if (tenantId !== undefined) {
    checkTenant(principal, tenantId, right, "tenant");
    return [tenantId];
  }
  if (principal.isAdministrator) return "all";
  return [...principal.roles].filter(([, role]) => has(role, right)).map(([id]) => id);
}

function member(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
  return typeof found === "string" ? found : undefined;
}

interface Lookup {
  readonly what: string;
  readonly text: (request: FastifyRequest) => string | undefined;
  readonly tenant: (text: string, repositories: Repositories) => Promise<TenantId | undefined>;
}

const param = (name: string) => (request: FastifyRequest) => member(request.params, name);
const body = (name: string) => (request: FastifyRequest) => member(request.body, name);

const applicationTenant: Lookup["tenant"] = async (text, { applications }) =>
  (await applications.get(parseApplicationId(text)))?.tenantId;
const tenantItself: Lookup["tenant"] = async (text, { tenants }) => (await tenants.get(parseTenantId(text)))?.id;

const tenantSources = {
  "params.tenantId": { what: "tenant", text: param("tenantId"), tenant: tenantItself },
  "body.tenantId": { what: "tenant", text: body("tenantId"), tenant: tenantItself },
  "params.applicationId": { what: "application", text: param("applicationId"), tenant: applicationTenant },
  "body.applicationId": { what: "application", text: body("applicationId"), tenant: applicationTenant },
  "params.deviceProfileId": {
    what: "device profile",
    text: param("deviceProfileId"),
    tenant: async (text, { deviceProfiles }) => (await deviceProfiles.get(parseDeviceProfileId(text)))?.tenantId,
  },
  "params.devEui": {
    what: "device",
    text: param("devEui"),
    tenant: async (text, { devices }) => (await devices.get(parseDevEui(text)))?.tenantId,
  },
  "params.gatewayId": {
    what: "gateway",
    text: param("gatewayId"),
    tenant: async (text, { gateways }) => (await gateways.get(parseGatewayId(text)))?.tenantId,
  },
  "params.apiKeyId": {
    what: "API key",
    text: param("apiKeyId"),
    tenant: async (text, { apiKeys }) => (await apiKeys.get(text))?.tenantId ?? undefined,
  },
} as const satisfies Readonly<Record<string, Lookup>>;

/** The part of the check that looks at what the request, by now valid, is about. Gives the tenant whose thing it is. */
export async function checkSubject(
  access: Access,
  principal: Principal,
  request: FastifyRequest,
  repositories: Repositories,
): Promise<TenantId | undefined> {
  if (access.kind !== "tenant") return undefined;
  const source: Lookup = tenantSources[access.of];
  const text = source.text(request);
  // Only keys of administrators lie outside every tenant: a foreign thing for everyone else.
  if (text === undefined) {
    if (principal.isAdministrator) return undefined;
    throw forbidden();
  }
  const tenantId = await source.tenant(text, repositories);
  if (tenantId !== undefined) checkTenant(principal, tenantId, access.right, source.what);
  else if (!principal.isAdministrator || !access.of.endsWith("apiKeyId")) throw notFound(source.what);
  return tenantId;
}

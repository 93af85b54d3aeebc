import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseDevEui, parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import { acrossTenants, inTenant, type ListScope, listScope } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { spanOf, startOf, wholeSpan } from "./measurements.ts";
import { periodQuery } from "./period.ts";
import { found, Refusal } from "./refusal.ts";
import { Eui64, listOf, strict, Uuid } from "./schemas.ts";

const Every = Type.Enum(["hour", "day"]);
const Query = Type.Object(
  { ...periodQuery, every: Type.Optional(Type.Enum(["hour", "day"], { default: "hour" })) },
  strict,
);
const Counts = Type.Record(Type.String(), Type.Integer());
const Point = Type.Object({
  time: Type.String({ description: "When the hour or day (of UTC) began." }),
  counts: Counts,
  by: Type.Record(Type.String(), Counts),
  figures: Type.Record(
    Type.String(),
    Type.Object({ count: Type.Integer(), average: Type.Number(), min: Type.Number(), max: Type.Number() }),
  ),
});
const Answer = Type.Object({ every: Every, items: listOf(Point) });
const Devices = Type.Object({
  total: Type.Integer(),
  active: Type.Integer(),
  inactive: Type.Integer({ description: "Not heard for more than twice the interval that the profile says." }),
  neverSeen: Type.Integer(),
});
const Gateways = Type.Object({
  total: Type.Integer(),
  online: Type.Integer(),
  offline: Type.Integer(),
  neverSeen: Type.Integer(),
});
const Overview = Type.Object({ devices: Devices, gateways: Gateways });
const DeviceParams = Type.Object({ devEui: Eui64 });
const GatewayParams = Type.Object({ gatewayId: Eui64 });
const TenantParams = Type.Object({ tenantId: Uuid });

/** How much devices, gateways and tenants had to do, and how well it went. */
export function usageMetricRoutes(api: Api, deps: ApiDependencies): void {
  const { repositories, measurements, control, clock } = deps;
  const metricsOf = async ({ tenants }: ListScope, query: Static<typeof Query>) => {
    const { every, span } = asked(query);
    return { every, items: await measurements.tenantMetrics(tenants, every, span, clock.nowMs()) };
  };
  const overviewOf = async ({ tenants }: ListScope) => {
    const heard = new Map((await control.gateways()).map(({ gatewayId, online }) => [gatewayId, online]));
    return measurements.overview(tenants, heard, clock.nowMs());
  };
  const asked = (query: Static<typeof Query>) => {
    const { every = "hour" } = query;
    return { every, span: wholeSpan(spanOf(query, clock), every) };
  };

  api.get(
    "/devices/:devEui/metrics",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: {
        summary: "Uplinks, link quality and errors of a device over time",
        params: DeviceParams,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async request => {
      const { devEui, tenantId } = found(await repositories.devices.get(parseDevEui(request.params.devEui)), "device");
      const { every, span } = asked(request.query);
      return { every, items: await measurements.deviceMetrics(devEui, tenantId, every, span) };
    },
  );
  api.get(
    "/gateways/:gatewayId/metrics",
    {
      config: { access: inTenant("read", "params.gatewayId") },
      schema: {
        summary: "What a gateway received and sent over time",
        params: GatewayParams,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async request => {
      const { every, span } = asked(request.query);
      const gateway = found(await repositories.gateways.get(parseGatewayId(request.params.gatewayId)), "gateway");
      // What it did before it was this tenant's is not told to this one.
      const items = await measurements.gatewayMetrics(gateway.gatewayId, every, span);
      return { every, items: items.filter(({ time }) => time >= startOf(gateway.createdAt, every)) };
    },
  );
  const ofTenant = { access: inTenant("read", "params.tenantId") };
  api.get(
    "/tenants/:tenantId/metrics",
    {
      config: ofTenant,
      schema: {
        summary: "What the devices of a tenant did over time",
        params: TenantParams,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async request => metricsOf(wholeScope(request, request.params.tenantId), request.query),
  );
  api.get(
    "/tenants/:tenantId/overview",
    {
      config: ofTenant,
      schema: {
        summary: "How many devices and gateways of a tenant are well",
        params: TenantParams,
        response: { 200: Overview },
      },
    },
    async request => overviewOf(wholeScope(request, request.params.tenantId)),
  );
  api.get(
    "/metrics",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "What the devices of all tenants that you see, or of one, did over time",
        querystring: Type.Object({ ...Query.properties, tenantId: Type.Optional(Uuid) }, strict),
        response: { 200: Answer },
      },
    },
    async request => metricsOf(wholeScope(request, request.query.tenantId), request.query),
  );
  api.get(
    "/overview",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "How many devices and gateways of all tenants that you see, or of one, are well",
        querystring: Type.Object({ tenantId: Type.Optional(Uuid) }, strict),
        response: { 200: Overview },
      },
    },
    async request => overviewOf(wholeScope(request, request.query.tenantId)),
  );
}

/** Sums of a tenant tell of all its applications: not to whoever is limited to some. */
function wholeScope(request: FastifyRequest, tenantId: string | undefined): ListScope {
  const scope = listScope(callerOf(request), "read", tenantId === undefined ? undefined : parseTenantId(tenantId));
  if (scope.tenants !== "all" && scope.tenants.length === 0)
    throw new Refusal("forbidden", "Sums are of whole tenants, and you see none as a whole.");
  return scope;
}

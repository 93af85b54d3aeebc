import Type, { type Static } from "typebox";
import { parseDevEui, parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import { inTenant, listScope } from "./access.ts";
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
const DeviceParams = Type.Object({ devEui: Eui64 });
const GatewayParams = Type.Object({ gatewayId: Eui64 });
const TenantParams = Type.Object({ tenantId: Uuid });

/** How much devices, gateways and tenants had to do, and how well it went. */
export function usageMetricRoutes(api: Api, deps: ApiDependencies): void {
  const { repositories, measurements, control, clock } = deps;
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
    async request => {
      const { every, span } = asked(request.query);
      const tenantId = parseTenantId(request.params.tenantId);
      requireWhole(listScope(callerOf(request), "read", tenantId));
      return { every, items: await measurements.tenantMetrics(tenantId, every, span) };
    },
  );
  api.get(
    "/tenants/:tenantId/overview",
    {
      config: ofTenant,
      schema: {
        summary: "How many devices and gateways of a tenant are well",
        params: TenantParams,
        response: { 200: Type.Object({ devices: Devices, gateways: Gateways }) },
      },
    },
    async request => {
      const tenantId = parseTenantId(request.params.tenantId);
      const scope = listScope(callerOf(request), "read", tenantId);
      requireWhole(scope);
      const { devices } = await measurements.overview(tenantId, clock.nowMs());
      const heard = new Map((await control.gateways()).map(({ gatewayId, online }) => [gatewayId, online]));
      const gateways = { total: 0, online: 0, offline: 0, neverSeen: 0 };
      for (let after: string | undefined; ; ) {
        const page = await repositories.gateways.list(scope, { limit: 1000, ...(after !== undefined && { after }) });
        for (const { gatewayId } of page.items) {
          const online = heard.get(gatewayId);
          gateways.total += 1;
          gateways[online === undefined ? "neverSeen" : online ? "online" : "offline"] += 1;
        }
        if (page.next === undefined) return { devices, gateways };
        after = page.next;
      }
    },
  );
}

/** Sums of a tenant tell of all its applications: not to whoever is limited to some. */
function requireWhole({ tenants }: ReturnType<typeof listScope>): void {
  if (tenants !== "all" && tenants.length === 0) throw new Refusal("forbidden", "Your role does not allow this.");
}

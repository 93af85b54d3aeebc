import { isIP } from "node:net";
import Type, { type Static } from "typebox";
import { parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import type { Gateway as GatewayRecord } from "../catalog-ports.ts";
import type { GatewaySummary } from "../ports.ts";
import { acrossTenants, administrators, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ifMatch } from "./etag.ts";
import { listFilter, pageRequest, TenantListQuery } from "./listing.ts";
import { found, notFound, Refusal } from "./refusal.ts";
import {
  change,
  Description,
  Eui64,
  listOf,
  Name,
  NoContent,
  NullableTime,
  pageOf,
  strict,
  TagMap,
  Time,
  timeOf,
  Uuid,
} from "./schemas.ts";

const Location = Type.Object(
  {
    latitude: Type.Number({ minimum: -90, maximum: 90 }),
    longitude: Type.Number({ minimum: -180, maximum: 180 }),
    altitude: Type.Number({ minimum: -1000, maximum: 100_000, description: "Metres." }),
  },
  strict,
);
export const NullableLocation = Type.Union([Location, Type.Null()]);
const SourceRule = Type.Union(
  [
    Type.Object({ kind: Type.Literal("any") }, strict),
    Type.Object(
      {
        kind: Type.Literal("networks"),
        cidrs: Type.Array(Type.String({ maxLength: 50 }), { minItems: 1, maxItems: 100 }),
      },
      strict,
    ),
    Type.Object({ kind: Type.Literal("pin") }, strict),
  ],
  { description: "Addresses the gateway may send from: any, listed networks, or the first that is heard." },
);
const RegionConfigId = Type.Union([Type.String({ minLength: 1, maxLength: 100 }), Type.Null()], {
  description: "The configuration of a region that its channels are set up for; null: any.",
});
const optional = {
  description: Description,
  isDisabled: Type.Boolean(),
  location: NullableLocation,
  regionConfigId: RegionConfigId,
  antennaGainDb: Type.Number({ minimum: -50, maximum: 50 }),
  sourceRule: SourceRule,
  rateLimit: Type.Integer({ minimum: 1, maximum: 1_000_000, description: "Datagrams a second." }),
  tags: TagMap,
};
export const gatewayDefaults = {
  description: "",
  isDisabled: false,
  location: null,
  regionConfigId: null,
  antennaGainDb: 0,
  sourceRule: { kind: "any" },
  rateLimit: 2000,
  tags: {},
} as const;
export const gatewayFields = { name: Name, ...optional };
const Gateway = Type.Object({
  gatewayId: Eui64,
  tenantId: Uuid,
  ...gatewayFields,
  sourceRule: Type.Unsafe<GatewayRecord["sourceRule"]>(SourceRule),
  createdAt: Time,
  updatedAt: Time,
});
const GatewayCreate = Type.Object(
  { gatewayId: Eui64, tenantId: Uuid, name: Name, ...Type.Partial(Type.Object(optional)).properties },
  strict,
);
const GatewayChange = Type.Partial(Type.Object(gatewayFields), change);
const Params = Type.Object({ gatewayId: Eui64 });

export const gatewayStates = ["online", "offline", "never-seen"] as const;
const NullableText = Type.Union([Type.String(), Type.Null()]);
const Status = Type.Object({
  gatewayId: Eui64,
  state: Type.Enum([...gatewayStates]),
  firstSeenAt: NullableTime,
  lastSeenAt: NullableTime,
  remoteAddress: NullableText,
  pinnedAddress: NullableText,
  roundTripMs: Type.Union([Type.Number(), Type.Null()]),
  location: NullableLocation,
  hasGpsTime: Type.Union([Type.Boolean(), Type.Null()], {
    description: "Whether its last frame came with GPS time, which downlinks of class B need; null before any frame.",
  }),
  counts: Type.Object({
    uplinks: Type.Integer(),
    downlinks: Type.Integer(),
    downlinkFailures: Type.Integer(),
    refused: Type.Integer(),
  }),
  lastStatistics: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
});

const statusOf = (summary: GatewaySummary): Static<typeof Status> => ({
  gatewayId: summary.gatewayId,
  state: summary.online ? "online" : "offline",
  firstSeenAt: timeOf(summary.firstSeenAtMs),
  lastSeenAt: timeOf(summary.lastSeenAtMs),
  remoteAddress: summary.remoteAddress,
  pinnedAddress: summary.pinnedAddress ?? null,
  roundTripMs: summary.roundTripMs ?? null,
  location: summary.location ?? null,
  hasGpsTime: summary.gps?.hasTime ?? null,
  counts: summary.counts,
  lastStatistics: summary.lastStatistics ?? {},
});

const neverSeen = (gatewayId: string): Static<typeof Status> => ({
  gatewayId,
  state: "never-seen",
  firstSeenAt: null,
  lastSeenAt: null,
  remoteAddress: null,
  pinnedAddress: null,
  roundTripMs: null,
  location: null,
  hasGpsTime: null,
  counts: { uplinks: 0, downlinks: 0, downlinkFailures: 0, refused: 0 },
  lastStatistics: {},
});

function isNetwork(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || more.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
}

export function checkSourceRule(rule: GatewayRecord["sourceRule"] | undefined): void {
  if (rule?.kind !== "networks" || rule.cidrs.every(isNetwork)) return;
  throw new Refusal(
    "invalid_value",
    "A network is written like 10.0.0.0/8 or 2001:db8::/32.",
    "/body/sourceRule/cidrs",
  );
}

export function gatewayRoutes(api: Api, deps: ApiDependencies): void {
  recordRoutes(api, deps);
  oneRecordRoutes(api, deps);
  statusRoutes(api, deps);
}

function recordRoutes(api: Api, { repositories: { gateways } }: ApiDependencies): void {
  api.get(
    "/gateways",
    {
      config: { access: acrossTenants("read") },
      schema: { summary: "List gateways", querystring: TenantListQuery, response: { 200: pageOf(Gateway) } },
    },
    async request => gateways.list(listFilter(request, request.query), pageRequest(request.query)),
  );
  api.post(
    "/gateways",
    {
      config: { access: inTenant("gateways", "body.tenantId") },
      schema: { summary: "Register a gateway", body: GatewayCreate, response: { 201: Gateway } },
    },
    async (request, reply) => {
      checkSourceRule(request.body.sourceRule);
      const gatewayId = parseGatewayId(request.body.gatewayId);
      const tenantId = parseTenantId(request.body.tenantId);
      return reply.code(201).send(await gateways.create({ ...gatewayDefaults, ...request.body, gatewayId, tenantId }));
    },
  );
}

function oneRecordRoutes(api: Api, { repositories: { gateways } }: ApiDependencies): void {
  const write = { access: inTenant("gateways", "params.gatewayId") };
  api.get(
    "/gateways/:gatewayId",
    {
      config: { access: inTenant("read", "params.gatewayId") },
      schema: { summary: "Read a gateway", params: Params, response: { 200: Gateway } },
    },
    async request => found(await gateways.get(parseGatewayId(request.params.gatewayId)), "gateway"),
  );
  api.patch(
    "/gateways/:gatewayId",
    {
      config: write,
      schema: { summary: "Change a gateway", params: Params, body: GatewayChange, response: { 200: Gateway } },
    },
    async request => {
      checkSourceRule(request.body.sourceRule);
      const gatewayId = parseGatewayId(request.params.gatewayId);
      return found(await gateways.update(gatewayId, request.body, ifMatch(request)), "gateway");
    },
  );
  api.delete(
    "/gateways/:gatewayId",
    { config: write, schema: { summary: "Delete a gateway", params: Params, response: { 204: NoContent } } },
    async (request, reply) => {
      const gatewayId = parseGatewayId(request.params.gatewayId);
      if (!(await gateways.remove(gatewayId, ifMatch(request)))) throw notFound("gateway");
      return reply.code(204).send(null);
    },
  );
}

function statusRoutes(api: Api, { control }: ApiDependencies): void {
  api.get(
    "/gateways/unknown",
    {
      // What no tenant has registered belongs to none, so only those above all tenants see it.
      config: { access: administrators },
      schema: {
        summary: "List gateways that are heard but not registered",
        response: { 200: Type.Object({ items: listOf(Status) }) },
      },
    },
    async () => ({ items: (await control.gateways()).filter(gateway => !gateway.registered).map(statusOf) }),
  );
  api.get(
    "/gateways/:gatewayId/status",
    {
      config: { access: inTenant("read", "params.gatewayId") },
      schema: { summary: "Whether a gateway is there, and what it did", params: Params, response: { 200: Status } },
    },
    async request => {
      const gatewayId = parseGatewayId(request.params.gatewayId);
      const summary = await control.gateway(gatewayId);
      return summary === undefined ? neverSeen(gatewayId) : statusOf(summary);
    },
  );
  api.post(
    "/gateways/:gatewayId/release-address",
    {
      config: { access: inTenant("gateways", "params.gatewayId") },
      schema: { summary: "Let a pinned gateway come from a new address", params: Params, response: { 204: NoContent } },
    },
    async (request, reply) => {
      await control.releaseGatewayAddress(parseGatewayId(request.params.gatewayId));
      return reply.code(204).send(null);
    },
  );
}

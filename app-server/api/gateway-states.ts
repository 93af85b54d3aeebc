import Type from "typebox";
import type { GatewayId } from "../../lorawan/ids.ts";
import type { GatewaySummary } from "../ports.ts";
import type { GatewayFilter } from "../state-ports.ts";
import { acrossTenants } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { gatewayStates, NullableLocation } from "./gateways.ts";
import { listFilter, pageRequest, TenantListQuery } from "./listing.ts";
import { Eui64, Name, NullableTime, nullableTimeOf, pageOf, strict, Time, Uuid } from "./schemas.ts";

const Query = Type.Object(
  { ...TenantListQuery.properties, state: Type.Optional(Type.Enum([...gatewayStates])) },
  strict,
);
const State = Type.Object({
  gatewayId: Eui64,
  tenantId: Uuid,
  name: Name,
  isDisabled: Type.Boolean(),
  state: Type.Enum([...gatewayStates]),
  lastSeenAt: NullableTime,
  location: Type.Unsafe<{ latitude: number; longitude: number; altitude: number } | null>({
    ...NullableLocation,
    description: "The gateway's own, or what its forwarder says.",
  }),
  createdAt: Time,
});

function stateOf(summary: GatewaySummary | undefined): (typeof gatewayStates)[number] {
  if (summary === undefined) return "never-seen";
  return summary.online ? "online" : "offline";
}

/** The gateways that are in a state, as a filter of those that are registered. */
function among(state: (typeof gatewayStates)[number], heard: ReadonlyMap<GatewayId, GatewaySummary>): GatewayFilter {
  if (state === "never-seen") return { noneOf: [...heard.keys()] };
  return { anyOf: [...heard.values()].filter(one => stateOf(one) === state).map(({ gatewayId }) => gatewayId) };
}

/** Many gateways at once, for lists and maps: what would be a question for each of them otherwise. */
export function gatewayStateRoutes(api: Api, { repositories: { gateways }, control }: ApiDependencies): void {
  api.get(
    "/gateways/states",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List where gateways are and whether they are there",
        querystring: Query,
        response: { 200: pageOf(State) },
      },
    },
    async request => {
      const { state, ...query } = request.query;
      const heard = new Map((await control.gateways()).map(gateway => [gateway.gatewayId, gateway]));
      const filter = { ...listFilter(request, query), ...(state !== undefined && among(state, heard)) };
      const page = await gateways.list(filter, pageRequest(query));
      const items = page.items.map(({ gatewayId, tenantId, name, isDisabled, location, createdAt }) => {
        const summary = heard.get(gatewayId);
        return {
          ...{ gatewayId, tenantId, name, isDisabled, createdAt },
          state: stateOf(summary),
          lastSeenAt: nullableTimeOf(summary?.lastSeenAtMs),
          location: location ?? summary?.location ?? null,
        };
      });
      return { ...page, items };
    },
  );
}

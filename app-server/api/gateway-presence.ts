import Type from "typebox";
import { parseGatewayId } from "../../lorawan/ids.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { utcOf } from "./period.ts";
import { Eui64, listOf, strict, Time, TimeInput, timeOf } from "./schemas.ts";

const Params = Type.Object({ gatewayId: Eui64 });
const Query = Type.Object({ since: Type.Optional({ ...TimeInput, description: "A day ago unless given." }) }, strict);
const Change = Type.Object({ at: Time, isOnline: Type.Boolean() });
const dayMs = 86_400_000;

/** When a gateway came and went. */
export function gatewayPresenceRoutes(api: Api, { measurements, clock }: ApiDependencies): void {
  api.get(
    "/gateways/:gatewayId/presence",
    {
      config: { access: inTenant("read", "params.gatewayId") },
      schema: {
        summary: "When a gateway was online",
        description:
          "Oldest first: how it was at `since`, where that is known, and each change. Looked at every half minute; what is between two " +
          "entries is as the first of them says.",
        params: Params,
        querystring: Query,
        response: { 200: Type.Object({ items: listOf(Change) }) },
      },
    },
    async request => {
      const { since } = request.query;
      const from = since === undefined ? timeOf(clock.nowMs() - dayMs) : utcOf(since, "/querystring/since");
      return { items: await measurements.gatewayPresence(parseGatewayId(request.params.gatewayId), from) };
    },
  );
}

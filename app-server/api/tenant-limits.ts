import Type from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import { administrators, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found } from "./refusal.ts";
import { change, Int32, Uuid } from "./schemas.ts";

const Params = Type.Object({ tenantId: Uuid });
const most = (description: string, minimum = 0) => Type.Union([Int32(minimum), Type.Null()], { description });
const limits = {
  maxDevices: most("Null: any number."),
  maxGateways: most("0: the tenant may have none; null: any number."),
  maxApplications: most("Null: any number."),
  maxIntegrations: most("Null: any number."),
  requestsPerMinute: most("Of all API keys and tokens of the tenant together; null: only those of each.", 1),
};
const State = Type.Object({
  limits: Type.Object(limits),
  use: Type.Object(
    {
      devices: Type.Integer(),
      gateways: Type.Integer(),
      applications: Type.Integer(),
      integrations: Type.Integer(),
    },
    { description: "What there is now." },
  ),
});

/** What a tenant may have at most, and has. */
export function tenantLimitRoutes(api: Api, { tenantLimits, repositories }: ApiDependencies): void {
  api.get(
    "/tenants/:tenantId/limits",
    {
      config: { access: inTenant("read", "params.tenantId") },
      schema: { summary: "What a tenant may have at most, and has", params: Params, response: { 200: State } },
    },
    async request => tenantLimits.read(parseTenantId(request.params.tenantId)),
  );
  api.patch(
    "/tenants/:tenantId/limits",
    {
      config: { access: administrators },
      schema: {
        summary: "Change what a tenant may have at most",
        description: "What is there stays where it is more; nothing is added until there is room again.",
        params: Params,
        body: Type.Partial(Type.Object(limits), change),
        response: { 200: State },
      },
    },
    async request => {
      const { id } = found(await repositories.tenants.get(parseTenantId(request.params.tenantId)), "tenant");
      return tenantLimits.write(id, request.body);
    },
  );
}

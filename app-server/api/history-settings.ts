import Type from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import { administrators, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found } from "./refusal.ts";
import { change, Uuid } from "./schemas.ts";

const Params = Type.Object({ tenantId: Uuid });
const days = (minimum: number) => Type.Integer({ minimum, maximum: 3650 });
const limits = {
  eventDays: days(1),
  frameDays: days(0),
  measurementDays: days(1),
  maxMegabytes: Type.Integer({ minimum: 1, maximum: 1_000_000, description: "Of events and frames together." }),
};
const orNull = {
  eventDays: Type.Union([limits.eventDays, Type.Null()]),
  frameDays: Type.Union([limits.frameDays, Type.Null()]),
  measurementDays: Type.Union([limits.measurementDays, Type.Null()]),
  maxMegabytes: Type.Union([limits.maxMegabytes, Type.Null()]),
};
const Use = Type.Object({
  rows: Type.Integer(),
  bytes: Type.Integer(),
  since: Type.Union([Type.String({ description: "Day of the oldest." }), Type.Null()]),
});
const State = Type.Object({
  own: Type.Object(orNull, { description: "What the tenant has of its own; null: as the configuration says." }),
  limits: Type.Object(limits, { description: "What holds." }),
  events: Use,
  frames: Use,
});

/** How long a tenant's past is kept, and what it takes. */
export function historySettingsRoutes(api: Api, { historySettings, repositories }: ApiDependencies): void {
  api.get(
    "/tenants/:tenantId/history",
    {
      config: { access: inTenant("read", "params.tenantId") },
      schema: { summary: "How much history a tenant keeps", params: Params, response: { 200: State } },
    },
    async request => historySettings.read(parseTenantId(request.params.tenantId)),
  );
  api.patch(
    "/tenants/:tenantId/history",
    {
      // It is the disk of whoever runs the installation.
      config: { access: administrators },
      schema: {
        summary: "Change how much history a tenant keeps",
        params: Params,
        body: Type.Partial(Type.Object(orNull), change),
        response: { 200: State },
      },
    },
    async request => {
      const { id } = found(await repositories.tenants.get(parseTenantId(request.params.tenantId)), "tenant");
      return historySettings.write(id, request.body);
    },
  );
}

import Type from "typebox";
import { deviceStateSorts, deviceStates } from "../state-ports.ts";
import { acrossTenants } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { DeviceListQuery, deviceFilter } from "./devices.ts";
import { sortQuery, sortRequest } from "./listing.ts";
import { Eui64, Name, NullableTime, pageOf, strict, TagMap, Time, Uuid } from "./schemas.ts";

const State = Type.Object({
  devEui: Eui64,
  tenantId: Uuid,
  applicationId: Uuid,
  deviceProfileId: Uuid,
  name: Name,
  isDisabled: Type.Boolean(),
  tags: TagMap,
  createdAt: Time,
  lastHeardAt: NullableTime,
  state: Type.Enum([...deviceStates], {
    description: "Inactive: silent for more than twice the interval that the profile expects.",
  }),
});
const Query = Type.Object(
  {
    ...DeviceListQuery.properties,
    ...sortQuery(deviceStateSorts),
    state: Type.Optional(Type.Enum([...deviceStates])),
  },
  strict,
);

/** Many devices at once, for lists: what would be a question for each of them otherwise. */
export function deviceStateRoutes(api: Api, deps: ApiDependencies): void {
  api.get(
    "/devices/states",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List devices with when they were heard",
        querystring: Query,
        response: { 200: pageOf(State) },
      },
    },
    async request => {
      const { state, ...query } = request.query;
      const filter = { ...(await deviceFilter(request, query, deps)), ...(state !== undefined && { state }) };
      return deps.repositories.devices.listStates(filter, sortRequest(query, deviceStateSorts));
    },
  );
}

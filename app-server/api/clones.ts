import Type from "typebox";
import { parseApplicationId, parseDeviceProfileId } from "../../lorawan/ids.ts";
import { checkPlace, inTenant } from "./access.ts";
import { Application } from "./applications.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { DeviceProfile } from "./device-profiles.ts";
import { found } from "./refusal.ts";
import { Name, strict, Uuid } from "./schemas.ts";

const Clone = Type.Object({ name: Name }, { ...strict, description: "What the clone is called." });

export function cloneRoutes(api: Api, { repositories: { applications, deviceProfiles } }: ApiDependencies): void {
  api.post(
    "/applications/:applicationId/clone",
    {
      config: { access: inTenant("devices", "params.applicationId") },
      schema: {
        summary: "Add an application like another",
        description: "In the same tenant, with its description and tags; devices and MQTT logins stay where they are.",
        params: Type.Object({ applicationId: Uuid }),
        body: Clone,
        response: { 201: Application },
      },
    },
    async (request, reply) => {
      const id = parseApplicationId(request.params.applicationId);
      const { tenantId, description, tags } = found(await applications.get(id), "application");
      // Who is limited to this application makes no others.
      checkPlace(callerOf(request), { tenantId, isShared: true }, "devices", "application");
      const { name } = request.body;
      return reply.code(201).send(await applications.create({ tenantId, name, description, tags }));
    },
  );
  api.post(
    "/device-profiles/:deviceProfileId/clone",
    {
      config: { access: inTenant("devices", "params.deviceProfileId") },
      schema: {
        summary: "Add a device profile like another",
        description: "In the same tenant, with everything but the name.",
        params: Type.Object({ deviceProfileId: Uuid }),
        body: Clone,
        response: { 201: DeviceProfile },
      },
    },
    async (request, reply) => {
      const id = parseDeviceProfileId(request.params.deviceProfileId);
      const {
        id: _id,
        createdAt: _made,
        updatedAt: _changed,
        // The clone is what somebody makes of it: the next import is for the original.
        sourceId: _source,
        ...original
      } = found(await deviceProfiles.get(id), "device profile");
      return reply.code(201).send(await deviceProfiles.create({ ...original, name: request.body.name }));
    },
  );
}

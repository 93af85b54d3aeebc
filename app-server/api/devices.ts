import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseDeviceProfileId, parseJoinEui } from "../../lorawan/ids.ts";
import { macVersions } from "../../lorawan/version.ts";
import type { DeviceFilter, Device as DeviceRecord } from "../catalog-ports.ts";
import { acrossTenants, checkPlace, inTenant } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ActivationBody, activationOf, KeysBody, rootKeysOf } from "./device-activation.ts";
import { ifMatch } from "./etag.ts";
import { listFilter, pageRequest, TenantListQuery } from "./listing.ts";
import { checkMac, Mac } from "./mac-wishes.ts";
import { found, notFound } from "./refusal.ts";
import { change, Description, Eui64, Name, NoContent, pageOf, strict, TagMap, Time, Uuid } from "./schemas.ts";

export const deviceFields = {
  joinEui: Eui64,
  applicationId: Uuid,
  deviceProfileId: Uuid,
  name: Name,
  description: Description,
  isDisabled: Type.Boolean(),
  resetsFCnt: Type.Boolean({ description: "The device may start again at counter 0, as ABP devices do; less secure." }),
  mac: Mac,
  variables: TagMap,
  tags: TagMap,
};
const Device = Type.Object({
  devEui: Eui64,
  tenantId: Uuid,
  ...deviceFields,
  macVersion: Type.Enum([...macVersions]),
  createdAt: Time,
  updatedAt: Time,
});
const { applicationId, deviceProfileId, name, ...rest } = deviceFields;
const DeviceCreate = Type.Object(
  {
    devEui: Eui64,
    applicationId,
    deviceProfileId,
    name,
    ...Type.Partial(Type.Object(rest)).properties,
    keys: Type.Optional(KeysBody),
    activation: Type.Optional(ActivationBody),
  },
  { ...strict, description: "With `keys` an OTAA device can join at once, with `activation` an ABP device can send." },
);
const DeviceChange = Type.Partial(Type.Object(deviceFields), change);
const Params = Type.Object({ devEui: Eui64 });
export const DeviceListQuery = Type.Object(
  {
    ...TenantListQuery.properties,
    applicationId: Type.Optional(Uuid),
    deviceProfileId: Type.Optional(Uuid),
    isDisabled: Type.Optional(Type.Boolean()),
  },
  strict,
);

export const deviceDefaults = {
  description: "",
  isDisabled: false,
  resetsFCnt: false,
  mac: {},
  variables: {},
  tags: {},
} as const;

const newDevice = (body: Static<typeof DeviceCreate>) => ({
  ...deviceDefaults,
  ...body,
  devEui: parseDevEui(body.devEui),
  joinEui: parseJoinEui(body.joinEui ?? "0000000000000000"),
  applicationId: parseApplicationId(body.applicationId),
  deviceProfileId: parseDeviceProfileId(body.deviceProfileId),
});

function deviceChange(body: Static<typeof DeviceChange>) {
  const { joinEui, applicationId, deviceProfileId, ...plain } = body;
  return {
    ...plain,
    ...(joinEui !== undefined && { joinEui: parseJoinEui(joinEui) }),
    ...(applicationId !== undefined && { applicationId: parseApplicationId(applicationId) }),
    ...(deviceProfileId !== undefined && { deviceProfileId: parseDeviceProfileId(deviceProfileId) }),
  };
}

async function createDevice(body: Static<typeof DeviceCreate>, deps: ApiDependencies): Promise<DeviceRecord> {
  checkMac(body.mac);
  const { devices, deviceProfiles } = deps.repositories;
  const profile = await deviceProfiles.get(parseDeviceProfileId(body.deviceProfileId));
  // Without a profile the device is refused below, whatever its keys.
  const macVersion = profile?.macVersion ?? "1.0.4";
  const keys = body.keys && rootKeysOf(body.keys, macVersion, "/body/keys");
  const activation = body.activation && activationOf(body.activation, macVersion, "/body/activation");
  const device = await devices.create(newDevice(body));
  try {
    if (keys !== undefined) await deps.rootKeys.put(device.devEui, keys);
    if (activation !== undefined) await deps.control.activate(device.devEui, activation);
  } catch (error) {
    // One call, one outcome: a device without the keys it came with would look complete.
    await devices.remove(device.devEui);
    throw error;
  }
  return device;
}

/** A device goes where its mover may put one. */
async function checkMove(request: FastifyRequest, to: string | undefined, { repositories }: ApiDependencies) {
  if (to === undefined) return;
  const applicationId = parseApplicationId(to);
  const application = await repositories.applications.get(applicationId);
  // Another tenant's is refused below, as one that does not exist.
  if (application === undefined || !callerOf(request).grants.has(application.tenantId)) return;
  checkPlace(callerOf(request), { tenantId: application.tenantId, applicationId }, "devices", "application");
}

/** What the caller wants to see of the devices that the caller may see. Throws Refusal. */
export async function deviceFilter(
  request: FastifyRequest,
  query: Omit<Static<typeof DeviceListQuery>, "sort">,
  { repositories }: ApiDependencies,
): Promise<DeviceFilter> {
  const { isDisabled } = query;
  const filter = listFilter(request, query, { reach: "applications" });
  const profile = query.deviceProfileId === undefined ? undefined : parseDeviceProfileId(query.deviceProfileId);
  const application = query.applicationId === undefined ? undefined : parseApplicationId(query.applicationId);
  if (application !== undefined) {
    const record = found(await repositories.applications.get(application), "application");
    const place = { tenantId: record.tenantId, applicationId: application };
    checkPlace(callerOf(request), place, "read", "application");
  }
  return {
    ...filter,
    ...(application !== undefined && { applicationId: application }),
    ...(profile !== undefined && { deviceProfileId: profile }),
    ...(isDisabled !== undefined && { isDisabled }),
  };
}

export function deviceRoutes(api: Api, deps: ApiDependencies): void {
  const { devices } = deps.repositories;
  api.get(
    "/devices",
    {
      config: { access: acrossTenants("read") },
      schema: { summary: "List devices", querystring: DeviceListQuery, response: { 200: pageOf(Device) } },
    },
    async request => devices.list(await deviceFilter(request, request.query, deps), pageRequest(request.query)),
  );
  api.post(
    "/devices",
    {
      config: { access: inTenant("devices", "body.applicationId") },
      schema: { summary: "Add a device", body: DeviceCreate, response: { 201: Device } },
    },
    async (request, reply) => reply.code(201).send(await createDevice(request.body, deps)),
  );
  api.get(
    "/devices/:devEui",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: { summary: "Read a device", params: Params, response: { 200: Device } },
    },
    async request => found(await devices.get(parseDevEui(request.params.devEui)), "device"),
  );
  api.patch(
    "/devices/:devEui",
    {
      config: { access: inTenant("devices", "params.devEui") },
      schema: { summary: "Change a device", params: Params, body: DeviceChange, response: { 200: Device } },
    },
    async request => {
      checkMac(request.body.mac);
      await checkMove(request, request.body.applicationId, deps);
      const devEui = parseDevEui(request.params.devEui);
      return found(await devices.update(devEui, deviceChange(request.body), ifMatch(request)), "device");
    },
  );
  api.delete(
    "/devices/:devEui",
    {
      config: { access: inTenant("devices", "params.devEui") },
      schema: { summary: "Delete a device, its keys, session and queue", params: Params, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const devEui = parseDevEui(request.params.devEui);
      ifMatch(request)?.(found(await devices.get(devEui), "device"));
      // Session and queue first: if they cannot be reached now, the device is still here to be deleted again.
      await deps.control.deactivate(devEui);
      await deps.queue.flush(devEui);
      if (!(await devices.remove(devEui))) throw notFound("device");
      return reply.code(204).send(null);
    },
  );
}

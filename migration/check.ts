import Type from "typebox";
import { Compile } from "typebox/compile";
import { DeviceProfile, deviceProfileDefaults } from "../app-server/api/device-profiles.ts";
import { Description, Eui64, Name, TagMap, Uuid } from "../app-server/api/schemas.ts";
import { MalformedValue } from "../lorawan/errors.ts";
import type { Carried } from "./carried.ts";

const described = { name: Name, description: Description, tags: TagMap };
const times = { createdAt: "", updatedAt: "" };

const checks = {
  tenant: Compile(Type.Object({ id: Uuid, ...described })),
  user: Compile(Type.Object({ id: Uuid, email: Type.String({ minLength: 1, maxLength: 200 }), note: Type.String() })),
  application: Compile(Type.Object({ id: Uuid, tenantId: Uuid, ...described })),
  profile: Compile(DeviceProfile),
  gateway: Compile(
    Type.Object({
      ...described,
      gatewayId: Eui64,
      location: Type.Union([
        Type.Object({
          latitude: Type.Number({ minimum: -90, maximum: 90 }),
          longitude: Type.Number({ minimum: -180, maximum: 180 }),
          altitude: Type.Number({ minimum: -1000, maximum: 100_000 }),
        }),
        Type.Null(),
      ]),
      antennaGainDb: Type.Number({ minimum: -50, maximum: 50 }),
    }),
  ),
  device: Compile(Type.Object({ ...described, devEui: Eui64, joinEui: Eui64, variables: TagMap })),
};

/** As the API would take it. Throws MalformedValue that names the first member which it would not. */
export function checkCarried(carried: Carried): void {
  const [record, check] = recordOf(carried);
  if (check.Check(record)) return;
  const [fault] = check.Errors(record);
  throw new MalformedValue(`${fault?.instancePath.slice(1) || "it"} ${fault?.message ?? "does not fit"}`);
}

interface Check {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

function recordOf(carried: Carried): readonly [record: object, check: Check] {
  switch (carried.kind) {
    case "tenant":
      return [carried.tenant, checks.tenant];
    case "user":
      return [carried.user, checks.user];
    case "application":
      return [carried.application, checks.application];
    case "profile":
      return [{ ...deviceProfileDefaults, ...carried.profile, ...times }, checks.profile];
    case "gateway":
      return [carried.gateway, checks.gateway];
    case "device":
      return [carried.device.device, checks.device];
  }
}

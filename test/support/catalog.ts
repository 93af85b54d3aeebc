import type {
  Application,
  Device,
  DeviceProfile,
  NewDeviceProfile,
  Repositories,
  Tenant,
} from "../../app-server/catalog-ports.ts";
import type { TenantId } from "../../lorawan/ids.ts";
import { parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";

export const profileFor = (tenantId: TenantId, name: string): NewDeviceProfile => ({
  tenantId,
  name,
  description: "",
  region: "EU868",
  regionConfigId: null,
  macVersion: "1.0.4",
  regionalParameters: "RP002-1.0.4",
  supportsOtaa: true,
  supportsClassB: false,
  supportsClassC: false,
  classBTimeoutSeconds: 8,
  classCTimeoutSeconds: 8,
  classBPingSlotPeriodicity: null,
  classBPingSlotDataRate: null,
  classBPingSlotFrequencyHz: null,
  adrAlgorithm: "default",
  adrScript: "",
  adrMinDataRate: null,
  adrMaxDataRate: null,
  mac: {},
  expectedUplinkIntervalSeconds: 3600,
  deviceStatusIntervalSeconds: 86_400,
  flushQueueOnActivate: true,
  confirmedDownlinkRetries: 3,
  abpRx1DelaySeconds: 1,
  abpRx1DrOffset: 0,
  abpRx2DataRate: null,
  abpRx2FrequencyHz: null,
  codec: "none",
  codecScript: "",
  codecCases: [],
  tags: {},
});

export interface TenantWithDevice {
  readonly tenant: Tenant;
  readonly application: Application;
  readonly profile: DeviceProfile;
  readonly device: Device;
}

/** A tenant with one application, one profile and one device. */
export async function addTenantWithDevice(
  repositories: Repositories,
  name: string,
  devEui: string,
): Promise<TenantWithDevice> {
  const { tenants, applications, deviceProfiles, devices } = repositories;
  const tenant = await tenants.create({ name, description: "", tags: {} });
  const tenantId = tenant.id;
  const application = await applications.create({ tenantId, name: `${name} application`, description: "", tags: {} });
  const profile = await deviceProfiles.create(profileFor(tenantId, `${name} profile`));
  const device = await devices.create({
    devEui: parseDevEui(devEui),
    joinEui: parseJoinEui("0000000000000001"),
    applicationId: application.id,
    deviceProfileId: profile.id,
    name: `${name} device`,
    description: "",
    isDisabled: false,
    resetsFCnt: false,
    mac: {},
    variables: {},
    tags: {},
  });
  return { tenant, application, profile, device };
}

import type { ApplicationId, DevEui, DeviceProfileId, GatewayId, TenantId } from "../lorawan/ids.ts";

/** Inactive: silent for more than twice the interval that its profile expects. */
export const deviceStates = ["active", "inactive", "never-seen"] as const;
/** What lists of them can be in the order of. */
export const deviceStateSorts = ["name", "createdAt", "lastHeardAt"] as const;
export type DeviceStateSort = (typeof deviceStateSorts)[number];

/** A device with whether it is heard. */
export interface DeviceState {
  readonly devEui: DevEui;
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly deviceProfileId: DeviceProfileId;
  readonly name: string;
  readonly isDisabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** RFC 3339, like the other time. */
  readonly createdAt: string;
  /** Null where it was never heard as its tenant's. */
  readonly lastHeardAt: string | null;
  readonly state: (typeof deviceStates)[number];
}

/** Of gateways, whose state the network server knows: those that are named, or those that are not. */
export interface GatewayFilter {
  readonly anyOf?: readonly GatewayId[];
  readonly noneOf?: readonly GatewayId[];
}

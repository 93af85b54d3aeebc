import { UpchirpError } from "../lorawan/errors.ts";
import type { ApplicationId, DevEui, DeviceProfileId, GatewayId, JoinEui, TenantId, UserId } from "../lorawan/ids.ts";
import type { RegionName } from "../lorawan/region/region.ts";
import type { MacVersion, RegionalParametersRevision } from "../lorawan/version.ts";
import type { ClassBSettings } from "./class-b-settings.ts";
import type { CodecSettings } from "./codec-ports.ts";
import type { IdempotencyKeys } from "./idempotency-ports.ts";
import type { MqttCredentialStore } from "./mqtt-credential-ports.ts";
import type { DeviceState, DeviceStateSort, GatewayFilter } from "./state-ports.ts";

/** What a person or key may do inside one tenant, most powerful first. */
export const tenantRoles = ["admin", "device-manager", "gateway-manager", "viewer"] as const;
export type TenantRole = (typeof tenantRoles)[number];

/** `administrator` belongs to no tenant and may do everything. */
export const apiKeyRoles = ["administrator", ...tenantRoles] as const;
export type ApiKeyRole = (typeof apiKeyRoles)[number];

export const adrAlgorithms = ["default", "script", "none"] as const;

export type Tags = Readonly<Record<string, string>>;

/** Part of a list in a stable order; `next` is given back as `after` to go on, and absent on the last page. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

/** What lists can be in the order of; `name` is the email where there is no name. */
export const sortMembers = ["name", "createdAt", "updatedAt"] as const;
export type SortMember = (typeof sortMembers)[number];

export interface PageRequest<By extends string = SortMember> {
  readonly limit: number;
  /** `next` of the page before. A text that is none, or of another order, is a MalformedValue. */
  readonly after?: string;
  /** By name, upwards, unless given. */
  readonly sort?: { readonly by: By; readonly descending: boolean };
}

/** Sees a record as it is, while nobody else can change it, and throws to leave it so. */
export type Check<Item> = (item: Item) => void;

/** Which tenants a list is about. */
export type TenantScope = "all" | readonly TenantId[];

/** What a list is limited to. */
export interface ListFilter {
  readonly tenants: TenantScope;
  /** Of applications and devices: those of single applications beside those of whole tenants. */
  readonly applications?: readonly ApplicationId[];
  /** Beginning of the name, in any case; of devices and gateways the EUI's too, with or without separators. */
  readonly search?: string;
  /** Every one must be there with this value. */
  readonly tags?: Tags;
}

/** RFC 3339 in UTC with milliseconds. */
interface Timestamps {
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface NewTenant {
  readonly name: string;
  readonly description: string;
  readonly tags: Tags;
}
export interface Tenant extends NewTenant, Timestamps {
  readonly id: TenantId;
}

export interface NewUser {
  readonly email: string;
  readonly password: string;
  readonly isAdministrator: boolean;
  readonly isActive: boolean;
  readonly note: string;
}
export interface User extends Omit<NewUser, "password">, Timestamps {
  readonly id: UserId;
}
/** What somebody may do in one tenant. */
export interface Grant {
  readonly role: TenantRole;
  /** The applications that it reaches, for a device manager or a viewer; null: the whole tenant. */
  readonly applicationIds: readonly ApplicationId[] | null;
}
export interface Membership extends Grant {
  readonly tenantId: TenantId;
  readonly tenantName: string;
}
export interface Member extends Grant {
  readonly userId: UserId;
  readonly email: string;
}

/** Roles whose work lies in applications, so that it can be limited to some. */
export const isLimitable = (role: ApiKeyRole): boolean => role === "device-manager" || role === "viewer";

export interface NewApiKey {
  /** Null exactly for the role `administrator`. */
  readonly tenantId: TenantId | null;
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly expiresAt: string | null;
  /** Whatever the role says, it changes nothing; false by default. */
  readonly isReadOnly?: boolean;
  /** As of a Grant; null by default. */
  readonly applicationIds?: readonly ApplicationId[] | null;
  /** Null, by default: what the configuration says. */
  readonly requestsPerMinute?: number | null;
}
export interface ApiKey extends Required<NewApiKey>, Timestamps {
  readonly id: string;
  readonly lastUsedAt: string | null;
}

export interface NewApplication {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly description: string;
  readonly tags: Tags;
}
export interface Application extends NewApplication, Timestamps {
  readonly id: ApplicationId;
}

/** What devices shall use instead of what the region's configuration says; absent: what it says. */
export interface MacWishes {
  readonly rx1DelaySeconds?: number;
  readonly rx1DrOffset?: number;
  readonly rx2DataRate?: number;
  readonly rx2FrequencyHz?: number;
  readonly maxDutyCycleExponent?: number;
  readonly uplinkDwellTime?: boolean;
  readonly downlinkDwellTime?: boolean;
  readonly maxEirpDbm?: number;
  readonly pingSlotFrequencyHz?: number;
  readonly pingSlotDataRate?: number;
  readonly beaconFrequencyHz?: number;
}

export interface NewDeviceProfile extends ClassBSettings, CodecSettings {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly description: string;
  readonly region: RegionName;
  readonly regionConfigId: string | null;
  readonly macVersion: MacVersion;
  readonly regionalParameters: RegionalParametersRevision;
  readonly supportsOtaa: boolean;
  readonly supportsClassC: boolean;
  readonly classCTimeoutSeconds: number;
  readonly adrAlgorithm: (typeof adrAlgorithms)[number];
  /** Source of the algorithm `script`. */
  readonly adrScript: string;
  /** Data rates that ADR keeps to, 0 to 15; null: what the region has. The lower is not above the upper. */
  readonly adrMinDataRate: number | null;
  readonly adrMaxDataRate: number | null;
  readonly mac: MacWishes;
  readonly expectedUplinkIntervalSeconds: number;
  readonly deviceStatusIntervalSeconds: number;
  readonly flushQueueOnActivate: boolean;
  readonly confirmedDownlinkRetries: number;
  readonly abpRx1DelaySeconds: number;
  readonly abpRx1DrOffset: number;
  readonly abpRx2DataRate: number | null;
  readonly abpRx2FrequencyHz: number | null;
  readonly tags: Tags;
  /** Where it was imported from; no two of a tenant have the same. Null by default, as the next two. */
  readonly sourceId?: string | null;
  /** As labels of its devices have them (TR005), 0 to 65535. */
  readonly vendorId?: number | null;
  readonly vendorProfileId?: number | null;
}
export interface DeviceProfile extends Required<NewDeviceProfile>, Timestamps {
  readonly id: DeviceProfileId;
}

export interface NewDevice {
  readonly devEui: DevEui;
  readonly joinEui: JoinEui;
  readonly applicationId: ApplicationId;
  readonly deviceProfileId: DeviceProfileId;
  readonly name: string;
  readonly description: string;
  readonly isDisabled: boolean;
  /** The device may start again at counter 0 (C19). */
  readonly resetsFCnt: boolean;
  /** Goes before the profile's, member by member. */
  readonly mac: MacWishes;
  readonly variables: Tags;
  readonly tags: Tags;
}
export interface Device extends NewDevice, Timestamps {
  readonly tenantId: TenantId;
  readonly macVersion: MacVersion;
}
export interface DeviceFilter extends ListFilter {
  readonly applicationId?: ApplicationId;
  readonly deviceProfileId?: DeviceProfileId;
  readonly isDisabled?: boolean;
}

export type GatewaySourceRule =
  | { readonly kind: "any" }
  | { readonly kind: "networks"; readonly cidrs: readonly string[] }
  | { readonly kind: "pin" };

export interface NewGateway {
  readonly gatewayId: GatewayId;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly description: string;
  readonly isDisabled: boolean;
  readonly location: { readonly latitude: number; readonly longitude: number; readonly altitude: number } | null;
  /** The configuration of a region that it is set up for; null: any. */
  readonly regionConfigId: string | null;
  readonly antennaGainDb: number;
  readonly sourceRule: GatewaySourceRule;
  /** Datagrams a second. */
  readonly rateLimit: number;
  readonly tags: Tags;
}
export interface Gateway extends NewGateway, Timestamps {}

export interface Tenants {
  list(filter: ListFilter, page: PageRequest): Promise<Page<Tenant>>;
  get(id: TenantId): Promise<Tenant | undefined>;
  create(tenant: NewTenant): Promise<Tenant>;
  update(id: TenantId, change: Partial<NewTenant>, check?: Check<Tenant>): Promise<Tenant | undefined>;
  /** Throws CatalogConflict `still_in_use` while it has devices or gateways. */
  remove(id: TenantId, check?: Check<Tenant>): Promise<boolean>;
}

export interface Users {
  list(filter: Pick<ListFilter, "search">, page: PageRequest): Promise<Page<User>>;
  get(id: UserId): Promise<User | undefined>;
  /** Throws CatalogConflict `already_exists` for an email that is taken. */
  create(user: NewUser): Promise<User>;
  /** A new password or deactivation ends the user's logins. Throws CatalogConflict `already_exists`, `last_administrator`. */
  update(id: UserId, change: Partial<NewUser>, check?: Check<User>): Promise<User | undefined>;
  /** Throws CatalogConflict `last_administrator`. */
  remove(id: UserId, check?: Check<User>): Promise<boolean>;
  /** The active user with this email and password. Takes the same time whether the email is known or not. */
  verify(email: string, password: string): Promise<User | undefined>;
  memberships(id: UserId): Promise<readonly Membership[]>;
  members(tenantId: TenantId): Promise<readonly Member[]>;
  /** False when there is no such user or tenant. */
  setMember(tenantId: TenantId, userId: UserId, grant: Grant): Promise<boolean>;
  removeMember(tenantId: TenantId, userId: UserId): Promise<boolean>;
}

/** Where a login was made from. */
export interface LoginOrigin {
  readonly address: string;
  readonly userAgent: string;
}

export interface LoginSession extends LoginOrigin {
  readonly id: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
  /** It is the one that asks. */
  readonly isCurrent: boolean;
}

export interface LoginSessions {
  /** The token is only here; its hash is what is kept. */
  create(
    userId: UserId,
    lifetimeMs: number,
    origin: LoginOrigin,
  ): Promise<{ readonly token: string; readonly expiresAt: string }>;
  /** The active user of a token that has not expired. */
  find(token: string): Promise<User | undefined>;
  /** The last used first. */
  list(userId: UserId, currentToken?: string): Promise<readonly LoginSession[]>;
  end(userId: UserId, id: string): Promise<boolean>;
  /** How many were ended. */
  endAll(userId: UserId): Promise<number>;
  remove(token: string): Promise<boolean>;
  removeExpired(): Promise<number>;
}

export interface ApiKeys {
  list(filter: Omit<ListFilter, "tags">, page: PageRequest): Promise<Page<ApiKey>>;
  get(id: string): Promise<ApiKey | undefined>;
  /** The token is only here; its hash is what is kept. */
  create(key: NewApiKey, tokenOf?: (id: string) => string): Promise<{ apiKey: ApiKey; token: string }>;
  /** What it may do stays as it was made. */
  update(
    id: string,
    change: Partial<Pick<NewApiKey, "name" | "expiresAt" | "requestsPerMinute">>,
    check?: Check<ApiKey>,
  ): Promise<ApiKey | undefined>;
  remove(id: string, check?: Check<ApiKey>): Promise<boolean>;
  /** The key of a token that has not expired; notes the use. */
  find(token: string): Promise<ApiKey | undefined>;
}

export interface Applications {
  list(filter: ListFilter, page: PageRequest): Promise<Page<Application>>;
  get(id: ApplicationId): Promise<Application | undefined>;
  /** Whether every one of them is the tenant's. */
  belongTo(tenantId: TenantId, ids: readonly ApplicationId[]): Promise<boolean>;
  create(application: NewApplication): Promise<Application>;
  update(
    id: ApplicationId,
    change: Partial<Omit<NewApplication, "tenantId">>,
    check?: Check<Application>,
  ): Promise<Application | undefined>;
  /** Throws CatalogConflict `still_in_use` while it has devices. */
  remove(id: ApplicationId, check?: Check<Application>): Promise<boolean>;
}

export interface DeviceProfiles {
  list(filter: ListFilter, page: PageRequest): Promise<Page<DeviceProfile>>;
  get(id: DeviceProfileId): Promise<DeviceProfile | undefined>;
  /** Those that a label means, ten at most. */
  labelled(tenantId: TenantId, vendorId: number, vendorProfileId: number): Promise<readonly DeviceProfile[]>;
  create(profile: NewDeviceProfile): Promise<DeviceProfile>;
  update(
    id: DeviceProfileId,
    change: Partial<Omit<NewDeviceProfile, "tenantId">>,
    check?: Check<DeviceProfile>,
  ): Promise<DeviceProfile | undefined>;
  /** Throws CatalogConflict `still_in_use` while devices use it. */
  remove(id: DeviceProfileId, check?: Check<DeviceProfile>): Promise<boolean>;
}

export interface Devices {
  list(filter: DeviceFilter, page: PageRequest): Promise<Page<Device>>;
  listStates(
    filter: DeviceFilter & { readonly state?: DeviceState["state"] },
    page: PageRequest<DeviceStateSort>,
  ): Promise<Page<DeviceState>>;
  get(devEui: DevEui): Promise<Device | undefined>;
  /**
   * Throws CatalogConflict `already_exists`, or `different_tenant` unless application and profile exist in one tenant.
   */
  create(device: NewDevice): Promise<Device>;
  /** A device stays in its tenant: throws CatalogConflict `different_tenant` for an application or profile of another. */
  update(
    devEui: DevEui,
    change: Partial<Omit<NewDevice, "devEui">>,
    check?: Check<Device>,
  ): Promise<Device | undefined>;
  remove(devEui: DevEui, check?: Check<Device>): Promise<boolean>;
}

export interface Gateways {
  list(filter: ListFilter & GatewayFilter, page: PageRequest): Promise<Page<Gateway>>;
  get(gatewayId: GatewayId): Promise<Gateway | undefined>;
  /** Throws CatalogConflict `already_exists`. */
  create(gateway: NewGateway): Promise<Gateway>;
  update(
    gatewayId: GatewayId,
    change: Partial<Omit<NewGateway, "gatewayId" | "tenantId">>,
    check?: Check<Gateway>,
  ): Promise<Gateway | undefined>;
  remove(gatewayId: GatewayId, check?: Check<Gateway>): Promise<boolean>;
}

/** The catalog as the API reads and changes it. Every method rejects with SqlError when the database cannot answer. */
export interface Repositories {
  readonly tenants: Tenants;
  readonly users: Users;
  readonly loginSessions: LoginSessions;
  readonly apiKeys: ApiKeys;
  readonly applications: Applications;
  readonly mqttCredentials: MqttCredentialStore;
  readonly deviceProfiles: DeviceProfiles;
  readonly devices: Devices;
  readonly gateways: Gateways;
  readonly idempotencyKeys: IdempotencyKeys;
}

export type CatalogConflictCode =
  | "already_exists"
  | "still_in_use"
  | "unknown_reference"
  | "different_tenant"
  | "last_administrator";

/** A change that the catalog's own rules refuse; the message is a sentence for the one who asked. */
export class CatalogConflict extends UpchirpError {
  readonly code: CatalogConflictCode;

  constructor(code: CatalogConflictCode, message: string) {
    super(message);
    this.code = code;
  }
}

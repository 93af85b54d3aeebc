import type {
  Grant,
  NewApplication,
  NewDevice,
  NewDeviceProfile,
  NewGateway,
  NewTenant,
} from "../app-server/catalog-ports.ts";
import type { ApplicationId, DevAddr, DeviceProfileId, JoinEui, TenantId, UserId } from "../lorawan/ids.ts";
import type { AesKey } from "../lorawan/keys.ts";
import type { MacParameters } from "../lorawan/mac/state.ts";
import type { Channel } from "../lorawan/region/region.ts";
import type { MacVersion } from "../lorawan/version.ts";
import type { AdrSample } from "../network-server/session-record.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";

/** What another server has, as it will be here. Ids are those of the other server where it has UUIDs. */
export type Carried =
  | { readonly kind: "tenant"; readonly tenant: CarriedTenant }
  | { readonly kind: "user"; readonly user: CarriedUser }
  | { readonly kind: "application"; readonly application: CarriedApplication }
  | { readonly kind: "profile"; readonly profile: CarriedProfile }
  | { readonly kind: "gateway"; readonly gateway: NewGateway }
  | { readonly kind: "device"; readonly device: CarriedDevice };

export type CarriedTenant = NewTenant & { readonly id: TenantId };
export type CarriedApplication = NewApplication & { readonly id: ApplicationId };
export type CarriedProfile = NewDeviceProfile & { readonly id: DeviceProfileId };

export interface CarriedUser {
  readonly id: UserId;
  readonly email: string;
  readonly isAdministrator: boolean;
  readonly isActive: boolean;
  readonly note: string;
  /** One that `checkPassword` takes; absent: no login with a password. */
  readonly passwordHash?: string;
  readonly grants: readonly (Grant & { readonly tenantId: TenantId })[];
}

export interface CarriedDevice {
  readonly device: NewDevice;
  readonly profile: CarriedProfile;
  /** Hex. 1.0.x devices have one root key, which is `nwkKey` here. */
  readonly rootKeys?: { readonly nwkKey: string; readonly appKey?: string };
  readonly nonces: readonly CarriedNonces[];
  /** Absent where there is none; a sentence where there is one that cannot be carried. */
  readonly session?: CarriedSession | string;
  /** Of a rejoin: it begins with its first uplink. */
  readonly rejoined?: CarriedSession | string;
  /** In their order. */
  readonly queue: readonly QueueItem[];
}

export interface CarriedNonces {
  readonly joinEui: JoinEui;
  /** The last one given out. */
  readonly joinNonce: number;
  readonly devNonces: readonly number[];
  /** Highest one under the rule of rising DevNonces. */
  readonly lastDevNonce?: number;
  readonly lastRjCount1?: number;
}

/** An AppSKey in the clear, or as somebody else's envelope. */
export type CarriedKey = { readonly key: AesKey } | { readonly kekLabel: string; readonly aesKey: string };

/** Counters are the next ones; network keys are hex. */
export interface CarriedSession {
  readonly devAddr: DevAddr;
  readonly macVersion: MacVersion;
  readonly joinEui?: JoinEui;
  /** The other server's name for the configuration of its region. */
  readonly regionConfigId?: string;
  readonly fNwkSIntKey: string;
  readonly sNwkSIntKey: string;
  readonly nwkSEncKey: string;
  /** Absent: the Join Server keeps it to itself. */
  readonly appSKey?: CarriedKey;
  /** The Join Server's name for the keys; hex. */
  readonly sessionKeyId?: string;
  readonly fCntUp: number;
  readonly nFCntDown: number;
  readonly aFCntDown: number;
  readonly confFCntDown: number;
  readonly rjCount0?: number;
  readonly parameters: CarriedParameters;
  readonly adrHistory: readonly AdrSample[];
  /** Requests sent and not answered, as CID and payload bytes, hex. */
  readonly pendingRequests: readonly string[];
  readonly pingSlotPeriodicity?: number;
  readonly deviceClass?: "A" | "C";
  readonly deviceStatusRequestedAtMs?: number;
  readonly lastUplinkAtMs?: number;
  readonly heardBy: readonly { readonly gatewayId: string; readonly snrDb: number; readonly rssiDbm: number }[];
  /** A confirmed downlink that the device has not acknowledged, at the head of the queue. */
  readonly awaitedAck?: { readonly queueItemId: string; readonly fCntDown: number };
}

/** What is absent is the region's own. */
export interface CarriedParameters extends Partial<Omit<MacParameters, "channels" | "enabledChannels">> {
  /** By number, beside the region's default ones; a fixed plan has none. */
  readonly extraChannels: ReadonlyMap<number, Channel>;
  /** All when absent or empty. */
  readonly enabledChannels?: readonly number[];
}

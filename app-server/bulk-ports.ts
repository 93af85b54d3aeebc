import type { ApplicationId, DevEui, DeviceProfileId, GatewayId, TenantId } from "../lorawan/ids.ts";
import type { MacVersion } from "../lorawan/version.ts";
import type { SqlTransaction } from "../platform/sql.ts";
import type {
  Application,
  DeviceProfile,
  NewApplication,
  NewDevice,
  NewDeviceProfile,
  NewGateway,
} from "./catalog-ports.ts";
import type { RootKeyTexts } from "./ports.ts";
import type { LimitedKind } from "./tenant-limit-ports.ts";

/** What is done with a record that is there already. */
export const onExistingChoices = ["skip", "update", "fail"] as const;
export type OnExisting = (typeof onExistingChoices)[number];

/** What holds for every record of a batch. */
export interface BulkRule {
  readonly tenantId: TenantId;
  /** Devices of other applications are out of reach. */
  readonly applicationId?: ApplicationId;
  readonly onExisting: OnExisting;
  /** Nothing is written; the verdicts are those that writing would have. */
  readonly isDryRun: boolean;
  /** Of a dry run: what batches before this one would have made, and takes its part of a limit. */
  readonly createdBefore?: number;
}

/** One record of a batch; which one it is, is in the key. */
export interface BulkRecord<Key, New> {
  readonly key: Key;
  /** What an existing record becomes; a member that is absent stays as it is. */
  readonly change: Partial<New>;
  /** The whole record, if there is none yet; undefined when too little of it is known to make one. */
  readonly whenNew: New | undefined;
}

export interface BulkDevice extends BulkRecord<DevEui, NewDevice> {
  /** Stored in the same transaction; other keys than those that are there make it an update. */
  readonly rootKeys?: RootKeyTexts;
}

/** Applications and profiles are known by their id or, within the tenant, by their name. */
export type NamedKey<Id> = { readonly id: Id } | { readonly name: string };
/** Profiles also by where they were imported from. */
export type ProfileKey = NamedKey<DeviceProfileId> | { readonly sourceId: string };

export type BulkVerdict =
  | { readonly kind: "created" | "updated" | "unchanged" | "skipped" }
  /** It is there already, and `fail` was asked for. */
  | { readonly kind: "exists" }
  /** Its key belongs to something in another tenant, or in another application than the rule's. */
  | { readonly kind: "elsewhere" }
  /** There is none, and `whenNew` is missing. */
  | { readonly kind: "incomplete" }
  /** Several have the name. */
  | { readonly kind: "ambiguous" }
  /** The tenant has as many as it may have. */
  | { readonly kind: "over-limit"; readonly of: LimitedKind; readonly limit: number };

/** What devices refer to, as it is known by name or id. */
export interface References {
  readonly applications: readonly Pick<Application, "id" | "name">[];
  readonly deviceProfiles: readonly Pick<DeviceProfile, "id" | "name" | "macVersion" | "sourceId">[];
}

/**
 * Many records in one transaction. Verdicts are in the order of the records. A key that comes twice in one call is there
 * already when it comes the second time. Rejects with SqlError; nothing of the transaction is kept then.
 */
export interface BulkBatch {
  readonly sql: SqlTransaction;
  applications(
    records: readonly BulkRecord<NamedKey<ApplicationId>, NewApplication>[],
    rule: BulkRule,
  ): Promise<readonly BulkVerdict[]>;
  deviceProfiles(
    records: readonly BulkRecord<ProfileKey, NewDeviceProfile>[],
    rule: BulkRule,
  ): Promise<readonly BulkVerdict[]>;
  gateways(records: readonly BulkRecord<GatewayId, NewGateway>[], rule: BulkRule): Promise<readonly BulkVerdict[]>;
  /** Application and profile of every device must be the rule's tenant's: what `references` gave is. */
  devices(records: readonly BulkDevice[], rule: BulkRule): Promise<readonly BulkVerdict[]>;
  /** Of the devices that are there. */
  macVersions(devEuis: readonly DevEui[]): Promise<ReadonlyMap<DevEui, MacVersion>>;
  /** Of the tenant, with one of these names, ids or, of profiles, sources; they stay until the transaction ends. */
  references(
    tenantId: TenantId,
    wanted: { readonly applications: readonly string[]; readonly deviceProfiles: readonly string[] },
  ): Promise<References>;
}

export interface BulkCatalog {
  /** Commits when `work` resolves, rolls back when it rejects. */
  batch<Result>(work: (batch: BulkBatch) => Promise<Result>): Promise<Result>;
}

import type { TSchema } from "typebox";
import type { DeviceProfileId, GatewayId, TenantId } from "../lorawan/ids.ts";
import type { RegionName } from "../lorawan/region/region.ts";
import type { Check } from "./catalog-ports.ts";

/** Made here, written in the configuration file, or what a region has for which neither is there. */
export const regionConfigSources = ["catalog", "file", "built-in"] as const;

/** What differs from what the region has by itself; what it may say is for the network server to know. */
export type RegionSettings = Readonly<Record<string, unknown>>;

export interface NewRegionConfig {
  /** Name that device profiles, gateways and events use. */
  readonly id: string;
  readonly region: RegionName;
  readonly description: string;
  /** For devices of the region for which nobody names one; no two of a region are. */
  readonly isDefault: boolean;
  readonly settings: RegionSettings;
}
export interface StoredRegionConfig extends NewRegionConfig {
  readonly source: "catalog";
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** One that is changed elsewhere than here. */
export interface FixedRegionConfig extends Pick<NewRegionConfig, "id" | "region" | "settings"> {
  readonly source: "file" | "built-in";
}

/** Who names one. */
export interface RegionConfigUses {
  readonly gatewayCount: number;
  readonly deviceProfileCount: number;
  /** The first of them, by name. */
  readonly gateways: readonly { readonly gatewayId: GatewayId; readonly tenantId: TenantId; readonly name: string }[];
  readonly deviceProfiles: readonly {
    readonly id: DeviceProfileId;
    readonly tenantId: TenantId;
    readonly name: string;
  }[];
}

export interface RegionConfigStore {
  /** In the order in which they were made. */
  list(): Promise<readonly StoredRegionConfig[]>;
  get(id: string): Promise<StoredRegionConfig | undefined>;
  /** A new default takes the place of another. Throws CatalogConflict `already_exists`. */
  create(config: NewRegionConfig): Promise<StoredRegionConfig>;
  update(
    id: string,
    change: Partial<Pick<NewRegionConfig, "description" | "isDefault" | "settings">>,
    check?: Check<StoredRegionConfig>,
  ): Promise<StoredRegionConfig | undefined>;
  /** Throws CatalogConflict `still_in_use` while profiles or gateways name it, or it is its region's default. */
  remove(id: string, check?: Check<StoredRegionConfig>): Promise<boolean>;
  uses(id: string): Promise<RegionConfigUses>;
}

/** What network servers make of configurations of regions. */
export interface RegionConfigRules {
  /** The schema of `settings`. */
  readonly settings: TSchema;
  readonly fixed: readonly FixedRegionConfig[];
  /** What no device of the region could follow, with the member at fault, like `extraChannels[1].frequencyHz`. */
  faults(
    config: Pick<NewRegionConfig, "id" | "region" | "settings">,
  ): readonly { readonly member: string; readonly text: string }[];
}

import type { JoinAns, JoinReq, RejoinAns, RejoinReq } from "../lorawan/backend/messages.ts";
import type { ApplicationId, DevEui, DeviceProfileId, GatewayId, JoinEui, TenantId } from "../lorawan/ids.ts";
import type { RegionName } from "../lorawan/region/region.ts";
import type { MacVersion, RegionalParametersRevision } from "../lorawan/version.ts";
import type { KeyEnvelope } from "../platform/state/network-event.ts";
import type { RegionConfig } from "./config.ts";

/** What the network server must know of a device that people configured. */
export interface DeviceConfig {
  readonly devEui: DevEui;
  readonly joinEui: JoinEui;
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly disabled: boolean;
  /** The device may start again at counter 0 (ABP after a restart); reported when used (C19). */
  readonly resetsFCnt: boolean;
  readonly profile: DeviceProfileConfig;
  /** Goes before the profile's. */
  readonly mac?: MacWishes;
}

/**
 * What a device, or every device of a profile, shall use instead of what the region's configuration says. Whoever writes
 * it keeps to the ranges that the configuration has.
 */
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

export interface DeviceProfileConfig {
  readonly id: DeviceProfileId;
  readonly region: RegionName;
  /**
   * Which configuration of the region applies; absent: that of the gateway which hears the device join or, activated by
   * personalisation, send for the first time, else the first.
   */
  readonly regionConfigId?: string;
  readonly macVersion: MacVersion;
  readonly regionalParameters: RegionalParametersRevision;
  readonly supportsOtaa: boolean;
  readonly supportsClassB: boolean;
  readonly supportsClassC: boolean;
  readonly classBTimeoutSeconds: number;
  /** What its devices use in class B until they or the network say otherwise: a ping slot every 0.96 s times 2^n, ... */
  readonly pingSlotPeriodicity?: number;
  /** ... at this data rate and frequency; the region's own where absent, and for 0 Hz. */
  readonly pingSlotDataRate?: number;
  readonly pingSlotFrequencyHz?: number;
  readonly classCTimeoutSeconds: number;
  /** `none` leaves the device alone, `script` asks `adrScript`. */
  readonly adrAlgorithm: "default" | "script" | "none";
  readonly adrScript?: string;
  /** Data rates that ADR keeps to, where the region's channels carry them. */
  readonly adrMinDataRate?: number;
  readonly adrMaxDataRate?: number;
  readonly mac?: MacWishes;
  readonly expectedUplinkIntervalSeconds: number;
  /** DevStatusReq this often; 0 is never. */
  readonly deviceStatusIntervalSeconds: number;
  readonly flushQueueOnActivate: boolean;
  /** How often a confirmed downlink is repeated before the nack event. */
  readonly confirmedDownlinkRetries: number;
  /** What an ABP device was built with. */
  readonly abp: {
    readonly rx1DelaySeconds: number;
    readonly rx1DrOffset: number;
    readonly rx2DataRate?: number;
    readonly rx2FrequencyHz?: number;
  };
}

export interface GatewayConfig {
  readonly gatewayId: GatewayId;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly disabled: boolean;
  readonly location?: { readonly latitude: number; readonly longitude: number; readonly altitude: number };
  /** The configuration of a region that it is set up for; absent: any. */
  readonly regionConfigId?: string;
  readonly antennaGainDb: number;
  readonly sourceRule: SourceRule;
  /** Datagrams a second over which the gateway is shed. */
  readonly rateLimit: number;
}

export type SourceRule =
  | { readonly kind: "any" }
  /** Like `10.0.0.0/8` or `2001:db8::/32`. */
  | { readonly kind: "networks"; readonly cidrs: readonly string[] }
  /** The first address that is heard, until someone releases it. */
  | { readonly kind: "pin" };

/** Reads the catalog from memory; a miss reads it once and remembers the answer, absence included, until told otherwise. */
export interface Catalog {
  device(devEui: DevEui): Promise<DeviceConfig | undefined>;
  /** At once, and only what is in memory; undefined says nothing. */
  knownDevice(devEui: DevEui): DeviceConfig | undefined;
  gateway(gatewayId: GatewayId): Promise<GatewayConfig | undefined>;
  /** Called when something about it may have changed; the cached copy is gone by then. */
  onDeviceChanged(listener: (devEui: DevEui) => void): void;
  onGatewayChanged(listener: (gatewayId: GatewayId) => void): void;
}

/** The configurations in the order in which they are looked through. */
export type RegionConfigs = () => readonly RegionConfig[];

/** One that was made through the API. */
export interface StoredRegionConfig {
  readonly config: RegionConfig;
  /** Of its region, for devices for which nobody names one. */
  readonly isDefault: boolean;
}

/** A Join Server, called directly or over TS002. */
export interface JoinServerClient {
  join(request: JoinReq): Promise<JoinAns>;
  rejoin(request: RejoinReq): Promise<RejoinAns>;
}

/** What a user's ADR algorithm is asked after an uplink with the ADR bit; names are those of ChirpStack's interface. */
export interface AdrScriptRequest {
  readonly devEui: string;
  readonly regionName: string;
  readonly regionCommonName: RegionName;
  readonly macVersion: MacVersion;
  readonly regParamsRevision: RegionalParametersRevision;
  readonly adr: true;
  readonly adrAckReq: boolean;
  readonly dr: number;
  readonly txPowerIndex: number;
  readonly nbTrans: number;
  readonly minDr: number;
  readonly maxDr: number;
  readonly maxTxPowerIndex: number;
  /** dB; absent where gateways report no SNR (FSK, LR-FHSS). */
  readonly requiredSnrForDr?: number;
  readonly installationMargin: number;
  /** Oldest first, at most 20, since data rate, power or NbTrans changed last. */
  readonly uplinkHistory: readonly {
    readonly fCnt: number;
    readonly maxSnr: number;
    readonly txPowerIndex: number;
    readonly gatewayCount: number;
  }[];
}

export type AdrScriptOutcome =
  | {
      readonly kind: "decided";
      readonly wanted: { readonly dataRate: number; readonly txPowerIndex: number; readonly nbTrans: number };
      /** What the algorithm calls itself, and why it decided so. */
      readonly id?: string;
      readonly reason?: string;
    }
  | { readonly kind: "failed"; readonly message: string };

export interface AdrScripts {
  /**
   * Resolves while there is time to answer the uplink, whatever the script does.
   * @param scope scripts of different scopes share nothing.
   */
  decide(script: string, scope: TenantId, request: AdrScriptRequest): Promise<AdrScriptOutcome>;
}

/** Opens the AppSKey of devices whose Join Server shares a key-encryption key with this installation. */
export interface AppSKeyVault {
  /** 16 bytes, or undefined when the key is not ours to see (C36). */
  open(envelope: KeyEnvelope): Uint8Array | undefined;
}

import type { DevAddr, DevEui, GatewayId, JoinEui } from "../lorawan/ids.ts";
import type { KeyEnvelope } from "../platform/state/network-event.ts";

/** The network server as the API needs it: called directly in one process, over HTTP when the roles run apart. */
export interface NetworkControl {
  /** Starts a session with the given keys (ABP), ending any other. Throws UpchirpError `device_not_found`, `invalid_activation`. */
  activate(devEui: DevEui, activation: Activation): Promise<void>;
  /** Ends the session; true if there was one. */
  deactivate(devEui: DevEui): Promise<boolean>;
  /** Counters, address and radio parameters, never keys; undefined without a session. */
  session(devEui: DevEui): Promise<SessionSummary | undefined>;
  gateways(): Promise<readonly GatewaySummary[]>;
  gateway(gatewayId: GatewayId): Promise<GatewaySummary | undefined>;
  /** Lets the next address in, for gateways with the source rule `pin`. */
  releaseGatewayAddress(gatewayId: GatewayId): Promise<void>;
}

/** 1.0.x devices: the three network keys are the same NwkSKey. Keys are 16 bytes as hex. */
export interface Activation {
  readonly devAddr: DevAddr;
  readonly appSKey: string;
  readonly fNwkSIntKey: string;
  readonly sNwkSIntKey: string;
  readonly nwkSEncKey: string;
  /** Next counters expected and to use. */
  readonly fCntUp: number;
  readonly nFCntDown: number;
  readonly aFCntDown: number;
}

export interface SessionSummary {
  readonly devAddr: DevAddr;
  readonly macVersion: string;
  readonly region: string;
  /** Next expected uplink counter and next downlink counters to use. */
  readonly fCntUp: number;
  readonly nFCntDown: number;
  readonly aFCntDown: number;
  readonly dataRate: number;
  readonly txPowerIndex: number;
  readonly nbTrans: number;
  readonly rx1DelaySeconds: number;
  readonly rx1DrOffset: number;
  readonly rx2DataRate: number;
  readonly rx2FrequencyHz: number;
  readonly enabledChannels: readonly number[];
  /** Most application bytes that a class A downlink can carry now. */
  readonly maxPayload: number;
  readonly lastUplinkAtMs?: number;
}

export interface GatewaySummary {
  readonly gatewayId: GatewayId;
  readonly registered: boolean;
  readonly online: boolean;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly remoteAddress: string;
  readonly pinnedAddress?: string;
  readonly roundTripMs?: number;
  readonly location?: { readonly latitude: number; readonly longitude: number; readonly altitude: number };
  readonly counts: {
    readonly uplinks: number;
    readonly downlinks: number;
    readonly downlinkFailures: number;
    readonly refused: number;
  };
  readonly lastStatistics?: Readonly<Record<string, string | number>>;
}

/** The Join Server's key store as the API needs it. Keys go in and never come out. */
export interface RootKeys {
  /** Replaces earlier keys. 1.0.x devices have one root key, given as `nwkKey` and called AppKey on their label. */
  put(devEui: DevEui, keys: { readonly nwkKey: string; readonly appKey?: string }): Promise<void>;
  remove(devEui: DevEui): Promise<boolean>;
  has(devEui: DevEui): Promise<boolean>;
  /** Forgets used DevNonces of this device, so that it may start again at 0; never resets the JoinNonce. */
  forgetDevNonces(devEui: DevEui, joinEui: JoinEui): Promise<void>;
}

/** Opens AppSKeys that were wrapped for this installation. */
export interface AppSKeyVault {
  /** 16 bytes, or undefined when wrapped under a KEK that is not ours. */
  open(envelope: KeyEnvelope): Uint8Array | undefined;
  /** Wraps a key that an operator typed in (ABP). */
  seal(key: Uint8Array): KeyEnvelope;
}

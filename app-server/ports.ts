import type { Explanation } from "../lorawan/explain/explanation.ts";
import type { ApplicationId, DevAddr, DevEui, DeviceProfileId, GatewayId, JoinEui, TenantId } from "../lorawan/ids.ts";
import type { SqlTransaction } from "../platform/sql.ts";
import type { AppSKeyKnowledge, DeviceClass, KeyEnvelope } from "../platform/state/network-event.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";
import type {
  CodecCase,
  CodecFailure,
  CodecRun,
  CodecTestReport,
  CodecTrace,
  FailedCodecCase,
  Normalized,
} from "./codec-ports.ts";

/** The network server as the API needs it: called directly in one process, over HTTP when the roles run apart. */
export interface NetworkControl {
  /** Starts a session with the given keys (ABP), ending any other. Throws UpchirpError `device_not_found`, `invalid_activation`. */
  activate(devEui: DevEui, activation: Activation): Promise<void>;
  /** As `activate`, but a session with this address and these keys goes on, with the counters that it has by now. */
  ensureActive(devEui: DevEui, activation: Activation): Promise<void>;
  /** Ends the session; true if there was one. */
  deactivate(devEui: DevEui): Promise<boolean>;
  /** With the next downlinks until the device obeys, a few times at most. Throws UpchirpError `rejoin_impossible`. */
  forceRejoin(devEui: DevEui, order: RejoinOrder): Promise<void>;
  /** Counters, address and radio parameters, never keys; undefined without a session. */
  session(devEui: DevEui): Promise<SessionSummary | undefined>;
  /** For whoever encrypts downlinks: the session that the next ones will be for. */
  downlinkSession(devEui: DevEui): Promise<DownlinkSession | undefined>;
  /**
   * Most application bytes that a downlink to the device can ever have, whatever data rate it comes to; undefined for one that
   * nobody has.
   */
  mostPayload(devEui: DevEui): Promise<number | undefined>;
  /** An address of this network for a session to be; no other has it, as far as there is such a one. */
  freeDevAddr(): Promise<DevAddr>;
  /**
   * A frame field by field, opened with the keys of the device's session, none of which is in what it gives; undefined when
   * the frame is not of that session.
   */
  explainFrame(question: {
    readonly devEui: DevEui;
    readonly phyPayload: Uint8Array;
    /** All 32 bits, where they are known. */
    readonly fCnt?: number;
  }): Promise<Explanation | undefined>;
  gateways(): Promise<readonly GatewaySummary[]>;
  gateway(gatewayId: GatewayId): Promise<GatewaySummary | undefined>;
  /** Lets the next address in, for gateways with the source rule `pin`. */
  releaseGatewayAddress(gatewayId: GatewayId): Promise<void>;
}

/** ForceRejoinReq (TS001-1.1 5.13). */
export interface RejoinOrder {
  /** 0 gives a new session and new radio parameters, 2 new keys and a new address. */
  readonly rejoinType: 0 | 2;
  /** The device repeats its request after 32 x 2^period s and a random time more. 0 to 7; 0 when absent. */
  readonly period?: number;
  /** How often it repeats it. 0 to 7; 3 when absent. */
  readonly maxRetries?: number;
  /** 0 to 15; the one in use when absent. */
  readonly dataRate?: number;
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
  /** How it listens now. */
  readonly deviceClass: DeviceClass;
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
  /** Of those channels. */
  readonly uplinkFrequenciesHz: readonly number[];
  /** What the device has said with PingSlotInfoReq: a ping slot every 0.96 s times 2^n. */
  readonly pingSlotPeriodicity?: number;
  /** Most application bytes that the next downlink can carry. */
  readonly maxPayload: number;
  readonly lastUplinkAtMs?: number;
}

export interface DownlinkSession extends AppSKeyKnowledge {
  readonly devAddr: DevAddr;
  /** The next counter of a frame with application payload. */
  readonly fCntDown: number;
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
  readonly gps?: { readonly hasTime: boolean };
  readonly location?: { readonly latitude: number; readonly longitude: number; readonly altitude: number };
  readonly counts: {
    readonly uplinks: number;
    readonly downlinks: number;
    readonly downlinkFailures: number;
    readonly refused: number;
  };
  readonly lastStatistics?: Readonly<Record<string, string | number>>;
}

/** Hex of 16 bytes each. */
export interface RootKeyTexts {
  readonly nwkKey: string;
  readonly appKey?: string;
}

/** The Join Server's key store as the API needs it. Keys go in and never come out. */
export interface RootKeys {
  /** Replaces earlier keys. 1.0.x devices have one root key, given as `nwkKey` and called AppKey on their label. */
  put(devEui: DevEui, keys: RootKeyTexts): Promise<void>;
  /**
   * As `put`, for many devices within a transaction of the caller's. Gives the devices that had other keys, or none; with
   * `isDryRun` nothing is written.
   */
  putAll(keys: ReadonlyMap<DevEui, RootKeyTexts>, sql: SqlTransaction, isDryRun: boolean): Promise<ReadonlySet<DevEui>>;
  remove(devEui: DevEui): Promise<boolean>;
  has(devEui: DevEui): Promise<boolean>;
  /** Forgets used DevNonces of this device, so that it may start again at 0; never resets the JoinNonce. */
  forgetDevNonces(devEui: DevEui, joinEui: JoinEui): Promise<void>;
}

/** Opens AppSKeys that were wrapped for this installation. */
export interface AppSKeyVault {
  /** 16 bytes, or undefined when wrapped under a KEK that is not ours. */
  open(envelope: KeyEnvelope): Uint8Array | undefined;
  /** True for a key that the application server can open and the network server cannot. */
  isForApplicationOnly(envelope: KeyEnvelope): boolean;
  /** Wraps a key that an operator typed in (ABP). */
  seal(key: Uint8Array): KeyEnvelope;
}

/** The catalog as event handling needs it: from memory, kept fresh by the database's notifications. */
export interface DeviceDirectory {
  device(devEui: DevEui): Promise<DirectoryDevice | undefined>;
  /**
   * The device as one of another application of its tenant, for what it said while it was that; undefined when the
   * application is gone, or another tenant's.
   */
  deviceIn(applicationId: ApplicationId, devEui: DevEui): Promise<DirectoryDevice | undefined>;
}

export interface DirectoryDevice {
  readonly info: DeviceInfo;
  readonly codec: DeviceCodec;
  readonly variables: Readonly<Record<string, string>>;
}

/** `deviceInfo` of every event, as the application contract spells it. */
export interface DeviceInfo {
  readonly tenantId: TenantId;
  readonly tenantName: string;
  readonly applicationId: ApplicationId;
  readonly applicationName: string;
  readonly deviceProfileId: DeviceProfileId;
  readonly deviceProfileName: string;
  readonly deviceName: string;
  readonly devEui: DevEui;
  readonly deviceClassEnabled: "CLASS_A" | "CLASS_B" | "CLASS_C";
  readonly tags: Readonly<Record<string, string>>;
}

export type DeviceCodec =
  | { readonly kind: "none" }
  | { readonly kind: "cayenne-lpp" }
  | { readonly kind: "javascript" | "typescript"; readonly script: string };

/** Runs device codecs away from the event loop. Promises never reject: what goes wrong is an outcome with its reason. */
export interface CodecSandbox {
  decode(codec: DeviceCodec, input: DecodeInput): Promise<DecodeOutcome>;
  /** What a queued downlink means, for codecs that can tell. */
  decodeDownlink(codec: DeviceCodec, input: DecodeInput): Promise<DecodeOutcome>;
  encode(codec: DeviceCodec, input: EncodeInput): Promise<EncodeOutcome>;
  close(): Promise<void>;
}

/** The codecs as device twins need them; as the sandbox, it never rejects. */
export interface TwinCodec {
  /** The downlink that brings a device nearer to its desired state. */
  encodeDesired(codec: DeviceCodec, input: DesiredInput): Promise<EncodeOutcome>;
}

/** Tries codecs that no device uses yet. Promises never reject. `scope` is a tenant, whose share of the time it takes. */
export interface CodecBench {
  /** Why a script does not load, if it does not. */
  check(codec: DeviceCodec, scope: string): Promise<CodecFailure | undefined>;
  test(codec: DeviceCodec, run: CodecRun, scope: string): Promise<CodecTestReport>;
  /** Those that did not come out as they have to. */
  runCases(codec: DeviceCodec, cases: readonly CodecCase[], scope: string): Promise<readonly FailedCodecCase[]>;
}

/** Whose call it is, and how it is run. */
interface CodecCall {
  readonly variables: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  /** A tenant: whose share of the time it takes, and who else never meets the script. */
  readonly scope?: string;
  /** The outcome has a trace. */
  readonly isTraced?: boolean;
}

export interface DecodeInput extends CodecCall {
  readonly bytes: Uint8Array;
  readonly fPort: number;
  readonly recvTimeMs: number;
}

export interface EncodeInput extends CodecCall {
  readonly fPort: number;
  readonly object: Readonly<Record<string, unknown>>;
}

/** A device's twin, for its codec. */
export interface DesiredInput extends CodecCall {
  /** Unless the codec chooses one. */
  readonly fPort: number;
  readonly desired: Readonly<Record<string, unknown>>;
  readonly reported: Readonly<Record<string, unknown>>;
  /** What of `desired` is not reported. */
  readonly delta: Readonly<Record<string, unknown>>;
}

export type DecodeOutcome =
  | {
      readonly kind: "decoded";
      readonly object: Readonly<Record<string, unknown>>;
      readonly warnings: readonly string[];
      /** What the script's `normalizeUplink` made of it, if it has one, or the data themselves if they are normalized. */
      readonly normalized?: Normalized;
      readonly trace?: CodecTrace;
    }
  | CodecFailure;

export type EncodeOutcome =
  | {
      readonly kind: "encoded";
      /** If the codec chose one. */
      readonly fPort?: number;
      readonly bytes: Uint8Array;
      readonly warnings: readonly string[];
      readonly trace?: CodecTrace;
    }
  | CodecFailure;

/** Whom an MQTT client's credentials belong to. */
export interface MqttLogin {
  readonly applicationId: ApplicationId;
  /** It sends no commands. */
  readonly isReadOnly: boolean;
}

/** Tells who an MQTT client is. */
export interface MqttCredentials {
  /** Undefined when they are wrong. */
  verify(username: string, password: string): Promise<MqttLogin | undefined>;
  exists(username: string): Promise<boolean>;
  /**
   * Told of each login that is changed or deleted; without a name after news may have been lost. Gives a function that
   * ends it.
   */
  onChange(listener: (username?: string) => void): () => void;
}

/** Of what a device did or had done to it. */
export type DeviceEventKind = "up" | "join" | "ack" | "txack" | "log" | "status" | "location";
export type ApplicationEventKind = DeviceEventKind | "alert";

/** An event as applications get it: decoded, with `deviceInfo`, serialised once for every sink. */
export interface ApplicationEvent {
  readonly kind: ApplicationEventKind;
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly devEui: DevEui;
  /** The contract's JSON. */
  readonly json: string;
  /** What `json` was written from, where that was in this process; see `bodyOf`. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** What an event's JSON says, unchecked: parsed only where it was not written here. Never to be changed. */
export const bodyOf = ({ json, body }: Pick<ApplicationEvent, "json" | "body">): unknown => body ?? JSON.parse(json);

/** Where events go. Resolves when the sink has taken responsibility for the event. */
export interface EventSink {
  readonly name: string;
  /** True while it wants nothing at all: events pass it by without being made for it. */
  readonly isIdle?: boolean;
  deliver(event: ApplicationEvent): Promise<void>;
}

/** Tells of each item from now on, until the function that it gives is called. */
export interface Feed<Item> {
  subscribe(listener: (item: Item) => void): () => void;
}

/** Live events for the API's streams: a listener that is slow loses events, nothing waits for it. */
export type EventFeed = Feed<ApplicationEvent>;

/** A downlink as applications ask for it, over MQTT or the API. */
export interface DownlinkRequest {
  readonly id?: string;
  readonly fPort: number;
  readonly confirmed: boolean;
  /** Base64. Exactly one of `data` and `object` is given. */
  readonly data?: string;
  /** `data` was encrypted under the AppSKey for this counter. */
  readonly encrypted?: { readonly fCntDown: number };
  /** For the device's codec. */
  readonly object?: Readonly<Record<string, unknown>>;
  readonly expiresAtMs?: number;
}

/** `not_encrypted`: nobody here has the AppSKey. `f_cnt_down`: encrypted for a counter that will not be used. */
export type EnqueueOutcome =
  | { readonly kind: "enqueued"; readonly id: string }
  | {
      readonly kind: "refused";
      readonly reason:
        | "unknown_device"
        | "invalid"
        | "codec"
        | "too_long"
        | "queue_full"
        | "duplicate_id"
        | "not_encrypted"
        | "f_cnt_down";
      readonly message: string;
    };

export type ReorderOutcome =
  | { readonly kind: "reordered"; readonly items: readonly QueueItem[] }
  /** What was sent already, or is encrypted for one counter, has its place. */
  | { readonly kind: "refused"; readonly message: string };

/** The device queue as applications see it. */
export interface DownlinkQueue {
  /** Items that may wait for one device. */
  readonly maxEntries: number;
  enqueue(devEui: DevEui, request: DownlinkRequest): Promise<EnqueueOutcome>;
  /** What an application encrypts its next downlink for, those that wait considered; undefined without a session. */
  nextFCntDown(devEui: DevEui): Promise<DownlinkSession | undefined>;
  list(devEui: DevEui): Promise<readonly QueueItem[]>;
  remove(devEui: DevEui, id: string): Promise<boolean>;
  /** Those with these ids in this order, in the places that they have together. */
  reorder(devEui: DevEui, ids: readonly string[]): Promise<ReorderOutcome>;
  flush(devEui: DevEui): Promise<number>;
}

/** The device queue as the server's own downlinks get into it. */
export interface OwnDownlinks {
  /** Refused with `queue_full` unless nothing waits. */
  enqueueAlone(devEui: DevEui, request: DownlinkRequest): Promise<EnqueueOutcome>;
}

/** Commands that applications send through an integration. */
export interface ApplicationCommands {
  /**
   * A `command/down` for a device as the integration's address names it, with its JSON body. Resolves when the downlink
   * is durably queued or refused; a refusal for a device that exists has a `log` event that says why, for the same
   * integration to send. Rejects when a store cannot answer: the command may be given again.
   */
  down(applicationId: string, devEui: string, body: Uint8Array): Promise<CommandOutcome>;
}

export type CommandOutcome =
  | { readonly kind: "enqueued"; readonly id: string }
  | { readonly kind: "refused"; readonly message: string; readonly answer?: ApplicationEvent };

import type { ApplicationId, DevEui, GatewayId, TenantId } from "../lorawan/ids.ts";
import type { SqlTransaction } from "../platform/sql.ts";
import type { Page, TenantScope } from "./catalog-ports.ts";
import type { ApplicationEvent } from "./ports.ts";

export const alertKinds = [
  "gateway-silent",
  "device-silent",
  "battery-low",
  "join-failures",
  "repeated-dev-nonce",
  "counter-reset",
  "smaller-counter",
  "replay",
  "shared-dev-addr",
  "weak-root-key",
  "noise",
  "sink-trouble",
  "duty-budget",
] as const;
export type AlertKind = (typeof alertKinds)[number];
export const alertSeverities = ["info", "warning", "critical"] as const;
export const alertStates = ["raised", "acknowledged", "cleared"] as const;
export const alertSubjectTypes = ["device", "gateway", "integration"] as const;
export type AlertSubjectType = (typeof alertSubjectTypes)[number];

/** When an alert of one kind is raised, and when it is over. */
export interface AlertRule {
  readonly isEnabled: boolean;
  readonly severity: (typeof alertSeverities)[number];
  /** From this value on; for kinds that look for too little, down from it. */
  readonly raise: number;
  /** Back at this value it may be over. */
  readonly clear: number;
  /** For how long the one or the other has to last. */
  readonly raiseAfterSeconds: number;
  readonly clearAfterSeconds: number;
  /** For kinds that count: how long something counts. */
  readonly windowMinutes: number;
}

/** What may be wrong with what. */
export interface AlertSubject {
  readonly tenantId: TenantId;
  /** Of a device, and of an integration that is one application's. */
  readonly applicationId: ApplicationId | null;
  readonly kind: AlertKind;
  readonly type: AlertSubjectType;
  /** DevEUI, gateway id or integration id. */
  readonly id: string;
}

/** What is known of something that is being watched. */
export interface AlertCondition {
  /** Of kinds that measure. */
  readonly value: number;
  /** Of kinds that count: when, and a name so that each counts once; the oldest first. */
  readonly times: readonly (readonly [atMs: number, name: string])[];
  /** Since when it has been beyond the one threshold, or back at the other. */
  readonly beyondSinceMs?: number;
  readonly backSinceMs?: number;
  readonly isRaised: boolean;
}

export type AlertDetails = Readonly<Record<string, unknown>>;

export interface AlertStep {
  /** Undefined: there is nothing to watch any more. */
  readonly condition: AlertCondition | undefined;
  readonly checkAtMs?: number;
  readonly transition?:
    | { readonly kind: "raise"; readonly value: number; readonly rule: AlertRule; readonly details: AlertDetails }
    | { readonly kind: "clear" };
}

export interface Alert extends Omit<AlertSubject, "type" | "id"> {
  readonly id: string;
  readonly severity: AlertRule["severity"];
  readonly state: (typeof alertStates)[number];
  readonly subjectType: AlertSubjectType;
  readonly subject: string;
  readonly subjectName: string;
  readonly value: number;
  readonly threshold: number;
  readonly details: AlertDetails;
  readonly raisedAt: string;
  readonly acknowledgedAt: string | null;
  readonly acknowledgedBy: string | null;
  readonly note: string;
  readonly clearedAt: string | null;
}

/** A device as it was heard last. */
export interface Pulse {
  readonly devEui: DevEui;
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly heardAtMs: number;
  readonly gateways: readonly string[];
  readonly devAddr: string;
  /** Intervals without a sign after which it counts as silent. */
  readonly intervals: number;
}

export interface SilentDevice extends Omit<Pulse, "intervals" | "devAddr"> {
  readonly intervalMs: number;
}

export interface UntoldAlert {
  readonly alert: Alert;
  readonly transition: "raised" | "cleared";
}

/**
 * What is watched, in the database. A promise resolves only when the change would survive a kill -9; rejects with SqlError,
 * and nothing is half done then. Times are the caller's.
 */
export interface AlertStore {
  /** What tenants have changed of the rules. */
  rules(): Promise<ReadonlyMap<TenantId, ReadonlyMap<AlertKind, Partial<AlertRule>>>>;
  /** Everything that is being watched. */
  watched(): Promise<readonly { readonly subject: AlertSubject; readonly condition: AlertCondition }[]>;
  due(nowMs: number, limit: number): Promise<readonly AlertSubject[]>;
  /** With what is known of each subject held; raises and clears its alert together with the change. */
  change(
    subjects: readonly AlertSubject[],
    nowMs: number,
    step: (subject: AlertSubject, condition: AlertCondition | undefined) => AlertStep | undefined,
  ): Promise<void>;
  /** Ends what is watched of things that are no more. */
  forgetGone(nowMs: number): Promise<void>;
  dropOld(beforeMs: number): Promise<void>;
  /**
   * Notes that somebody looks now. True when nobody has for longer than so much: then everything that was due is put off by
   * that time, for nobody may be blamed for it.
   */
  looked(nowMs: number, longestPauseMs: number): Promise<boolean>;
  lookedAt(): Promise<number | undefined>;

  /** Gives those that had counted as silent. */
  pulse(pulses: readonly Pulse[]): Promise<ReadonlySet<DevEui>>;
  /** In these partitions. */
  silent(partitions: readonly number[], atMs: number, limit: number): Promise<readonly SilentDevice[]>;
  /** Looked at again then, or not before they are heard. */
  postpone(devEuis: readonly DevEui[], untilMs: number | undefined): Promise<void>;

  gateways(): Promise<readonly { readonly gatewayId: GatewayId; readonly tenantId: TenantId }[]>;
  /** When each gateway's last outage ended; infinity for one that goes on. Those that ended before are left out. */
  outages(sinceMs: number): Promise<ReadonlyMap<string, number>>;
  /** Integrations whose receiver is away, with its last words. */
  troubledSinks(): Promise<readonly { readonly subject: AlertSubject; readonly error: string }[]>;
  weakKeys(): Promise<readonly { readonly subject: AlertSubject; readonly reason: string }[]>;
  /** Why the keys of these devices are weak; without a reason they are not. */
  noteKeys(reasons: ReadonlyMap<DevEui, string | undefined>, within?: SqlTransaction): Promise<void>;
  /** Devices that share their address with so many others of their tenant, or more. */
  sharedAddresses(
    atLeast: number,
  ): Promise<readonly { readonly subject: AlertSubject; readonly devAddr: string; readonly count: number }[]>;

  untold(partitions: readonly number[], limit: number): Promise<readonly UntoldAlert[]>;
  /** How many of this kind were told one by one since then, and when anything was told of it last. */
  toldOf(
    tenantId: TenantId,
    kind: AlertKind,
    sinceMs: number,
  ): Promise<{ readonly count: number; readonly lastAtMs?: number }>;
  markTold(alerts: readonly UntoldAlert[], nowMs: number, isGrouped: boolean): Promise<void>;
}

export interface AlertFilter {
  readonly tenants: TenantScope;
  readonly applications?: readonly ApplicationId[];
  readonly states?: readonly Alert["state"][];
  readonly kind?: AlertKind;
  readonly severity?: AlertRule["severity"];
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
}

/** The alerts as people look after them. */
export interface AlertDesk {
  /** Newest first. */
  list(filter: AlertFilter, page: { readonly limit: number; readonly after?: string }): Promise<Page<Alert>>;
  get(id: string): Promise<Alert | undefined>;
  /** Once only; undefined when it is over or not there. */
  acknowledge(id: string, by: string, note: string, nowMs: number): Promise<Alert | undefined>;
  changes(tenantId: TenantId): Promise<ReadonlyMap<AlertKind, Partial<AlertRule>>>;
  /** Undefined: as the program has it. */
  changeRule(tenantId: TenantId, kind: AlertKind, change: Partial<AlertRule> | undefined): Promise<void>;
}

/** Takes what events tell of devices; see `EventKeeper`. */
export interface AlertKeeper {
  keep(events: readonly ApplicationEvent[]): Promise<void>;
  flush(): Promise<void>;
}

/** What people read of a kind. */
export interface AlertWords {
  readonly title: string;
  /** What the value is. */
  readonly measures: string;
  readonly whatToDo: string;
}

import type { ApplicationId, DevAddr, DevEui, DeviceProfileId, GatewayId, TenantId } from "../lorawan/ids.ts";
import type { FrameRecord } from "../platform/frames/frame-record.ts";
import type { Page, TenantScope } from "./catalog-ports.ts";
import type { DeviceEventKind } from "./ports.ts";

/** An event as the history keeps it. */
export interface HistoryEvent {
  /** UUID, the same for every delivery of the event. An uplink and what is logged of it share one. */
  readonly id: string;
  readonly kind: DeviceEventKind;
  /** RFC 3339 in UTC, milliseconds. */
  readonly time: string;
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly devEui: DevEui;
  /** Of log events. */
  readonly code?: string;
  readonly devAddr?: string;
  /** The contract's JSON. */
  readonly json: string;
}

/** Whose events or frames a caller reaches. */
export interface HistoryScope {
  readonly tenants: TenantScope;
  /** Those of single applications beside those of whole tenants. */
  readonly applications?: readonly ApplicationId[];
}

interface Period {
  /** From then on, and up to then; RFC 3339 in UTC. */
  readonly since?: string;
  readonly until?: string;
}

export interface EventFilter extends HistoryScope, Period {
  readonly devEui?: DevEui;
  readonly applicationId?: ApplicationId;
  readonly gatewayId?: GatewayId;
  readonly kinds?: readonly DeviceEventKind[];
  readonly code?: string;
  readonly devAddr?: DevAddr;
  /** Somewhere in the JSON, in any case. */
  readonly text?: string;
}

export interface FrameFilter extends HistoryScope, Period {
  readonly devEui?: DevEui;
  /** With it the scope does not count: whoever has the gateway sees what it heard. */
  readonly gatewayId?: GatewayId;
  readonly devAddr?: DevAddr;
  readonly direction?: "up" | "down";
  /** Verdict of an uplink or outcome of a downlink. */
  readonly result?: string;
}

export interface HistoryPage {
  readonly limit: number;
  /** `next` of the page before. A text that is none is a MalformedValue. */
  readonly after?: string;
}

/** A device that is heard and not here. */
export interface UnknownDevice {
  readonly requests: number;
  /** Its last Join-Request. */
  readonly last: FrameRecord;
}

/** What is found, newest first. */
export interface History {
  /** A page may have fewer items than its limit, or none, and a `next` all the same: so much was looked through. */
  events(filter: EventFilter, page: HistoryPage): Promise<Page<HistoryEvent>>;
  frames(filter: FrameFilter, page: HistoryPage): Promise<Page<FrameRecord>>;
  /** Of frames, those after the one with this id, the oldest first; `next` is the id to go on after. */
  framesAfter(filter: FrameFilter, id: string, limit: number): Promise<Page<FrameRecord>>;
  /** One frame that the filter lets through. */
  frame(filter: FrameFilter, id: string): Promise<FrameRecord | undefined>;
  /** Join-Requests under these DevEUIs that no device here has, newest first. */
  joinsOfNobody(
    devEuis: readonly DevEui[],
    page: { readonly since: string; readonly limit: number },
  ): Promise<readonly FrameRecord[]>;
  /** Devices that ask to join and that nobody here has, the last heard first; all, or the one with this DevEUI. */
  unknownDevices(filter: {
    readonly since: string;
    readonly devEui?: DevEui;
    readonly limit: number;
  }): Promise<readonly UnknownDevice[]>;
}

/** How long and how much is kept for a tenant. */
export interface HistoryLimits {
  readonly eventDays: number;
  readonly frameDays: number;
  readonly measurementDays: number;
  readonly maxMegabytes: number;
}

export interface HistoryUse {
  readonly rows: number;
  readonly bytes: number;
  /** Day of the oldest, like `2026-01-31`; null: there is nothing. */
  readonly since: string | null;
}

export interface HistoryState {
  /** What the tenant has of its own; null: as the configuration says. */
  readonly own: { readonly [Name in keyof HistoryLimits]: number | null };
  readonly limits: HistoryLimits;
  readonly events: HistoryUse;
  readonly frames: HistoryUse;
}

export interface HistorySettings {
  read(tenantId: TenantId): Promise<HistoryState>;
  write(tenantId: TenantId, own: Partial<HistoryState["own"]>): Promise<HistoryState>;
}

/** What people call a measurement, and what it is. */
export interface MeasurementName {
  readonly key: string;
  readonly name: string;
  /** Like `°C`; empty: none. */
  readonly unit: string;
  /** A number that goes up and down, one that only rises, or one of few words. */
  readonly kind: "gauge" | "counter" | "state";
}

export interface LatestMeasurement extends MeasurementName {
  readonly value: number | string;
  readonly time: string;
}

export type Resolution = "raw" | "hour" | "day";

/** A value that a device told, or what became of those of an hour or a day (of UTC). */
export interface MeasurementPoint {
  /** Of the value, or when the hour or day began. */
  readonly time: string;
  /** The only one, or the last. */
  readonly value: number | string;
  readonly count?: number;
  readonly min?: number;
  readonly max?: number;
  readonly sum?: number;
  readonly average?: number;
  /** How often each state was told, the first few of them. */
  readonly states?: readonly { readonly state: string; readonly count: number }[];
}

export interface MeasurementSeries extends MeasurementName {
  readonly resolution: Resolution;
  /** Oldest first. */
  readonly points: readonly MeasurementPoint[];
}

/** What happened in an hour or a day. */
export interface MetricsPoint {
  readonly time: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly by: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly figures: Readonly<
    Record<string, { readonly count: number; readonly average: number; readonly min: number; readonly max: number }>
  >;
}

export interface Span {
  /** RFC 3339 in UTC. */
  readonly since: string;
  readonly until: string;
}

export interface TenantOverview {
  readonly devices: {
    readonly total: number;
    readonly active: number;
    readonly inactive: number;
    readonly neverSeen: number;
  };
  readonly gateways: {
    readonly total: number;
    readonly online: number;
    readonly offline: number;
    readonly neverSeen: number;
  };
}

/** Sums of what devices measured, and of what devices, gateways and tenants did. */
/** When a gateway came or went. */
export interface PresenceChange {
  readonly at: string;
  readonly isOnline: boolean;
}

export interface Measurements {
  latest(devEui: DevEui, tenantId: TenantId, names: readonly MeasurementName[]): Promise<readonly LatestMeasurement[]>;
  /** Each value, oldest first; undefined where that would take more than so many uplinks. */
  values(
    devEui: DevEui,
    tenantId: TenantId,
    key: string,
    span: Span,
    maxUplinks: number,
  ): Promise<readonly MeasurementPoint[] | undefined>;
  /** Points of each hour or day. */
  sums(
    devEui: DevEui,
    tenantId: TenantId,
    key: string,
    every: "hour" | "day",
    span: Span,
  ): Promise<readonly MeasurementPoint[]>;
  deviceMetrics(
    devEui: DevEui,
    tenantId: TenantId,
    every: "hour" | "day",
    span: Span,
  ): Promise<readonly MetricsPoint[]>;
  gatewayMetrics(gatewayId: GatewayId, every: "hour" | "day", span: Span): Promise<readonly MetricsPoint[]>;
  /** How it was then, where that is known, and each change since, oldest first. */
  gatewayPresence(gatewayId: GatewayId, since: string): Promise<readonly PresenceChange[]>;
  /** Of these tenants together. What is over may be some minutes old, where it is of all. */
  tenantMetrics(
    tenants: TenantScope,
    every: "hour" | "day",
    span: Span,
    nowMs: number,
  ): Promise<readonly MetricsPoint[]>;
  /**
   * Inactive: not heard for more than twice the interval that the profile says, at that time. `heard` has the gateways that
   * were, and whether they are online.
   */
  overview(tenants: TenantScope, heard: ReadonlyMap<GatewayId, boolean>, nowMs: number): Promise<TenantOverview>;
  names(deviceProfileId: DeviceProfileId): Promise<readonly MeasurementName[]>;
  /** In place of those that there were. */
  putNames(deviceProfileId: DeviceProfileId, names: readonly MeasurementName[]): Promise<void>;
}

import type { ApplicationId, DevEui } from "../lorawan/ids.ts";
import type { ApplicationEvent } from "./ports.ts";

/** A JSON object. */
export type TwinObject = Readonly<Record<string, unknown>>;

/** When each value was last written: of the shape of the document, with a `$lastUpdated` (RFC 3339) for each value. */
export type TwinTimes = TwinObject;

export const twinDeliveryStates = ["in-sync", "due", "queued", "sent", "stuck"] as const;

/** Ids of downlinks that are a twin's begin with this; applications cannot choose such ones. */
export const twinItemPrefix = "$twin-";

/** How far the desired state is on its way to the device. */
export interface TwinDelivery {
  /**
   * in-sync: the device has reported everything; due: a downlink goes out when its time has come; queued: one is in the
   * device's queue; sent: one was sent, and a report is awaited; stuck: no downlink can be made of it now.
   */
  readonly state: (typeof twinDeliveryStates)[number];
  /** Downlinks made for what is missing now. */
  readonly attempts: number;
  /** Of the downlink in the queue, or on its way. */
  readonly itemId?: string;
  /** The desired version that it was made for. */
  readonly itemVersion?: number;
  /** FRMPayload. */
  readonly itemBytes?: number;
  readonly queuedAtMs?: number;
  readonly sentAtMs?: number;
  /** The device was heard since, and reported something else. */
  readonly isHeardSince?: boolean;
  /** What is left of the air time used, as of `airtimeAtMs`: it drains over a day. */
  readonly airtimeMs: number;
  readonly airtimeAtMs: number;
  /** Why it is stuck, or waits. */
  readonly reason?: string;
}

/** A twin as it is kept. */
export interface Twin {
  readonly devEui: DevEui;
  readonly desired: TwinObject;
  readonly reported: TwinObject;
  readonly desiredTimes: TwinTimes;
  readonly reportedTimes: TwinTimes;
  /** Rise by one with each change; 0 before the first. */
  readonly desiredVersion: number;
  readonly reportedVersion: number;
  readonly delivery: TwinDelivery;
  /** When somebody must look at the delivery. */
  readonly dueAtMs?: number;
  /** Short names of the uplinks merged last, so that none is merged twice. */
  readonly seen: readonly string[];
  /** Why the last report was left out. */
  readonly reportFault?: string;
  /** What subscribers know of it: both versions, and a name of the delta; see `isTold`. */
  readonly told: string;
  /** Rises with each write. */
  readonly revision: number;
}

/** What subscribers are told of; changes of anything else are none to them. */
export const versionsOf = ({ desiredVersion, reportedVersion }: Twin): string => `${desiredVersion}.${reportedVersion}`;

/** Subscribers know it as it is. */
export const isTold = (twin: Twin): boolean => twin.told.split(" ", 1)[0] === versionsOf(twin);

/**
 * Twins in the database. A promise resolves only when the change would survive a kill -9. Every method rejects with SqlError
 * when the database cannot answer; nothing is half done then.
 */
export interface TwinStore {
  get(devEui: DevEui): Promise<Twin | undefined>;
  /**
   * Changes the twins of these devices, made new where there are none, with their rows held: `change` gives the new one, or
   * undefined to leave it. Devices that are gone are left out. Gives those that were changed.
   */
  change(devEuis: readonly DevEui[], change: (twin: Twin) => Twin | undefined): Promise<readonly Twin[]>;
  /** Writes a twin if it is as it was read (`revision`). */
  replace(twin: Twin): Promise<boolean>;
  remove(devEui: DevEui): Promise<boolean>;
  /** In these partitions: those whose delivery is due, and those of which subscribers are to be told; each so many. */
  due(partitions: readonly number[], nowMs: number, limit: number): Promise<readonly Twin[]>;
  untold(partitions: readonly number[], limit: number): Promise<readonly Twin[]>;
  /** Told of each change, by any process. */
  onChange(listener: () => void): Promise<() => Promise<void>>;
}

/** A twin as applications get it. */
export interface TwinView {
  readonly devEui: DevEui;
  readonly desired: TwinObject;
  readonly reported: TwinObject;
  /** What of `desired` the device has not reported. */
  readonly delta: TwinObject;
  readonly metadata: { readonly desired: TwinTimes; readonly reported: TwinTimes };
  readonly version: { readonly desired: number; readonly reported: number };
  readonly delivery: {
    readonly state: TwinDelivery["state"];
    readonly attempts: number;
    readonly lastSentAt: string | null;
    readonly nextAt: string | null;
    readonly reason: string | null;
    readonly queueItemId: string | null;
  };
  readonly reportFault: string | null;
}

export interface TwinChange {
  /** Merged into what is there: null removes a member. */
  readonly desired: TwinObject;
  /** Of `desired`, as it has to be still. */
  readonly version?: number;
}

export type TwinOutcome =
  | { readonly kind: "changed"; readonly twin: TwinView }
  | { readonly kind: "refused"; readonly reason: TwinRefusal; readonly message: string; readonly path?: string };
export type TwinRefusal = "unknown_device" | "invalid" | "too_large" | "conflict";

/** The twins as applications see them. */
export interface Twins {
  /** As if empty for a device that has none yet; undefined for one that is not there. */
  get(devEui: DevEui): Promise<TwinView | undefined>;
  update(devEui: DevEui, change: TwinChange): Promise<TwinOutcome>;
  /** Forgets both documents and takes back a downlink that waits; false when there was none. */
  remove(devEui: DevEui): Promise<boolean>;
}

export const twinOperations = ["get", "update"] as const;
export type TwinOperation = (typeof twinOperations)[number];

/** A message about a twin for a topic under `application/{applicationId}/device/{devEui}/twin/`. */
export interface TwinMessage {
  readonly applicationId: ApplicationId;
  readonly devEui: DevEui;
  readonly topic:
    | "get/accepted"
    | "get/rejected"
    | "update/accepted"
    | "update/rejected"
    | "update/delta"
    | "update/documents";
  readonly json: string;
}

/** What applications ask of twins through an integration. */
export interface TwinRequests {
  /**
   * Resolves when the request is carried out or refused, with what the integration has to answer; nothing to somebody who
   * names another application's device. Rejects when the database cannot answer: the request may be given again.
   */
  take(
    operation: TwinOperation,
    applicationId: string,
    devEui: string,
    body: Uint8Array,
  ): Promise<TwinMessage | undefined>;
}

/** Where messages about twins go. Resolves when they are taken. */
export type TwinOutlet = (message: TwinMessage) => Promise<void>;

/** Takes what devices report; see `EventKeeper`. */
export interface TwinKeeper {
  keep(events: readonly ApplicationEvent[]): Promise<void>;
}

import type { TSchema } from "typebox";
import type { ApplicationId, DevEui, IntegrationId, TenantId } from "../lorawan/ids.ts";
import type { Check, ListFilter, Page, PageRequest, Tags } from "./catalog-ports.ts";
import type { ApplicationEventKind } from "./ports.ts";

/** active: events are sent; paused: they wait; off: none are taken, and what waits stays. */
export const integrationModes = ["active", "paused", "off"] as const;
export const eventFormats = ["chirpstack", "ttn-v3"] as const;
export type EventFormat = (typeof eventFormats)[number];
/** What happens to the oldest messages of a queue that is over its limits. */
export const overflowPolicies = ["dead-letter", "drop"] as const;

/** Which events an integration gets; a list or map that is empty lets all through. */
export interface IntegrationFilter {
  readonly events: readonly ApplicationEventKind[];
  /** Of `up` events; others have none and pass. */
  readonly fPorts: readonly number[];
  /** Tags that `deviceInfo` must have, every one with this value. */
  readonly tags: Tags;
}

export interface IntegrationLimits {
  readonly maxMessages: number;
  readonly maxMegabytes: number;
  readonly maxAgeHours: number;
  readonly onOverflow: (typeof overflowPolicies)[number];
  /** Failures over one message, while others may succeed, after which it is a dead letter. */
  readonly maxAttempts: number;
}

export interface NewIntegration {
  readonly tenantId: TenantId;
  /** Null: every application of the tenant. */
  readonly applicationId: ApplicationId | null;
  readonly name: string;
  readonly description: string;
  /** Of a sink in the registry. */
  readonly kind: string;
  readonly mode: (typeof integrationModes)[number];
  readonly filter: IntegrationFilter;
  readonly format: EventFormat;
  /** JMESPath expression that makes the message of the formatted event; empty: the event itself. */
  readonly mapping: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly limits: IntegrationLimits;
}
export interface Integration extends NewIntegration {
  readonly id: IntegrationId;
  /** Which secrets are set; they themselves never come out. */
  readonly secretNames: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type Secrets = Readonly<Record<string, unknown>>;

export interface IntegrationListFilter extends ListFilter {
  readonly applicationId?: ApplicationId;
}

export interface Integrations {
  list(filter: IntegrationListFilter, page: PageRequest): Promise<Page<Integration>>;
  get(id: IntegrationId): Promise<Integration | undefined>;
  create(integration: NewIntegration, secrets: Secrets): Promise<Integration>;
  /** Without `secrets` those that are kept stay. */
  update(
    id: IntegrationId,
    change: Partial<Omit<NewIntegration, "tenantId" | "applicationId" | "kind">>,
    secrets?: Secrets,
    check?: Check<Integration>,
  ): Promise<Integration | undefined>;
  /** With what waits and its dead letters. */
  remove(id: IntegrationId, check?: Check<Integration>): Promise<boolean>;
  /** In the clear, for whoever sends. Throws UnreadableSecret. */
  secrets(id: IntegrationId): Promise<Secrets>;
}

/** An integration as it is sent with. */
export interface ConfiguredIntegration {
  readonly integration: Integration;
  readonly secrets: Secrets;
}

/** The integrations as the delivery of events needs them, kept fresh by the database's notifications. */
export interface IntegrationCatalog {
  all(): Promise<readonly ConfiguredIntegration[]>;
  one(id: IntegrationId): Promise<ConfiguredIntegration | undefined>;
  /** The receiver asked for it: sets an active integration to paused. */
  pause(id: IntegrationId): Promise<void>;
  /** Told which one changed; without an id any may have. */
  onChange(listener: (id?: IntegrationId) => void): Promise<() => Promise<void>>;
}

export interface NewMessage {
  readonly integrationId: IntegrationId;
  /** As of the event log. */
  readonly partition: number;
  readonly devEui: DevEui;
  readonly applicationId: ApplicationId;
  readonly tenantId: TenantId;
  readonly kind: ApplicationEventKind;
  /** The contract's JSON. */
  readonly event: string;
}
export interface QueuedMessage extends NewMessage {
  /** Rises with the order of a device's events. */
  readonly seq: number;
}

export type DeathReason = "rejected" | "attempts" | "mapping" | "overflow" | "expired";

/** A message that leaves the queue: delivered, or with what it died of. */
export interface Departure {
  readonly integrationId: IntegrationId;
  readonly seq: number;
  readonly death?: { readonly reason: DeathReason; readonly message: string; readonly attempts: number };
}

export interface QueueSize {
  readonly integrationId: IntegrationId;
  readonly messages: number;
  readonly bytes: number;
  readonly oldestAgeMs: number;
}

/** What one process tells of its part in an integration since it last told. */
export interface StateReport {
  readonly integrationId: IntegrationId;
  readonly circuit: "closed" | "open";
  readonly delivered: number;
  readonly dropped: number;
  readonly lastDeliveredAtMs: number | undefined;
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined;
}

/**
 * The durable queues of all integrations. A promise resolves only when the change would survive a kill -9. Every method
 * rejects with SqlError when the database cannot answer; nothing is half done then.
 */
export interface DeliveryQueue {
  /** In this order; messages of integrations that are gone are left out of the answer. */
  append(messages: readonly NewMessage[]): Promise<readonly QueuedMessage[]>;
  /** After `seq`, in order, in these partitions. */
  read(
    integrationId: IntegrationId,
    partitions: readonly number[],
    seq: number,
    limit: number,
  ): Promise<readonly QueuedMessage[]>;
  depart(departures: readonly Departure[]): Promise<void>;
  size(integrationId: IntegrationId): Promise<QueueSize>;
  /** Moves or drops the oldest beyond the limits; how many. */
  trim(integrationId: IntegrationId, limits: IntegrationLimits): Promise<number>;
  /** Drops dead letters beyond so many of each integration or that old, and what belongs to no integration; how many letters. */
  trimDeadLetters(maxLetters: number, maxAgeHours: number): Promise<number>;
  report(states: readonly StateReport[]): Promise<void>;
  /** Told when a queue has changed other than by `append` and `depart`; without an id any may have. */
  onChange(listener: (id?: IntegrationId) => void): Promise<() => Promise<void>>;
}

export interface DeadLetter {
  readonly id: string;
  readonly devEui: DevEui;
  readonly applicationId: ApplicationId;
  readonly kind: ApplicationEventKind;
  readonly event: string;
  readonly enqueuedAt: string;
  readonly diedAt: string;
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
}

/** Which dead letters; without members all. */
export interface LetterFilter {
  readonly ids?: readonly string[];
  readonly devEui?: DevEui;
  readonly kind?: ApplicationEventKind;
  readonly reason?: string;
}

export interface IntegrationState {
  readonly circuit: "closed" | "open";
  readonly delivered: number;
  readonly dropped: number;
  readonly lastDeliveredAt: string | null;
  readonly lastError: { readonly at: string; readonly message: string } | null;
  readonly queue: { readonly messages: number; readonly bytes: number; readonly oldestAt: string | null };
  readonly deadLetters: number;
}

/** What waits and what died, for people. */
export interface DeliveryDesk {
  state(id: IntegrationId): Promise<IntegrationState>;
  /** Of each of them. */
  states(ids: readonly IntegrationId[]): Promise<ReadonlyMap<IntegrationId, IntegrationState>>;
  deadLetters(
    id: IntegrationId,
    filter: LetterFilter,
    page: { readonly limit: number; readonly after?: string },
  ): Promise<Page<DeadLetter>>;
  /** Puts them at the end of the queue, oldest first; how many. */
  replay(id: IntegrationId, filter: LetterFilter): Promise<number>;
  /** How many. */
  drop(id: IntegrationId, filter: LetterFilter): Promise<number>;
  /** Drops everything that waits; how many. */
  purge(id: IntegrationId): Promise<number>;
}

/** A fault in what somebody typed, with a JSON pointer into `settings` or `secrets`. */
export interface SettingFault {
  readonly path: string;
  readonly message: string;
}

/** One kind of sink as the API knows it. */
export interface SinkDescription {
  readonly kind: string;
  readonly title: string;
  readonly settings: TSchema;
  readonly secrets: TSchema;
}

export interface TestResult {
  readonly outcome: SinkOutcome["kind"];
  readonly message: string;
  readonly durationMs: number;
}

/** The sinks as the API needs them. */
export interface SinkTools {
  readonly kinds: readonly SinkDescription[];
  faults(kind: string, settings: unknown, secrets: unknown): readonly SettingFault[];
  /** Why an expression is none. */
  mappingFault(mapping: string): string | undefined;
  /** Sends one made-up `up` event past the queue. Never rejects. */
  test(configured: ConfiguredIntegration): Promise<TestResult>;
}

/** A message as a sink gets it. */
export interface SinkMessage {
  /** The same for every delivery of this event to this integration, and no other's. Printable ASCII. */
  readonly deduplicationId: string;
  readonly kind: ApplicationEventKind;
  readonly tenantId: TenantId;
  readonly applicationId: ApplicationId;
  readonly devEui: DevEui;
  /** RFC 3339: the event's. */
  readonly time: string;
  /** JSON in the integration's format, mapped. */
  readonly body: string;
  /** The event in the contract's form, for sinks that pick from it. */
  readonly event: Readonly<Record<string, unknown>>;
}

export type SinkOutcome =
  | { readonly kind: "delivered" }
  /** The receiver cannot be reached, has no time or refuses us: nothing against the message, which waits. */
  | { readonly kind: "unavailable"; readonly message: string; readonly retryAfterMs?: number }
  /** The receiver failed over this message; another time it may go well. */
  | { readonly kind: "failed"; readonly message: string }
  /** This message will never be taken. */
  | { readonly kind: "rejected"; readonly message: string }
  /** The receiver wants no messages any more. */
  | { readonly kind: "gone"; readonly message: string };

/** One integration's way out. Connects when it is first needed, and again by itself. */
export interface Sink {
  /**
   * Takes all of the messages, in this order, or none. A rejected promise counts as `unavailable`. `signal` aborts when
   * nobody waits for the outcome any more. Never called for a device while a delivery of an earlier message of it is under way.
   */
  deliver(messages: readonly SinkMessage[], signal: AbortSignal): Promise<SinkOutcome>;
  close(): Promise<void>;
}

/** A configured sink as the engine drives it. */
export interface OpenedSink extends Sink {
  /** Messages given at once. */
  readonly maxBatch: number;
  /** Deliveries under way at once. */
  readonly maxInFlight: number;
}

/** What the engine gets its sinks from. */
export interface SinkFactory {
  /** Throws when the integration's kind or settings are not of this program. */
  open(configured: ConfiguredIntegration): OpenedSink;
  /** Throws MappingFailed when the mapping makes nothing of this event. */
  format(integration: Integration, message: QueuedMessage): SinkMessage;
  /** It has something to do when there is nothing to send, like taking commands. */
  staysOpen(integration: Integration): boolean;
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { Clock } from "../../platform/clock.ts";
import type { EffectiveSetting } from "../../platform/config/effective.ts";
import type { Counters } from "../../platform/counters/counters.ts";
import type { FrameStream } from "../../platform/frames/frame-feed.ts";
import type { Log } from "../../platform/log.ts";
import type { AlertDesk } from "../alert-ports.ts";
import type { AuditLog } from "../audit-ports.ts";
import type { BulkCatalog } from "../bulk-ports.ts";
import type { Repositories } from "../catalog-ports.ts";
import type { Diagnoses } from "../diagnosis-ports.ts";
import type { History, HistorySettings, Measurements } from "../history-ports.ts";
import type { ExternalUsers, IdentityProviders } from "../identity-ports.ts";
import type { Imports } from "../import-ports.ts";
import type { DeliveryDesk, Integrations, SinkTools } from "../integration-ports.ts";
import type { EventJournal, JournalNews } from "../journal-ports.ts";
import type { CodecBench, DownlinkQueue, EventFeed, Feed, NetworkControl, RootKeys } from "../ports.ts";
import type { RegionConfigRules, RegionConfigStore } from "../region-config-ports.ts";
import type { SecondFactors } from "../second-factor-ports.ts";
import type { TenantLimitStore } from "../tenant-limit-ports.ts";
import type { Twins } from "../twin-ports.ts";

/** What is looked after by the API, each kind of thing in one. */
export interface ApiRepositories extends Repositories {
  readonly integrations: Integrations;
  readonly regionConfigs: RegionConfigStore;
}

/** What the process that serves the API knows of itself. */
export interface ServerFacts {
  readonly gatewayUdpPort: number;
  /** Of the broker inside, where there is one. */
  readonly mqttPort?: number;
  readonly roles: readonly string[];
  readonly startedAtMs: number;
  readonly settings: readonly EffectiveSetting[];
}

export interface ApiDependencies {
  /** Of the program, for the OpenAPI document. */
  readonly version: string;
  readonly server: ServerFacts;
  readonly repositories: ApiRepositories;
  readonly regionConfigRules: RegionConfigRules;
  readonly deliveryDesk: DeliveryDesk;
  readonly sinks: SinkTools;
  readonly bulk: BulkCatalog;
  readonly imports: Imports;
  readonly identity: IdentityProviders;
  readonly secondFactors: SecondFactors;
  readonly externalUsers: ExternalUsers;
  readonly auditLog: AuditLog;
  readonly control: NetworkControl;
  readonly rootKeys: RootKeys;
  readonly queue: DownlinkQueue;
  readonly twins: Twins;
  readonly alerts: AlertDesk;
  readonly codecBench: CodecBench;
  readonly feed: EventFeed;
  /** With a history: its events in order, and word of what it takes. Live streams are of the feed alone without. */
  readonly journal?: { readonly journal: EventJournal; readonly news: Feed<JournalNews> } | undefined;
  readonly frames: FrameStream;
  readonly history: History;
  readonly historySettings: HistorySettings;
  readonly tenantLimits: TenantLimitStore;
  readonly measurements: Measurements;
  readonly diagnoses: Diagnoses;
  /** Of requests and attempts, shared by all application servers. */
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
  /** 32 bytes that cookies of known browsers are signed with. */
  readonly loginKey: Uint8Array;
  /** Of an API key of a tenant that has no number of its own; 0: any number. */
  readonly requestsPerMinute: number;
  /** How long a login holds. */
  readonly loginLifetimeMs: number;
  /** Comments keep idle event streams open through proxies, and find out that a client or its right is gone. */
  readonly streamHeartbeatMs: number;
  /** What an event stream may have waiting for a slow client before it is cut off. */
  readonly maxStreamBytes: number;
}

/** Values for an installation that says nothing else. */
export const apiDefaults = {
  identity: { policy: { createUsers: false, linkByEmail: false } },
  requestsPerMinute: 6000,
  loginLifetimeMs: 24 * 3600 * 1000,
  streamHeartbeatMs: 15_000,
  maxStreamBytes: 1 << 20,
} as const;

/** Fastify with types of requests and answers taken from the TypeBox schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

import type { FastifyInstance } from "fastify";
import { eventLoopWatch } from "../platform/busy-share.ts";
import type { Clock } from "../platform/clock.ts";
import type { Counters } from "../platform/counters/counters.ts";
import type { FrameStream } from "../platform/frames/frame-feed.ts";
import type { Leases } from "../platform/leases/leases.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Peers } from "../platform/peers/peers.ts";
import { readPem } from "../platform/pem-file.ts";
import type { Sql } from "../platform/sql.ts";
import type { StateStore } from "../platform/state/store.ts";
import { createAlertWatch } from "./alerts/start.ts";
import { watchingRootKeys } from "./alerts/weak-keys.ts";
import { createApi } from "./api/api.ts";
import { apiDefaults, type ServerFacts } from "./api/dependencies.ts";
import type { AuditKeys } from "./audit-ports.ts";
import { startCoapServer } from "./coap/server.ts";
import { openDatagramSocket } from "./coap/socket.ts";
import { createCodecBench } from "./codec/cases.ts";
import { createCodecSandbox } from "./codec/sandbox.ts";
import { createApplicationCommands } from "./commands.ts";
import type { AppServerConfig } from "./config.ts";
import { serveConsole } from "./console-files.ts";
import { createDelivery } from "./delivery/engine.ts";
import { createDiagnoses } from "./diagnosis/diagnose.ts";
import { createDownlinkQueue } from "./downlink.ts";
import { createEventConsumer } from "./events.ts";
import { type EventHistory, startEventHistory } from "./history/event-history.ts";
import { eventKey } from "./history/event-row.ts";
import type { HistoryIntake } from "./history/intake.ts";
import { createEventJournal } from "./history/journal.ts";
import { createHistorySettings } from "./history/limits.ts";
import { measurementsOf } from "./history/measured.ts";
import { createMeasurements } from "./history/measurements.ts";
import { startPresence } from "./history/presence.ts";
import { createHistory } from "./history/search.ts";
import { identityProviders } from "./identity/providers.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "./integration/embedded-broker.ts";
import { createMqttIntegration, type MqttIntegration } from "./integration/mqtt.ts";
import { createOutbound } from "./integration/outbound.ts";
import { sinkKinds } from "./integration/sinks/registry.ts";
import { createSinks } from "./integration/sinks.ts";
import { createJournalFeed, type JournalFeed } from "./journal-feed.ts";
import type {
  ApplicationCommands,
  ApplicationEvent,
  AppSKeyVault,
  EventSink,
  MqttCredentials,
  NetworkControl,
  RootKeys,
} from "./ports.ts";
import { createRefusedCommands } from "./refused-commands.ts";
import type { RegionConfigRules } from "./region-config-ports.ts";
import { createSharedFeed, eventCarriage, newsCarriage } from "./shared-feed.ts";
import { createAlertDesk } from "./storage/alert-desk.ts";
import { createAlertStore } from "./storage/alerts.ts";
import { createAuditLog } from "./storage/audit-log.ts";
import { createBulkCatalog } from "./storage/bulk.ts";
import { createDeliveryDesk } from "./storage/delivery-desk.ts";
import { createDeliveryQueue } from "./storage/delivery-queue.ts";
import { openDirectory } from "./storage/directory.ts";
import { createExternalUsers } from "./storage/external-users.ts";
import { createImports } from "./storage/imports.ts";
import { createIntegrationCatalog, createIntegrations } from "./storage/integrations.ts";
import { createRegionConfigs } from "./storage/region-configs.ts";
import { createRepositories } from "./storage/repositories.ts";
import type { SealingKeys } from "./storage/sealed-secret.ts";
import { createSecondFactors } from "./storage/second-factors.ts";
import { createTenantLimits } from "./storage/tenant-limits.ts";
import { createTwinStore } from "./storage/twins.ts";
import { createTwinRequests } from "./twin/requests.ts";
import { startTwins } from "./twin/start.ts";
import { createTwins } from "./twin/twins.ts";
import type { TwinRequests } from "./twin-ports.ts";

export interface AppServerOptions {
  readonly config: AppServerConfig;
  readonly sql: Sql;
  /** What the history is given to. */
  readonly intake: HistoryIntake;
  readonly store: StateStore;
  /** The other application servers of the installation, and what they leave to this one. */
  readonly peers: Peers;
  readonly leases: Leases;
  /** What network servers receive and send. */
  readonly frames: FrameStream;
  readonly network: NetworkControl;
  readonly rootKeys: RootKeys;
  readonly vault: AppSKeyVault;
  /** What the audit log is signed with. */
  readonly auditKeys: AuditKeys;
  /** Of the broker inside, for sessions and messages that survive the process. */
  readonly mqttFolder: string;
  /** What secrets of second factors are sealed with. */
  readonly secondFactorKeys: SealingKeys;
  /** What secrets of integrations are sealed with. */
  readonly integrationKeys: SealingKeys;
  /** What cookies of known browsers are signed with. */
  readonly loginKey: Uint8Array;
  readonly regionConfigRules: RegionConfigRules;
  readonly counters: Counters;
  /** Gets the API; not listening yet. */
  readonly http: FastifyInstance;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Of the program, for the API's description of itself. */
  readonly version: string;
  /** What the API says of the process. */
  readonly server: Omit<ServerFacts, "mqttPort">;
}

/** The app-server role. */
export interface AppServer {
  /** Of the embedded broker, when there is one. */
  readonly mqttPort?: number;
  close(): Promise<void>;
}

/** How long a checked MQTT password is not computed again; argon2 is slow on purpose. */
const passwordCheckHoldsMs = 60_000;

/**
 * Starts reading events and taking commands. Throws UpchirpError when the broker's port is taken or a file of the external
 * one cannot be read; nothing runs then.
 */
export async function startAppServer(options: AppServerOptions): Promise<AppServer> {
  const closers: (() => Promise<void>)[] = [];
  // Later ones first: commands stop, then deliveries, then what both need.
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    const broker = await startParts(options, closers);
    return { ...(broker && { mqttPort: broker.port }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  options: AppServerOptions,
  closers: (() => Promise<void>)[],
): Promise<EmbeddedBroker | undefined> {
  const { config, sql, store, network, vault, http, clock, log, metrics } = options;
  const tls = readTlsFiles(config.mqtt.external);
  const directory = await openDirectory({ sql, clock, maxDevices: config.deviceCacheSize, passwordCheckHoldsMs });
  closers.push(() => directory.close());
  const { workers, timeLimitMs } = config.codec;
  const sandbox = createCodecSandbox({ clock, metrics, log, workers, timeMs: timeLimitMs });
  closers.push(() => sandbox.close());
  const { devices } = directory;
  const maxEntries = config.queueLength;
  const queue = createDownlinkQueue({ store, directory: devices, network, vault, sandbox, clock, maxEntries });
  // Told of the history's transactions, the first of which comes when events are read at the end of this.
  let tellOfKept: JournalFeed["kept"] = () => undefined;
  const history = startHistory(options, (kept, settled) => tellOfKept(kept, settled));
  if (history) {
    closers.push(() => history.close());
    const { measurementDays: days } = config.history;
    closers.push(startPresence({ sql, control: network, peers: options.peers, days, clock, log }));
  }
  const refused = history && createRefusedCommands({ keeper: history.keeper, clock, log, metrics });
  if (refused) closers.push(() => refused.close());
  const keepRefused = refused && { onRefused: refused.keep };
  const commands = createApplicationCommands({ queue, directory: devices, ...keepRefused, clock, metrics });
  const twinStore = createTwinStore(sql);
  const twins = createTwins({ store: twinStore, directory: devices, queue, clock });
  const requests: MqttRequests = { commands, twins: createTwinRequests({ twins, directory: devices, metrics }) };

  const broker = await startBroker(options, requests, directory.mqttCredentials);
  if (broker) closers.push(() => broker.close());
  const external = connectExternal(options, requests, tls);
  const outbound = createOutbound(config.integrations.allowedNetworks);
  const { isShared } = options.peers;
  const sinkTools = createSinks({ kinds: sinkKinds, outbound, commands, isShared, clock, log });
  const { leases, integrationKeys } = options;
  const catalog = createIntegrationCatalog(sql, integrationKeys);
  const deliveryQueue = createDeliveryQueue(sql);
  const delivery = createDelivery({ catalog, queue: deliveryQueue, sinks: sinkTools, leases, clock, log, metrics });
  closers.push(() => delivery.close());
  const sinks = [broker?.sink, external?.sink, delivery.sink].filter(sink => sink !== undefined);
  const alertStore = createAlertStore(sql);
  const watch = createAlertWatch({
    store: alertStore,
    gateways: () => network.gateways(),
    outlets: [event => delivery.sink.deliver(event), ...(broker ? [ofDevices(broker.sink)] : [])],
    leases,
    clock,
    log,
    metrics,
  });
  closers.push(() => watch.close());
  const rootKeys = watchingRootKeys(options.rootKeys, alertStore);
  const outlets = [broker?.tellOfTwin, external?.tellOfTwin].filter(outlet => outlet !== undefined);
  const twinTools = { store: twinStore, directory: devices, queue, sandbox, outlets };
  const keepingTwins = startTwins(config.twin, twinTools, options);
  if (keepingTwins) closers.push(() => keepingTwins.driver.close());
  const { maxBacklog } = config.history;
  const kept = history && { history: { keeper: history.keeper, maxBacklog, busyShare: eventLoopWatch() } };
  const observers = [keepingTwins?.keeper, watch.keeper].filter(keeper => keeper !== undefined);
  const followers = [delivery.holder, watch.holder, ...(keepingTwins ? [keepingTwins.driver.holder] : [])];
  const consumed = { store, leases, directory: devices, vault, sandbox, sinks, followers, observers };
  const events = createEventConsumer({ ...consumed, ...kept, clock, log, metrics });
  closers.push(() => events.close());
  if (external) closers.push(() => external.close());
  const numbered = history && createJournalFeed({ feed: events.feed, keyOf: eventKey, clock });
  if (numbered) tellOfKept = numbered.kept;

  const repositories = {
    ...createRepositories(sql, clock),
    integrations: createIntegrations(sql, integrationKeys),
    regionConfigs: createRegionConfigs(sql),
  };
  const searched = createHistory(sql);
  const measurements = createMeasurements(sql);
  const feed = createSharedFeed(events.feed, eventCarriage, options);
  const { listen, maxObservers } = config.coap;
  if (listen !== undefined) {
    const coap = startCoapServer({
      socket: await openDatagramSocket(listen, log),
      ...{ credentials: directory.mqttCredentials, directory: devices, history: searched },
      ...{ feed, measurements, measurementsOf, maxObservers, clock, log, metrics },
    });
    closers.push(() => coap.close());
  }
  await http.register(
    createApi({
      ...apiDefaults,
      repositories,
      regionConfigRules: options.regionConfigRules,
      tenantLimits: createTenantLimits(sql, clock),
      counters: options.counters,
      deliveryDesk: createDeliveryDesk(sql),
      sinks: sinkTools,
      bulk: createBulkCatalog(sql, rootKeys),
      imports: createImports(sql),
      auditLog: createAuditLog(sql, clock, options.auditKeys),
      loginKey: options.loginKey,
      identity: identityProviders(config.login, options.loginKey, clock),
      secondFactors: createSecondFactors(sql, clock, options.secondFactorKeys),
      externalUsers: createExternalUsers(sql),
      control: network,
      rootKeys,
      queue,
      twins,
      alerts: createAlertDesk(sql),
      codecBench: createCodecBench(sandbox),
      feed,
      journal: numbered && {
        journal: createEventJournal(sql),
        news: createSharedFeed(numbered.feed, newsCarriage, options),
      },
      frames: options.frames,
      history: searched,
      historySettings: createHistorySettings(sql, config.history),
      measurements,
      diagnoses: createDiagnoses({ repositories, history: searched, control: network, rootKeys, queue, clock }),
      clock,
      log,
      version: options.version,
      server: { ...options.server, ...(broker && { mqttPort: broker.port }) },
      requestsPerMinute: config.apiKeys.requestsPerMinute,
    }),
  );
  serveMqttUpgrades(http, broker);
  await serveConsole(http, config.console);
  await delivery.start();
  await keepingTwins?.driver.start();
  await events.start();
  watch.start(partition => events.isObserved(partition));
  return broker;
}

/** Topics of the broker inside are of applications: what is of none goes out by integrations alone. */
const ofDevices =
  (sink: EventSink) =>
  async (event: ApplicationEvent): Promise<void> => {
    if (event.json.includes('"deviceInfo":')) await sink.deliver(event);
  };

function startHistory(options: AppServerOptions, onKept: JournalFeed["kept"]): EventHistory | undefined {
  const { history } = options.config;
  return history.enabled ? startEventHistory({ ...options, config: history, onKept }) : undefined;
}

/** What clients of a broker can ask for. */
interface MqttRequests {
  readonly commands: ApplicationCommands;
  readonly twins: TwinRequests;
}

async function startBroker(
  options: AppServerOptions,
  requests: MqttRequests,
  credentials: MqttCredentials,
): Promise<EmbeddedBroker | undefined> {
  const { clock, log, metrics, mqttFolder: sessionFolder } = options;
  const { broker, qos, retain } = options.config.mqtt;
  if (!broker.enabled) return undefined;
  const { bind: host, port } = broker;
  return startEmbeddedBroker({ host, port, credentials, ...requests, qos, retain, sessionFolder, clock, log, metrics });
}

function connectExternal(
  options: AppServerOptions,
  requests: MqttRequests,
  tls: TlsFiles,
): MqttIntegration | undefined {
  const { log, metrics } = options;
  const { external, qos, retain } = options.config.mqtt;
  if (!external) return undefined;
  const { url, username, password, clientId, commandGroup } = external;
  return createMqttIntegration({
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(clientId !== undefined && { clientId }),
    ...(options.peers.isShared && commandGroup !== "" && { commandGroup }),
    ...tls,
    qos,
    retain,
    ...requests,
    log,
    metrics,
  });
}

interface TlsFiles {
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
}

function readTlsFiles(external: AppServerConfig["mqtt"]["external"]): TlsFiles {
  if (!external) return {};
  const { caFile, certificateFile, keyFile } = external;
  return {
    ...(caFile !== undefined && { ca: readPem("appServer.mqtt.external.caFile", caFile) }),
    ...(certificateFile !== undefined && {
      clientCertificate: readPem("appServer.mqtt.external.certificateFile", certificateFile),
    }),
    ...(keyFile !== undefined && { clientKey: readPem("appServer.mqtt.external.keyFile", keyFile) }),
  };
}

/** The API looks after upgrades of its own routes. */
function serveMqttUpgrades(http: FastifyInstance, broker: EmbeddedBroker | undefined): void {
  http.server.on("upgrade", (request, socket, head) => {
    if (request.url === "/mqtt" && broker) broker.upgrade(request, socket, head);
    else if (!request.url?.startsWith("/api/")) socket.destroy();
  });
}

import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type InjectOptions,
  type LightMyRequestResponse,
  LogController,
} from "fastify";
import { pino } from "pino";
import { createApi } from "../../app-server/api/api.ts";
import { type ApiDependencies, type ApiRepositories, apiDefaults } from "../../app-server/api/dependencies.ts";
import type { ApiKeyRole } from "../../app-server/catalog-ports.ts";
import { createCodecBench } from "../../app-server/codec/cases.ts";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import { createDiagnoses } from "../../app-server/diagnosis/diagnose.ts";
import { createHistorySettings } from "../../app-server/history/limits.ts";
import { createMeasurements } from "../../app-server/history/measurements.ts";
import { createHistory } from "../../app-server/history/search.ts";
import { createOutbound } from "../../app-server/integration/outbound.ts";
import { sinkKinds } from "../../app-server/integration/sinks/registry.ts";
import { createSinks } from "../../app-server/integration/sinks.ts";
import type {
  Activation,
  ApplicationEvent,
  DeviceDirectory,
  DownlinkQueue,
  EventFeed,
  GatewaySummary,
  NetworkControl,
  RejoinOrder,
  RootKeys,
  SessionSummary,
} from "../../app-server/ports.ts";
import { createAlertDesk } from "../../app-server/storage/alert-desk.ts";
import { createAuditLog } from "../../app-server/storage/audit-log.ts";
import { createBulkCatalog } from "../../app-server/storage/bulk.ts";
import { createDeliveryDesk } from "../../app-server/storage/delivery-desk.ts";
import { createExternalUsers } from "../../app-server/storage/external-users.ts";
import { createImports } from "../../app-server/storage/imports.ts";
import { createIntegrations } from "../../app-server/storage/integrations.ts";
import { createRegionConfigs } from "../../app-server/storage/region-configs.ts";
import { createRepositories } from "../../app-server/storage/repositories.ts";
import { createSecondFactors } from "../../app-server/storage/second-factors.ts";
import { createTenantLimits } from "../../app-server/storage/tenant-limits.ts";
import { createTwinStore } from "../../app-server/storage/twins.ts";
import { createTwins } from "../../app-server/twin/twins.ts";
import { regionConfigRules } from "../../compose/region-config-rules.ts";
import type { Explanation } from "../../lorawan/explain/explanation.ts";
import { type DevEui, type GatewayId, parseDevAddr, type TenantId } from "../../lorawan/ids.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLocalCounters } from "../../platform/counters/local.ts";
import { createFrameFeed, type FrameFeed } from "../../platform/frames/frame-feed.ts";
import { createMetrics } from "../../platform/metrics.ts";
import type { Sql } from "../../platform/sql.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";
import { migratedTestSql } from "./postgres.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

export const historyLimits = { eventDays: 30, frameDays: 7, measurementDays: 400, maxMegabytes: 100 };

export interface FakeControl extends NetworkControl {
  readonly activations: Map<DevEui, Activation>;
  readonly heard: Map<GatewayId, GatewaySummary>;
  readonly released: GatewayId[];
  readonly rejoins: Map<DevEui, RejoinOrder>;
  /** By DevEUI and length of the frame. */
  readonly explanations: Map<string, Explanation>;
  /** Thrown by activations and orders to rejoin. */
  refusal: Error | undefined;
  session: NetworkControl["session"];
}

const summaryOf = (activation: Activation): SessionSummary => ({
  devAddr: activation.devAddr,
  macVersion: "1.0.4",
  region: "EU868",
  deviceClass: "A",
  fCntUp: activation.fCntUp,
  nFCntDown: activation.nFCntDown,
  aFCntDown: activation.aFCntDown,
  dataRate: 0,
  txPowerIndex: 0,
  nbTrans: 1,
  rx1DelaySeconds: 1,
  rx1DrOffset: 0,
  rx2DataRate: 0,
  rx2FrequencyHz: 869_525_000,
  enabledChannels: [0, 1, 2],
  uplinkFrequenciesHz: [868_100_000, 868_300_000, 868_500_000],
  maxPayload: 51,
});

function createFakeControl(): FakeControl {
  const activations = new Map<DevEui, Activation>();
  const heard = new Map<GatewayId, GatewaySummary>();
  const released: GatewayId[] = [];
  const rejoins: FakeControl["rejoins"] = new Map();
  const control: FakeControl = {
    activations,
    heard,
    released,
    rejoins,
    explanations: new Map(),
    refusal: undefined,
    async activate(devEui, activation) {
      if (control.refusal !== undefined) throw control.refusal;
      activations.set(devEui, activation);
    },
    async ensureActive(devEui, activation) {
      if (activations.get(devEui)?.devAddr !== activation.devAddr) await control.activate(devEui, activation);
    },
    deactivate: async devEui => activations.delete(devEui),
    async forceRejoin(devEui, order) {
      if (control.refusal !== undefined) throw control.refusal;
      rejoins.set(devEui, order);
    },
    async session(devEui) {
      const activation = activations.get(devEui);
      return activation && summaryOf(activation);
    },
    async downlinkSession(devEui) {
      const activation = activations.get(devEui);
      return activation && { devAddr: activation.devAddr, fCntDown: activation.aFCntDown };
    },
    mostPayload: async () => 242,
    freeDevAddr: async () => parseDevAddr("01abcdef"),
    explainFrame: async ({ devEui, phyPayload }) => control.explanations.get(`${devEui} ${phyPayload.length}`),
    gateways: async () => [...heard.values()],
    gateway: async gatewayId => heard.get(gatewayId),
    async releaseGatewayAddress(gatewayId) {
      released.push(gatewayId);
    },
  };
  return control;
}

export interface FakeRootKeys extends RootKeys {
  readonly stored: Map<DevEui, { readonly nwkKey: string; readonly appKey?: string }>;
  readonly forgotten: string[];
}

function createFakeRootKeys(): FakeRootKeys {
  const stored: FakeRootKeys["stored"] = new Map();
  const forgotten: string[] = [];
  return {
    stored,
    forgotten,
    async put(devEui, keys) {
      stored.set(devEui, keys);
    },
    async putAll(keys, _sql, isDryRun) {
      const other = [...keys].filter(([devEui, pair]) => !isDeepStrictEqual(stored.get(devEui), pair));
      if (!isDryRun) for (const [devEui, pair] of other) stored.set(devEui, pair);
      return new Set(other.map(([devEui]) => devEui));
    },
    remove: async devEui => stored.delete(devEui),
    has: async devEui => stored.has(devEui),
    async forgetDevNonces(devEui, joinEui) {
      forgotten.push(`${devEui} ${joinEui}`);
    },
  };
}

/** Which devices there are is all that twins need to know. */
const knownDevices = ({ devices }: Pick<ApiRepositories, "devices">): Pick<DeviceDirectory, "device"> => ({
  device: async devEui => ((await devices.get(devEui)) === undefined ? undefined : directoryDevice({ kind: "none" })),
});

function createFakeQueue(clock: VirtualClock, control: Pick<NetworkControl, "downlinkSession">): DownlinkQueue {
  const items = new Map<DevEui, QueueItem[]>();
  const listOf = (devEui: DevEui) => items.get(devEui) ?? [];
  return {
    maxEntries: 64,
    async enqueue(devEui, request) {
      const { id = `item-${listOf(devEui).length}`, fPort, confirmed, data, expiresAtMs } = request;
      if (listOf(devEui).some(item => item.id === id)) {
        return { kind: "refused", reason: "duplicate_id", message: "An item with this id waits already." };
      }
      if (data === undefined) return { kind: "refused", reason: "codec", message: "The device has no codec." };
      const item: QueueItem = {
        id,
        fPort,
        confirmed,
        data,
        ...(request.encrypted && { encrypted: { ...request.encrypted, devAddr: parseDevAddr("01020304") } }),
        enqueuedAtMs: clock.nowMs(),
        ...(expiresAtMs && { expiresAtMs }),
      };
      items.set(devEui, [...listOf(devEui), item]);
      return { kind: "enqueued", id };
    },
    nextFCntDown: devEui => control.downlinkSession(devEui),
    list: async devEui => listOf(devEui),
    async remove(devEui, id) {
      const rest = listOf(devEui).filter(item => item.id !== id);
      const removed = rest.length < listOf(devEui).length;
      items.set(devEui, rest);
      return removed;
    },
    async reorder(devEui, ids) {
      const named = ids.flatMap(id => listOf(devEui).filter(item => item.id === id));
      const fixed = named.find(({ sent }) => sent !== undefined);
      if (fixed !== undefined) return { kind: "refused", message: `${fixed.id} was sent already` };
      items.set(
        devEui,
        listOf(devEui).map(item => (ids.includes(item.id) ? (named.shift() ?? item) : item)),
      );
      return { kind: "reordered", items: listOf(devEui) };
    },
    async flush(devEui) {
      const { length } = listOf(devEui);
      items.delete(devEui);
      return length;
    },
  };
}

export interface FakeFeed extends EventFeed {
  emit(event: ApplicationEvent): void;
  readonly listeners: Set<(event: ApplicationEvent) => void>;
}

function createFakeFeed(): FakeFeed {
  const listeners: FakeFeed["listeners"] = new Set();
  return {
    listeners,
    emit: event => {
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export interface TestApi {
  readonly app: FastifyInstance;
  readonly repositories: ApiRepositories;
  readonly sql: Sql;
  readonly clock: VirtualClock;
  readonly control: FakeControl;
  readonly rootKeys: FakeRootKeys;
  readonly queue: DownlinkQueue;
  readonly feed: FakeFeed;
  readonly frames: FrameFeed;
  readonly deps: ApiDependencies;
  /** Every route as `GET /api/devices/{devEui}`, whatever the document says; without the pages that show that. */
  readonly routes: readonly string[];
  /** Everything that was logged, at any level. */
  readonly logged: string[];
  /** Calls as the administrator unless other headers are given. */
  call(method: Method, url: string, body?: object, headers?: Headers): Promise<LightMyRequestResponse>;
  /** Header of a new API key with this role. */
  keyFor(role: ApiKeyRole, tenantId: TenantId | null): Promise<Headers>;
  end(): Promise<void>;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Headers = Readonly<Record<string, string>>;

/** The API on a database of its own, with the network server, queue and keys in memory. */
export async function startTestApi(
  given: Omit<Partial<ApiDependencies>, "clock"> & { readonly clock?: VirtualClock } = {},
): Promise<TestApi> {
  const { sql, end } = await migratedTestSql();
  const { clock = createVirtualClock(), ...rest } = given;
  const sealing = { current: { id: "00000000", key: randomBytes(32) }, older: [] };
  const repositories = {
    ...createRepositories(sql, clock),
    integrations: createIntegrations(sql, sealing),
    regionConfigs: createRegionConfigs(sql),
  };
  const [control, rootKeys, feed] = [createFakeControl(), createFakeRootKeys(), createFakeFeed()];
  const queue = createFakeQueue(clock, control);
  const frames = createFrameFeed({ clock, metrics: createMetrics() });
  const logged: string[] = [];
  const write = (chunk: unknown, _encoding: string, done: () => void) => {
    logged.push(String(chunk));
    done();
  };
  const log = pino({ level: "trace" }, new Writable({ write }));
  const commands = { down: async () => ({ kind: "refused", message: "no commands here" }) as const };
  const auditLog = createAuditLog(sql, clock, { current: { id: "00000000", key: randomBytes(32) }, older: [] });
  // Its threads start with the first call.
  const sandbox = createCodecSandbox({
    clock: systemClock,
    metrics: createMetrics(),
    workers: 1,
    timeMs: 1000,
    graceMs: 20_000,
  });
  const sources = { repositories, history: createHistory(sql), control, rootKeys, queue, clock, ...rest };
  const deps = {
    version: "0.0.0",
    server: { gatewayUdpPort: 1700, roles: ["app-server"], startedAtMs: clock.nowMs(), settings: [] },
    repositories,
    regionConfigRules: regionConfigRules([{ ...defaultRegionConfig("AS923"), id: "of-the-file" }]),
    bulk: createBulkCatalog(sql, rootKeys),
    imports: createImports(sql),
    auditLog,
    loginKey: randomBytes(32),
    secondFactors: createSecondFactors(sql, clock, { current: { id: "00000000", key: randomBytes(32) }, older: [] }),
    externalUsers: createExternalUsers(sql),
    deliveryDesk: createDeliveryDesk(sql),
    sinks: createSinks({ kinds: sinkKinds, outbound: createOutbound([]), commands, isShared: false, clock, log }),
    control,
    rootKeys,
    queue,
    alerts: createAlertDesk(sql),
    twins: createTwins({ store: createTwinStore(sql), directory: knownDevices(repositories), queue, clock }),
    codecBench: createCodecBench(sandbox),
    feed,
    frames,
    history: sources.history,
    tenantLimits: createTenantLimits(sql, clock),
    historySettings: createHistorySettings(sql, historyLimits),
    measurements: createMeasurements(sql),
    diagnoses: createDiagnoses(sources),
    counters: createLocalCounters(clock),
    clock,
    log,
    ...apiDefaults,
    ...rest,
  };
  const loggerInstance: FastifyBaseLogger = log;
  // As the server has it: addresses of requests may hold what is secret.
  const app = fastify({ loggerInstance, logController: new LogController({ disableRequestLogging: true }) });
  const routes: string[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const path = url.replace(/:(\w+)/g, "{$1}");
    if (/^\/api\/(docs|openapi\.json)/.test(path)) return;
    for (const name of [method].flat()) if (name !== "HEAD") routes.push(`${name} ${path}`);
  });
  await app.register(createApi(deps));
  await app.ready();
  const keyFor = async (role: ApiKeyRole, tenantId: TenantId | null) => {
    const { token } = await repositories.apiKeys.create({ tenantId, name: role, role, expiresAt: null });
    return { authorization: `Bearer ${token}` };
  };
  const administrator = await keyFor("administrator", null);
  const call: TestApi["call"] = (method, url, body, headers = administrator) => {
    const options: InjectOptions = { method, url, headers };
    return app.inject(body === undefined ? options : { ...options, payload: body });
  };
  return {
    app,
    repositories,
    sql,
    clock,
    control,
    rootKeys,
    queue,
    feed,
    frames,
    deps,
    routes,
    logged,
    call,
    keyFor,
    async end() {
      await app.close();
      await sandbox.close();
      await end();
    },
  };
}

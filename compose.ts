// The composition root: the only place that sees all three servers.

import { hostname } from "node:os";
import { join } from "node:path";
import { appServerFaults } from "./app-server/config.ts";
import { type AppServer, startAppServer } from "./app-server/server.ts";
import type { FirstAdministrator } from "./app-server/storage/first-start.ts";
import { type Config, configSchema } from "./compose/config.ts";
import { openDatabase, prepareCatalog } from "./compose/database.ts";
import { openFrameHistory } from "./compose/frame-history.ts";
import { createHistoryThread } from "./compose/history-thread.ts";
import { joinServerFaultsOf, joinServerOf, listenWithTls, type TlsListener } from "./compose/join-servers.ts";
import { installationKeys } from "./compose/keys.ts";
import { networkControl } from "./compose/network-control.ts";
import { part } from "./compose/part.ts";
import { regionConfigRules } from "./compose/region-config-rules.ts";
import { allRoles, type Role, roleFaults } from "./compose/roles.ts";
import { openCounters, openLeases, openPeers, openState } from "./compose/state.ts";
import type { Surroundings } from "./compose/surroundings.ts";
import { joinServerFaults } from "./join-server/config.ts";
import { createJoinServer } from "./join-server/server.ts";
import { parseNetId } from "./lorawan/ids.ts";
import { createAdrScripts } from "./network-server/adr-script/sandbox.ts";
import { openRegionConfigs } from "./network-server/catalog/region-configs.ts";
import { openSqlCatalog } from "./network-server/catalog/sql-catalog.ts";
import { openUdpSocket } from "./network-server/gateway/udp/socket.ts";
import { checkRegionConfigs } from "./network-server/region-check.ts";
import { allRegionConfigs } from "./network-server/region-config.ts";
import { startNetworkServer } from "./network-server/server.ts";
import { createStoreControl } from "./network-server/store-control.ts";
import { effectiveSettings } from "./platform/config/effective.ts";
import { prepareDataFolder } from "./platform/data-folder.ts";
import { ConfigError } from "./platform/errors.ts";
import { createFrameFeed } from "./platform/frames/frame-feed.ts";
import { createSharedFrameStream } from "./platform/frames/shared-frames.ts";
import { createHttpServer } from "./platform/http.ts";
import { createLifecycle, type Lifecycle } from "./platform/lifecycle.ts";
import { createMetrics } from "./platform/metrics.ts";

/** What runs in this process. */
export interface Installation {
  readonly roles: ReadonlySet<Role>;
  readonly httpPort: number;
  /** With the join-server role, of TS002 with mutual TLS where it is configured. */
  readonly joinServerTlsPort?: number;
  /** With the network-server role. */
  readonly udpPort?: number;
  /** With the app-server role, unless its own broker is off. */
  readonly mqttPort?: number;
  /** Present on the very first start: to be shown once and kept nowhere. */
  readonly administrator?: FirstAdministrator;
  readonly lifecycle: Lifecycle;
}

/**
 * Starts these roles in this process, part by part in the order in which they are added. Throws UpchirpError with a
 * sentence that says what to do; nothing runs then.
 */
export async function startInstallation(
  config: Config,
  surroundings: Surroundings,
  roles: ReadonlySet<Role> = new Set(allRoles),
): Promise<Installation> {
  const { log, clock, version } = surroundings;
  refuseFaults([
    ...checkRegionConfigs(config.networkServer.regions),
    ...appServerFaults(config.appServer),
    ...joinServerFaults(config.joinServer),
    ...joinServerFaultsOf(config.networkServer),
    ...roleFaults(config, roles),
  ]);
  prepareDataFolder(config.dataFolder);
  const { masterKeys, appSKeyKek, vault, networkVault, auditKeys, secondFactorKeys, integrationKeys, loginKey } =
    installationKeys(config);
  const metrics = createMetrics();
  metrics.watchProcess();
  const lifecycle = createLifecycle({ log, clock });
  /** A part that is there when this process has one of the roles that use it. */
  const add = <Value>(
    name: string,
    users: readonly Role[],
    start: () => Promise<Value>,
    stop: (value: Value) => Promise<void> = async () => {},
  ) => part({ lifecycle, isNeeded: users.some(role => roles.has(role)), name, start, stop });
  const { networkServer, joinServer, appServer } = config;
  const onState: readonly Role[] = ["network-server", "app-server"];

  const database = add(
    "database",
    allRoles,
    () => openDatabase(config, surroundings),
    opened => opened.close(),
  );
  const intake = add(
    "intake of the history",
    onState,
    async () => createHistoryThread({ connection: database().connection, limits: appServer.history }, log),
    opened => opened.close(),
  );
  const store = add(
    "state store",
    onState,
    () => openState(config, surroundings, metrics),
    opened => opened.close(),
  );
  const peers = add(
    "peers",
    onState,
    () => openPeers(config, surroundings),
    opened => opened.close(),
  );
  const frames = add(
    "frames",
    onState,
    async () => {
      const feed = roles.has("network-server") ? createFrameFeed({ clock, metrics }) : undefined;
      return { feed, stream: createSharedFrameStream(feed, peers(), clock) };
    },
    async ({ feed, stream }) => {
      feed?.close();
      stream.close();
    },
  );
  add(
    "history of frames",
    ["network-server"],
    async () => openFrameHistory(appServer.history, intake(), frames().feed, { log, clock, metrics }),
    async opened => {
      frames().feed?.flush();
      await opened?.close();
    },
  );
  const catalog = add(
    "catalog",
    onState,
    () => openSqlCatalog({ sql: database().sql, log, maxDevices: networkServer.deviceCacheSize }),
    opened => opened.close(),
  );
  const regionConfigs = add(
    "region configurations",
    onState,
    () =>
      openRegionConfigs({
        sql: database().sql,
        together: stored => allRegionConfigs(networkServer.regions, stored),
        clock,
        log,
      }),
    opened => opened.close(),
  );
  // The API puts root keys where the Join Server finds them, in this process or another.
  const joins = add("join server", ["join-server", "app-server"], async () =>
    createJoinServer({
      sql: database().sql,
      masterKeys,
      config: joinServer,
      appSKeyKek,
      homeNetId: parseNetId(networkServer.netId),
      log,
    }),
  );
  const network = add(
    "network server",
    ["network-server"],
    async () => {
      const socket = await openUdpSocket({ ...networkServer.udp, log });
      const adrScripts = createAdrScripts({ clock, metrics });
      const server = await startNetworkServer({
        config: networkServer,
        regionConfigs: regionConfigs().current,
        catalog: catalog(),
        store: store(),
        joinServer: joinServerOf(networkServer, joins),
        vault: networkVault,
        adrScripts,
        peers: peers(),
        frames: frames().feed,
        socket,
        address: `${hostname()}:${socket.port}`,
        clock,
        log,
        metrics,
      });
      return { server, adrScripts, udpPort: socket.port };
    },
    async ({ server, adrScripts }) => {
      await server.close();
      await adrScripts.close();
    },
  );
  const counters = add(
    "counters",
    ["app-server"],
    () => openCounters(config, surroundings),
    opened => opened.close(),
  );
  const http = add(
    "http",
    allRoles,
    async () =>
      createHttpServer({
        log,
        clock,
        registry: metrics.registry,
        ready: () => lifecycle.ready(),
        trustedProxies: config.http.trustedProxies,
        checks: {
          database: () => database().sql.run("select 1"),
          ...(onState.some(role => roles.has(role)) && { "state store": () => store().gatewayStates() }),
        },
      }),
    opened => opened.close(),
  );
  add("join server over HTTP", ["join-server"], async () => {
    await http().app.register(joins().routes);
  });
  const joinsTls = add(
    "join server over TLS",
    ["join-server"],
    () => listenWithTls(joinServer, joins(), log),
    async opened => opened?.http.close(),
  );
  const applications = add(
    "application server",
    ["app-server"],
    async () => {
      const administrator = await prepareCatalog(config, database().sql, surroundings);
      if (roles.size < allRoles.length && appServer.mqtt.broker.enabled) {
        log.warn(
          "clients of the broker in this process get the events of this process alone: run one application server",
        );
      }
      const control = roles.has("network-server")
        ? network().server
        : createStoreControl({
            config: networkServer,
            regionConfigs: regionConfigs().current,
            catalog: catalog(),
            store: store(),
            peers: peers(),
            clock,
          });
      const server = await startAppServer({
        config: appServer,
        sql: database().sql,
        intake: intake(),
        store: store(),
        peers: peers(),
        counters: counters(),
        leases: await openLeases(config, peers(), surroundings),
        frames: frames().stream,
        network: networkControl(control, vault),
        regionConfigRules: regionConfigRules(networkServer.regions),
        rootKeys: joins().rootKeys,
        vault,
        auditKeys,
        secondFactorKeys,
        integrationKeys,
        mqttFolder: join(config.dataFolder, "mqtt"),
        loginKey,
        http: http().app,
        clock,
        log,
        metrics,
        version,
        server: {
          gatewayUdpPort: roles.has("network-server") ? network().udpPort : networkServer.udp.port,
          roles: [...roles],
          startedAtMs: clock.nowMs(),
          settings: effectiveSettings(configSchema, config),
        },
      });
      return { server, administrator };
    },
    ({ server }) => server.close(),
  );
  const httpPort = add("http port", allRoles, () =>
    http().listen({ host: config.http.bind, port: config.http.port, option: "--http-port" }),
  );

  await lifecycle.start();
  return { roles, httpPort: httpPort(), lifecycle, ...portsOf(roles, network, joinsTls, applications) };
}

function portsOf(
  roles: ReadonlySet<Role>,
  network: () => { readonly udpPort: number },
  joinsTls: () => TlsListener | undefined,
  applications: () => { readonly server: AppServer; readonly administrator: FirstAdministrator | undefined },
): Pick<Installation, "udpPort" | "mqttPort" | "joinServerTlsPort" | "administrator"> {
  const { mqttPort } = roles.has("app-server") ? applications().server : {};
  const administrator = roles.has("app-server") ? applications().administrator : undefined;
  const tls = roles.has("join-server") ? joinsTls() : undefined;
  return {
    ...(tls && { joinServerTlsPort: tls.port }),
    ...(roles.has("network-server") && { udpPort: network().udpPort }),
    ...(mqttPort !== undefined && { mqttPort }),
    ...(administrator && { administrator }),
  };
}

function refuseFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw new ConfigError(faults.join("\n"));
}

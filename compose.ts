// The composition root: the only place that sees all three servers.
import { join } from "node:path";
import Type, { type Static } from "typebox";
import { appServerConfigSchema } from "./app-server/config.ts";
import { ensureLocalToken } from "./app-server/local-token.ts";
import type { AppSKeyVault, NetworkControl } from "./app-server/ports.ts";
import { startAppServer } from "./app-server/server.ts";
import { type FirstAdministrator, firstStart } from "./app-server/storage/first-start.ts";
import { createRepositories } from "./app-server/storage/repositories.ts";
import { createAppSKeyVault, type KeyEncryptionKey } from "./app-server/vault.ts";
import { joinServerConfigSchema } from "./join-server/config.ts";
import { createRootKeyStore } from "./join-server/device-keys.ts";
import { createJoinServer } from "./join-server/server.ts";
import { parseAesKey } from "./lorawan/keys.ts";
import { createHttpJoinServer } from "./network-server/backend/join-server.ts";
import { openSqlCatalog } from "./network-server/catalog/sql-catalog.ts";
import { networkServerConfigSchema } from "./network-server/config.ts";
import { openUdpSocket } from "./network-server/gateway/udp/socket.ts";
import { checkRegionConfigs } from "./network-server/region-check.ts";
import { type NetworkServer, startNetworkServer } from "./network-server/server.ts";
import type { Clock } from "./platform/clock.ts";
import { prepareDataFolder } from "./platform/data-folder.ts";
import { startEmbeddedPostgres } from "./platform/embedded-postgres.ts";
import { ConfigError } from "./platform/errors.ts";
import { createHttpServer } from "./platform/http.ts";
import {
  deriveKey,
  loadOrCreateKeyFile,
  type MasterKey,
  type MasterKeys,
  parseMasterKeys,
} from "./platform/key-file.ts";
import { createLifecycle, type Lifecycle } from "./platform/lifecycle.ts";
import type { Log } from "./platform/log.ts";
import { createMetrics } from "./platform/metrics.ts";
import { migrate } from "./platform/migrate.ts";
import { createPostgres } from "./platform/postgres.ts";
import type { Sql } from "./platform/sql.ts";
import { openLmdbStore } from "./platform/state/lmdb.ts";

export const configSchema = Type.Object({
  dataFolder: Type.String({ default: "data", description: "Folder for everything that must survive a restart." }),
  log: Type.Object(
    {
      level: Type.Union(
        ["trace", "debug", "info", "warn", "error", "silent"].map(level => Type.Literal(level)),
        { default: "info", description: "Least level that is printed." },
      ),
    },
    { default: {} },
  ),
  http: Type.Object(
    {
      bind: Type.String({ default: "0.0.0.0", description: "Address of the API, health checks and metrics." }),
      port: Type.Integer({ minimum: 0, maximum: 65535, default: 8080, description: "TCP port of HTTP." }),
    },
    { default: {} },
  ),
  postgres: Type.Object(
    {
      url: Type.Optional(
        Type.String({
          pattern: "^postgres(ql)?://",
          secret: true,
          description: "PostgreSQL to use in place of the embedded one, for example postgresql://user@host/upchirp.",
        }),
      ),
    },
    { default: {} },
  ),
  keyEncryptionKeys: Type.Optional(
    Type.String({
      secret: true,
      description: "Keys that stored device keys are encrypted under, newest first, in place of the key file.",
    }),
  ),
  networkServer: networkServerConfigSchema,
  joinServer: joinServerConfigSchema,
  appServer: appServerConfigSchema,
});
export type Config = Static<typeof configSchema>;

export const migrationsFolder = new URL("./app-server/storage/migrations/", import.meta.url);

/** A running server. */
export interface Installation {
  readonly httpPort: number;
  readonly udpPort: number;
  readonly mqttPort?: number;
  /** Present on the very first start: to be shown once and kept nowhere. */
  readonly administrator?: FirstAdministrator;
  readonly lifecycle: Lifecycle;
}

export interface Surroundings {
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  /** The database has ended by itself: the process cannot go on. */
  readonly onFatal: (reason: string) => void;
}

/** Where the command line finds its API key. */
export const localTokenFile = (dataFolder: string): string => join(dataFolder, "command-line-token");
export const masterKeyFile = (config: Config): string => join(config.dataFolder, "key-encryption-keys");

export const masterKeysOf = (config: Config): MasterKeys =>
  config.keyEncryptionKeys === undefined
    ? loadOrCreateKeyFile(masterKeyFile(config))
    : parseMasterKeys(config.keyEncryptionKeys, "keyEncryptionKeys");

/** What AppSKeys are wrapped under between the roles of this installation. */
const appSKeyKek = (master: MasterKey): KeyEncryptionKey => ({
  kekLabel: `upchirp-${master.id}`,
  kek: deriveKey(master, "AppSKey envelopes", 32),
});

function refuseFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw new ConfigError(faults.join("\n"));
}

/** Starts all three roles in this process. Throws UpchirpError with a sentence that says what to do; nothing runs then. */
export async function startInstallation(config: Config, surroundings: Surroundings): Promise<Installation> {
  const { log, clock, version } = surroundings;
  refuseFaults(checkRegionConfigs(config.networkServer.regions));
  prepareDataFolder(config.dataFolder);
  const metrics = createMetrics();
  metrics.watchProcess();
  const lifecycle = createLifecycle({ log, clock });
  const add = <Value>(name: string, start: () => Promise<Value>, stop: (value: Value) => Promise<void>) =>
    part(lifecycle, name, start, stop);

  const masterKeys = masterKeysOf(config);
  const kek = appSKeyKek(masterKeys.current);
  const vault = createAppSKeyVault({ ...kek, older: masterKeys.older.map(appSKeyKek) });
  const { networkServer, joinServer: joinServerConfig, appServer } = config;

  const database = add(
    "database",
    () => openDatabase(config, surroundings),
    opened => opened.close(),
  );
  const store = add(
    "state store",
    () => openLmdbStore({ folder: join(config.dataFolder, "state"), log, metrics }),
    opened => opened.close(),
  );
  const catalog = add(
    "catalog",
    () => openSqlCatalog({ sql: database().sql, log, maxDevices: networkServer.deviceCacheSize }),
    opened => opened.close(),
  );
  const joins = add(
    "join server",
    async () =>
      createJoinServer({
        sql: database().sql,
        masterKeys,
        config: joinServerConfig,
        appSKeyKek: kek,
      }),
    async () => {},
  );
  const network = add(
    "network server",
    async () => {
      const socket = await openUdpSocket({ ...networkServer.udp, log });
      const { joinServer } = networkServer;
      const server = await startNetworkServer({
        config: networkServer,
        catalog: catalog(),
        store: store(),
        joinServer: joinServer ? createHttpJoinServer(joinServer) : joins(),
        vault,
        socket,
        clock,
        log,
        metrics,
      });
      return { server, socket };
    },
    ({ server }) => server.close(),
  );
  const http = add(
    "http",
    async () =>
      createHttpServer({
        log,
        clock,
        registry: metrics.registry,
        ready: () => lifecycle.ready(),
        checks: {
          database: () => database().sql.run("select 1"),
          "state store": () => store().gatewayStates(),
        },
      }),
    opened => opened.close(),
  );
  const applications = add(
    "application server",
    async () => {
      await http().app.register(joins().routes);
      return startAppServer({
        config: appServer,
        sql: database().sql,
        store: store(),
        network: networkControl(network().server, vault),
        rootKeys: joins().rootKeys,
        vault,
        http: http().app,
        clock,
        log,
        metrics,
        version,
      });
    },
    opened => opened.close(),
  );
  const { bind: host, port } = config.http;
  const httpPort = add(
    "http port",
    () => http().listen({ host, port, option: "--http-port" }),
    async () => {},
  );

  await lifecycle.start();
  const { mqttPort } = applications();
  const { administrator } = database();
  return {
    httpPort: httpPort(),
    udpPort: network().socket.port,
    ...(mqttPort !== undefined && { mqttPort }),
    ...(administrator && { administrator }),
    lifecycle,
  };
}

interface Database {
  readonly sql: Sql;
  close(): Promise<void>;
}

interface CatalogDatabase extends Database {
  readonly administrator?: FirstAdministrator;
}

/** The catalog, brought up to date and usable. */
async function openDatabase(config: Config, surroundings: Surroundings): Promise<CatalogDatabase> {
  const { log, clock } = surroundings;
  const { sql, close } = await connectDatabase(config, surroundings);
  try {
    await migrate(sql, migrationsFolder, log);
    const administrator = await firstStart(sql, { administratorEmail: config.appServer.administratorEmail });
    await ensureLocalToken(createRepositories(sql, clock).apiKeys, localTokenFile(config.dataFolder));
    return { sql, close, ...(administrator && { administrator }) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The database as it is found, embedded unless the configuration names a server. */
export async function connectDatabase(
  config: Config,
  { log, clock, onFatal }: Pick<Surroundings, "log" | "clock" | "onFatal">,
): Promise<Database> {
  const { url } = config.postgres;
  if (url !== undefined) {
    const sql = createPostgres({ connection: { connectionString: url }, log, clock });
    return { sql, close: () => sql.close() };
  }
  prepareDataFolder(config.dataFolder);
  const dataFolder = join(config.dataFolder, "postgres");
  const embedded = await startEmbeddedPostgres({ dataFolder, log, clock, onUnexpectedExit: onFatal });
  const sql = createPostgres({ connection: embedded.connection, log, clock });
  return {
    sql,
    async close() {
      await sql.close();
      await embedded.stop();
    },
  };
}

/** Encrypts every stored root key under the newest key-encryption key; gives how many were under an older one. */
export const reencryptRootKeys = (config: Config, sql: Sql, progress: (done: number) => void): Promise<number> =>
  createRootKeyStore(sql, masterKeysOf(config)).reencrypt(progress);

/** The network server as the API knows it. */
function networkControl(server: NetworkServer, vault: AppSKeyVault): NetworkControl {
  return {
    activate: (devEui, { appSKey, ...activation }) =>
      server.activate(devEui, { ...activation, appSKey: vault.seal(parseAesKey(appSKey)) }),
    deactivate: devEui => server.deactivate(devEui),
    forceRejoin: (devEui, order) => server.forceRejoin(devEui, order),
    async session(devEui) {
      const found = await server.session(devEui);
      if (!found) return undefined;
      const { session, maxPayload } = found;
      const { current } = session.mac;
      return {
        devAddr: session.devAddr,
        macVersion: session.macVersion,
        region: session.region,
        fCntUp: session.fCntUp,
        nFCntDown: session.nFCntDown,
        aFCntDown: session.aFCntDown,
        dataRate: current.dataRate,
        txPowerIndex: current.txPowerIndex,
        nbTrans: current.nbTrans,
        rx1DelaySeconds: current.rx1DelaySeconds,
        rx1DrOffset: current.rx1DrOffset,
        rx2DataRate: current.rx2DataRate,
        rx2FrequencyHz: current.rx2FrequencyHz,
        enabledChannels: current.enabledChannels,
        maxPayload,
        ...(session.lastUplinkAtMs !== undefined && { lastUplinkAtMs: session.lastUplinkAtMs }),
      };
    },
    gateways: async () => server.gateways(),
    gateway: async gatewayId => server.gateway(gatewayId),
    releaseGatewayAddress: gatewayId => server.releaseGatewayAddress(gatewayId),
  };
}

/** A part of the lifecycle whose value later parts use. */
function part<Value>(
  lifecycle: Lifecycle,
  name: string,
  start: () => Promise<Value>,
  stop: (value: Value) => Promise<void>,
): () => Value {
  let started: { readonly value: Value } | undefined;
  const get = (): Value => {
    if (!started) throw new Error(`${name} is used before it has started`);
    return started.value;
  };
  lifecycle.add({
    name,
    async start() {
      started = { value: await start() };
    },
    stop: () => stop(get()),
  });
  return get;
}

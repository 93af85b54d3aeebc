import Type from "typebox";
import type { AppSKeyVault } from "../app-server/ports.ts";
import type { Config } from "../compose/config.ts";
import { openDatabase } from "../compose/database.ts";
import { installationKeys } from "../compose/keys.ts";
import { openState } from "../compose/state.ts";
import { createRootKeyStore } from "../join-server/device-keys.ts";
import { parseDevAddr, parseDevEui } from "../lorawan/ids.ts";
import { openSqlCatalog } from "../network-server/catalog/sql-catalog.ts";
import type { NetworkServerControl } from "../network-server/control.ts";
import type { Catalog, DeviceConfig } from "../network-server/ports.ts";
import { createStoreControl } from "../network-server/store-control.ts";
import { systemClock } from "../platform/clock.ts";
import { createLog, type Log } from "../platform/log.ts";
import { createMetrics } from "../platform/metrics.ts";
import { createLocalPeers } from "../platform/peers/local.ts";
import type { Sql } from "../platform/sql.ts";
import { loadRegion } from "../simulators/load/datagrams.ts";
import {
  describeDevices,
  devEuiOf,
  gatewayIdOf,
  joinEuiOf,
  type LoadDevice,
  type Population,
} from "../simulators/load/population.ts";

/** Devices and gateways that are made from one seed. */
export interface ProvisionedGroup {
  readonly population: Population;
  readonly gateways: number;
  /** Sessions, or root keys to join with. */
  readonly activation: "abp" | "otaa";
}

export interface ProvisionOptions {
  readonly config: Config;
  readonly groups: readonly ProvisionedGroup[];
  readonly progress: (text: string) => void;
}

const id = Type.Object({ id: Type.String() });
const batchSize = 5_000;
const gatewayRateLimit = 1_000_000;

/**
 * Puts devices and gateways into an installation that does not run: through SQL and the network server's own activation, since
 * the REST API would take an hour for a million devices.
 */
export async function provision(options: ProvisionOptions): Promise<void> {
  const { config } = options;
  const log = createLog({ level: "error" });
  const onFatal = (reason: string): never => {
    throw new Error(reason);
  };
  const { sql, close } = await openDatabase(config, { log, clock: systemClock, onFatal });
  try {
    const places = await makePlaces(sql);
    for (const group of options.groups) {
      await fillCatalog(sql, places, group, options.progress);
      if (group.activation === "abp") await activateAll(sql, log, group, options);
      else await storeRootKeys(sql, group, options);
    }
  } finally {
    await close();
  }
}

async function insertOne(sql: Sql, text: string, values: readonly unknown[]): Promise<string> {
  const [row] = await sql.rows(id, text, values);
  if (row === undefined) throw new Error("the database gave no row back");
  return row.id;
}

interface Places {
  readonly tenantId: string;
  readonly applicationId: string;
  readonly profileId: string;
}

async function makePlaces(sql: Sql): Promise<Places> {
  const tenantId = await insertOne(sql, "insert into tenants (name) values ('Benchmark') returning id", []);
  const applicationId = await insertOne(
    sql,
    "insert into applications (tenant_id, name) values ($1, 'Benchmark') returning id",
    [tenantId],
  );
  const profileId = await insertOne(
    sql,
    `insert into device_profiles (tenant_id, name, region, mac_version, regional_parameters, adr_algorithm,
       device_status_interval_s)
     values ($1, 'Benchmark', $2, $3, $4, 'none', 0) returning id`,
    [tenantId, loadRegion.name, loadRegion.macVersion, loadRegion.revision],
  );
  return { tenantId, applicationId, profileId };
}

type Progress = ProvisionOptions["progress"];

async function fillCatalog(
  sql: Sql,
  { tenantId, applicationId, profileId }: Places,
  { population, gateways }: ProvisionedGroup,
  progress: Progress,
): Promise<void> {
  await sql.run(
    `insert into gateways (gateway_id, tenant_id, name, rate_limit)
     select gateway_id, $1, gateway_id, $3 from unnest($2::text[]) as gateway_id`,
    [tenantId, Array.from({ length: gateways }, (_, number) => gatewayIdOf(population.seed, number)), gatewayRateLimit],
  );
  await inBatches(population.devices, "devices in the catalog", progress, async (from, to) => {
    const devEuis = Array.from({ length: to - from }, (_, offset) => devEuiOf(population.seed, from + offset));
    await sql.run(
      `insert into devices (dev_eui, application_id, device_profile_id, join_eui, name)
       select dev_eui, $1, $2, $3, dev_eui from unnest($4::text[]) as dev_eui`,
      [applicationId, profileId, joinEuiOf(population.seed), devEuis],
    );
  });
}

async function activateAll(
  sql: Sql,
  log: Log,
  { population }: ProvisionedGroup,
  { config, progress }: ProvisionOptions,
): Promise<void> {
  const catalog = await openSqlCatalog({ sql, log, maxDevices: 1000 });
  const first = await catalog.device(parseDevEui(devEuiOf(population.seed, 0)));
  await catalog.close();
  if (!first) throw new Error("the first device is not in the catalog");
  const store = await openState(config, { log, clock: systemClock }, createMetrics());
  const { vault } = installationKeys(config);
  const { regions, netId } = config.networkServer;
  const control = createStoreControl({
    config: { netId },
    regionConfigs: () => regions,
    catalog: catalogOfLikes(first),
    store,
    // No server runs that would have to hear of it.
    peers: createLocalPeers(systemClock).join(),
    clock: systemClock,
  });
  try {
    const describe = describeDevices(population);
    const activateOne = (device: number) => activate(control, vault, describe(device));
    await inBatches(population.devices, "sessions", progress, async (from, to) => {
      await Promise.all(Array.from({ length: to - from }, (_, offset) => activateOne(from + offset)));
    });
  } finally {
    await store.close();
  }
}

function storeRootKeys(
  sql: Sql,
  { population }: ProvisionedGroup,
  { config, progress }: ProvisionOptions,
): Promise<void> {
  const describe = describeDevices(population);
  const rootKeys = createRootKeyStore(sql, installationKeys(config).masterKeys);
  return inBatches(population.devices, "root keys", progress, async (from, to) => {
    const devices = Array.from({ length: to - from }, (_, offset) => describe(from + offset));
    await Promise.all(devices.map(({ devEui, appKey }) => rootKeys.put(parseDevEui(devEui), { nwkKey: appKey })));
  });
}

function activate(
  control: Pick<NetworkServerControl, "activate">,
  vault: AppSKeyVault,
  { devEui, devAddr, nwkSKey, appSKey }: LoadDevice,
): Promise<void> {
  // LoRaWAN 1.0 has one network key in the place of three.
  const networkKey = Buffer.from(nwkSKey).toString("hex");
  return control.activate(parseDevEui(devEui), {
    devAddr: parseDevAddr(devAddr),
    appSKey: vault.seal(appSKey),
    fNwkSIntKey: networkKey,
    sNwkSIntKey: networkKey,
    nwkSEncKey: networkKey,
    fCntUp: 0,
    nFCntDown: 0,
    aFCntDown: 0,
  });
}

/** All devices of the population are alike but for their name. */
const catalogOfLikes = (first: DeviceConfig): Catalog => ({
  device: async devEui => ({ ...first, devEui }),
  knownDevice: devEui => ({ ...first, devEui }),
  gateway: async () => undefined,
  onDeviceChanged: () => {},
  onGatewayChanged: () => {},
});

async function inBatches(
  count: number,
  what: string,
  progress: Progress,
  work: (from: number, to: number) => Promise<void>,
): Promise<void> {
  let told = 0;
  for (let from = 0; from < count; from += batchSize) {
    const to = Math.min(count, from + batchSize);
    await work(from, to);
    if (to - told < 100_000 && to < count) continue;
    told = to;
    progress(`${to} of ${count} ${what}`);
  }
}

import { readFileSync, writeFileSync } from "node:fs";
import { createAuditLog } from "../app-server/storage/audit-log.ts";
import { createRepositories } from "../app-server/storage/repositories.ts";
import type { MigrationOrigin, MigrationRequest } from "../cli/migration-request.ts";
import { createRootKeyStore } from "../join-server/device-keys.ts";
import { createNonceStore } from "../join-server/nonces.ts";
import { unwrapKey } from "../lorawan/backend/key-envelope.ts";
import type { CarriedKey } from "../migration/carried.ts";
import { openPostgresSource, openSqliteSource, type SourceDatabase } from "../migration/chirpstack/database.ts";
import { openRedisSource } from "../migration/chirpstack/redis.ts";
import { createChirpStackSource } from "../migration/chirpstack/source.ts";
import { migrateFrom } from "../migration/migrate.ts";
import { type Report, reportJson, reportText } from "../migration/report.ts";
import type { MigrationSource } from "../migration/source.ts";
import type { MigrationTarget } from "../migration/target.ts";
import { createThingsStackSource, type ExportFile } from "../migration/things-stack/source.ts";
import { readRegionConfigs } from "../network-server/catalog/region-configs.ts";
import type { RegionConfig } from "../network-server/config.ts";
import { allRegionConfigs } from "../network-server/region-config.ts";
import { prepareDataFolder } from "../platform/data-folder.ts";
import { createMetrics } from "../platform/metrics.ts";
import type { Config } from "./config.ts";
import { type Database, openDatabase, prepareCatalog } from "./database.ts";
import { type InstallationKeys, installationKeys } from "./keys.ts";
import { openState } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Brings what another server has into this installation; `write` gets lines for the operator. With embedded parts no server may run
 * meanwhile, and `openState` says so. Resolves with true if nothing was faulty. Throws UpchirpError.
 */
export async function migrateFromOther(
  config: Config,
  surroundings: Pick<Surroundings, "log" | "clock" | "onFatal">,
  request: MigrationRequest,
  write: (text: string) => void,
): Promise<boolean> {
  // A dry run makes nothing, a key file least of all.
  const target = request.isDryRun ? undefined : await openTarget(config, surroundings);
  try {
    const source = await openSource(request.origin, openerOf(config, request));
    try {
      const { report, regionBlocks } = await migrateFrom({
        source,
        ...(target && { target: target.parts }),
        regionConfigs: await regionConfigsOf(config, target, surroundings),
        envelopeOf: key => ("key" in key ? (target?.keys.vault.seal(key.key) ?? { aesKey: "" }) : key),
        skippedDownlinks: request.skippedDownlinks,
        withQueues: request.withQueues,
        clock: surroundings.clock,
        prepare: async () => {
          if (target) await prepare(config, target, surroundings, write);
        },
        progress: devices => write(`${devices} devices read\n`),
      });
      const document = { isDryRun: request.isDryRun, regionBlocks };
      write(reportText(report, document));
      if (request.reportFile !== undefined)
        writeFileSync(request.reportFile, reportJson(report, document), { mode: 0o600 });
      if (target) await noteInAuditLog(target, surroundings, request.origin.kind, report);
      return report.faults().length === 0;
    } finally {
      await source.close();
    }
  } finally {
    await target?.close();
  }
}

/** With those that were made in the catalog, where there is one. */
async function regionConfigsOf(
  { networkServer: { regions } }: Config,
  target: OpenTarget | undefined,
  { log }: Pick<Surroundings, "log">,
): Promise<readonly RegionConfig[]> {
  return allRegionConfigs(regions, target ? await readRegionConfigs(target.database.sql, log) : []);
}

/** Opens keys under one of the key-encryption keys at hand, and leaves others as they are. */
function openerOf(config: Config, { keks }: MigrationRequest): (key: CarriedKey) => CarriedKey {
  const { kekLabel, kek } = config.networkServer.joinServer ?? {};
  const known = new Map(keks.map(each => [each.kekLabel, each.kek]));
  if (kekLabel !== undefined && kek !== undefined) known.set(kekLabel, Buffer.from(kek, "hex"));
  return key => {
    if ("key" in key) return key;
    const kek = known.get(key.kekLabel);
    const opened = kek && unwrapKey(kek, Buffer.from(key.aesKey, "hex"));
    return opened?.length === 16 ? { key: opened } : key;
  };
}

async function openSource(origin: MigrationOrigin, opened: (key: CarriedKey) => CarriedKey): Promise<MigrationSource> {
  if (origin.kind === "things-stack") {
    const file = (name: string): ExportFile => ({ name, read: () => readFileSync(name, "utf8") });
    const { devices, gateways, tenant } = origin;
    return createThingsStackSource({ devices: devices.map(file), gateways: gateways.map(file), tenant, opened });
  }
  const database = await openSourceDatabase(origin.database);
  try {
    const redis = origin.redis === undefined ? undefined : await openRedisSource(origin.redis, origin.redisPrefix);
    return createChirpStackSource({ database, opened, ...(redis && { redis }) });
  } catch (error) {
    await database.close();
    throw error;
  }
}

const openSourceDatabase = (
  database: Extract<MigrationOrigin, { kind: "chirpstack" }>["database"],
): Promise<SourceDatabase> =>
  "postgres" in database ? openPostgresSource(database.postgres) : openSqliteSource(database.sqlite);

interface OpenTarget {
  readonly parts: MigrationTarget;
  readonly database: Database;
  readonly keys: InstallationKeys;
  close(): Promise<void>;
}

async function openTarget(
  config: Config,
  surroundings: Pick<Surroundings, "log" | "clock" | "onFatal">,
): Promise<OpenTarget> {
  prepareDataFolder(config.dataFolder);
  const keys = installationKeys(config);
  const database = await openDatabase(config, surroundings);
  try {
    const store = await openState(config, surroundings, createMetrics());
    const { sql } = database;
    return {
      database,
      keys,
      parts: {
        sql,
        store,
        repositories: createRepositories(sql, surroundings.clock),
        rootKeys: createRootKeyStore(sql, keys.masterKeys),
        nonces: createNonceStore(sql),
      },
      async close() {
        await store.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Before users come, since a catalog with users gets no administrator of its own: theirs may have passwords that nobody knows. */
async function prepare(
  config: Config,
  { database: { sql } }: OpenTarget,
  surroundings: Pick<Surroundings, "clock">,
  write: (text: string) => void,
): Promise<void> {
  const administrator = await prepareCatalog(config, sql, surroundings);
  if (!administrator) return;
  const { email, password } = administrator;
  write(`An administrator has been created. The password is shown now and never again: ${email}, ${password}\n\n`);
}

async function noteInAuditLog(
  { database: { sql }, keys }: OpenTarget,
  { clock }: Pick<Surroundings, "clock">,
  origin: string,
  report: Report,
): Promise<void> {
  await createAuditLog(sql, clock, keys.auditKeys).add({
    actor: { kind: "nobody", id: null, name: "upchirp migrate-from" },
    address: "",
    tenantId: null,
    action: `migrate-from ${origin}`,
    subject: {},
    request: report.counts(),
    status: 200,
  });
}

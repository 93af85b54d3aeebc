import { join } from "node:path";
import { ensureLocalToken } from "../app-server/local-token.ts";
import { type FirstAdministrator, firstStart } from "../app-server/storage/first-start.ts";
import { createRepositories } from "../app-server/storage/repositories.ts";
import { createRootKeyStore } from "../join-server/device-keys.ts";
import { prepareDataFolder } from "../platform/data-folder.ts";
import { startEmbeddedPostgres } from "../platform/embedded-postgres.ts";
import { deriveKey } from "../platform/key-file.ts";
import { migrate } from "../platform/migrate.ts";
import { createPostgres, type PostgresConnection } from "../platform/postgres.ts";
import type { Sql } from "../platform/sql.ts";
import type { Config } from "./config.ts";
import { masterKeysOf } from "./keys.ts";
import type { Surroundings } from "./surroundings.ts";

export const migrationsFolder = new URL("../app-server/storage/migrations/", import.meta.url);

/** Where the command line finds its API key. */
export const localTokenFile = (dataFolder: string): string => join(dataFolder, "command-line-token");

export interface Database {
  readonly sql: Sql;
  /** For further connections of this process. */
  readonly connection: PostgresConnection;
  close(): Promise<void>;
}

/** The database as it is found, embedded unless the configuration names a server. */
export async function connectDatabase(
  config: Config,
  { log, clock, onFatal }: Pick<Surroundings, "log" | "clock" | "onFatal">,
): Promise<Database> {
  const { url } = config.postgres;
  if (url !== undefined) {
    const connection = { connectionString: url };
    const sql = createPostgres({ connection, log, clock });
    return { sql, connection, close: () => sql.close() };
  }
  prepareDataFolder(config.dataFolder);
  const dataFolder = join(config.dataFolder, "postgres");
  const embedded = await startEmbeddedPostgres({ dataFolder, log, clock, onUnexpectedExit: onFatal });
  const { connection } = embedded;
  const sql = createPostgres({ connection, log, clock });
  return {
    sql,
    connection,
    async close() {
      await sql.close();
      await embedded.stop();
    },
  };
}

/** The catalog, brought up to date. */
export async function openDatabase(
  config: Config,
  surroundings: Pick<Surroundings, "log" | "clock" | "onFatal">,
): Promise<Database> {
  const database = await connectDatabase(config, surroundings);
  try {
    await migrate(database.sql, migrationsFolder, surroundings.log);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Makes a new catalog usable, and this machine's command line. */
export async function prepareCatalog(
  config: Config,
  sql: Sql,
  { clock }: Pick<Surroundings, "clock">,
): Promise<FirstAdministrator | undefined> {
  const administrator = await firstStart(sql, { administratorEmail: config.appServer.administratorEmail });
  const { apiKeys } = createRepositories(sql, clock);
  const secret = deriveKey(masterKeysOf(config).current, "command line", 32);
  await ensureLocalToken({ apiKeys, clock, secret, path: localTokenFile(config.dataFolder) });
  return administrator;
}

/** Encrypts every stored root key under the newest key-encryption key; gives how many were under an older one. */
export const reencryptRootKeys = (config: Config, sql: Sql, progress: (done: number) => void): Promise<number> =>
  createRootKeyStore(sql, masterKeysOf(config)).reencrypt(progress);

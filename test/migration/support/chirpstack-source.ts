import { openPostgresSource, openSqliteSource } from "../../../migration/chirpstack/database.ts";
import type { SourceRedis } from "../../../migration/chirpstack/redis.ts";
import { createChirpStackSource } from "../../../migration/chirpstack/source.ts";
import type { MigrationSource } from "../../../migration/source.ts";
import { chirpStackPostgres, chirpStackSqlite, type Fixture } from "./chirpstack-database.ts";
import { type FixtureDevice, installation } from "./chirpstack-fixture.ts";
import type { Generation } from "./chirpstack-schema.ts";

export interface SourceChanges {
  readonly engine?: "SQLite" | "PostgreSQL";
  readonly generation?: Generation;
  readonly redis?: SourceRedis;
  /** What the database has beside, or in place of, the usual installation. */
  readonly fixture?: (usual: Fixture) => Fixture;
}

/** An installation of ChirpStack with these devices. */
export async function sourceOf(
  devices: readonly FixtureDevice[],
  changes: SourceChanges = {},
): Promise<MigrationSource> {
  const { engine = "SQLite", generation = "4.19", redis, fixture = usual => usual } = changes;
  const rows = fixture(installation(generation, devices));
  const database =
    engine === "SQLite"
      ? await openSqliteSource(chirpStackSqlite(generation, rows))
      : await openPostgresSource(await chirpStackPostgres(generation, rows));
  return createChirpStackSource({ database, opened: key => key, ...(redis && { redis }) });
}

import Type from "typebox";
import Value from "typebox/value";
import { regionNames } from "../../lorawan/region/region.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Sql } from "../../platform/sql.ts";
import { type RegionConfig, regionConfigSchema } from "../config.ts";
import type { RegionConfigs, StoredRegionConfig } from "../ports.ts";

export interface RegionConfigsOptions {
  readonly sql: Sql;
  /** All that count, with those of the configuration file. */
  readonly together: (stored: readonly StoredRegionConfig[]) => readonly RegionConfig[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface LiveRegionConfigs {
  readonly current: RegionConfigs;
  /** Stops listening; the database stays open. */
  close(): Promise<void>;
}

/** How soon they are read again when the database was away. */
const retryMs = 1_000;

/**
 * The region configurations in memory, kept fresh by the database's notifications. Rejects with SqlError when the database is
 * away at the start; while it is away later, those that were read last are served.
 */
export async function openRegionConfigs({
  sql,
  together,
  clock,
  log,
}: RegionConfigsOptions): Promise<LiveRegionConfigs> {
  let current: readonly RegionConfig[] = together([]);
  let wanted = 0;
  let cancelRetry = (): void => {};
  let isClosed = false;
  const read = async (): Promise<void> => {
    wanted += 1;
    const asked = wanted;
    const stored = await readRegionConfigs(sql, log);
    // What was asked for later knows more, whichever answer comes first.
    if (asked === wanted) current = together(stored);
  };
  const refresh = (): void => {
    cancelRetry();
    if (isClosed) return;
    read().catch((error: unknown) => {
      log.warn({ err: error }, "region configurations could not be read anew; the earlier ones stay in force");
      cancelRetry();
      if (!isClosed) cancelRetry = clock.after(retryMs, refresh);
    });
  };
  const unlisten = await sql.listen(
    "catalog",
    payload => {
      if (payload.startsWith("region_configs ")) refresh();
    },
    refresh,
  );
  await read();
  return {
    current: () => current,
    async close() {
      isClosed = true;
      cancelRetry();
      await unlisten();
    },
  };
}

const Row = Type.Object({
  id: Type.String(),
  region: Type.Enum([...regionNames]),
  isDefault: Type.Boolean(),
  settings: Type.Unknown(),
});
const query = `select id, region, is_default as "isDefault", settings from region_configs order by created_at, id`;

/** In the order in which they were made. Rejects with SqlError. */
export async function readRegionConfigs(
  sql: Pick<Sql, "rows">,
  log: Pick<Log, "error">,
): Promise<readonly StoredRegionConfig[]> {
  return (await sql.rows(Row, query)).flatMap(({ id, region, isDefault, settings }) => {
    const config = Value.Default(regionConfigSchema, { ...asObject(settings), id, region });
    if (Value.Check(regionConfigSchema, config)) return [{ config, isDefault }];
    log.error({ regionConfigId: id }, "a stored region configuration is not one of this version, and is left out");
    return [];
  });
}

const asObject = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});

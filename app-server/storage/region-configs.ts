import Type from "typebox";
import { parseDeviceProfileId, parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { CatalogConflict } from "../catalog-ports.ts";
import type {
  RegionConfigStore,
  RegionConfigUses,
  RegionSettings,
  StoredRegionConfig,
} from "../region-config-ports.ts";
import { type Columns, jsonColumn, selectList, timestampSorts } from "./statement.ts";
import { createTable, type RowCheck, type TableDefinition } from "./table.ts";

const Row = Type.Object({
  id: Type.String(),
  region: Type.Enum([...regionNames]),
  description: Type.String(),
  isDefault: Type.Boolean(),
  // Written by this program alone, after the API has checked it.
  settings: Type.Unsafe<RegionSettings>(Type.Object({})),
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = {
  id: { name: "id" },
  region: { name: "region" },
  description: { name: "description" },
  isDefault: { name: "is_default" },
  settings: jsonColumn("settings"),
};
const table: TableDefinition<typeof Row, StoredRegionConfig> = {
  name: "region_configs",
  key: "id",
  row: Row,
  columns,
  selected: selectList(columns, "region_configs"),
  sorts: timestampSorts("region_configs"),
  placeOf: (row, by) => [by === "name" ? row.id : row[by], row.id],
  toItem: row => ({ ...row, source: "catalog" }),
  taken: "There is already a region configuration with this id.",
};

/** More than anybody has; each process holds them all in memory. */
const most = 1000;
const usesShown = 100;

export function createRegionConfigs(sql: Sql): RegionConfigStore {
  const { list, get, add, update, remove } = createTable(sql, table);
  return {
    list: async () => (await list([], { limit: most, sort: { by: "createdAt", descending: false } })).items,
    get,
    create: config =>
      sql.transaction(async transaction => {
        if (config.isDefault) await takeDefault(transaction, config);
        return add(config, transaction);
      }),
    update: (id, change, check) =>
      update(id, change, check, async (before, transaction) => {
        if (change.isDefault === true) await takeDefault(transaction, before);
      }),
    remove: (id, check) => remove(id, check, refuseUsed),
    uses: id => usesOf(sql, id),
  };
}

const takeDefault = (sql: SqlTransaction, { id, region }: Pick<StoredRegionConfig, "id" | "region">) =>
  sql.run(
    "update region_configs set is_default = false, updated_at = now() where region = $1 and is_default and id <> $2",
    [region, id],
  );

const refuseUsed: RowCheck<StoredRegionConfig> = async ({ id, isDefault, region }, sql) => {
  if (isDefault) {
    throw new CatalogConflict(
      "still_in_use",
      `It is the default of ${region}: make another one the default, or none, then delete it.`,
    );
  }
  const { gatewayCount, deviceProfileCount } = await usesOf(sql, id);
  if (gatewayCount + deviceProfileCount === 0) return;
  throw new CatalogConflict(
    "still_in_use",
    `It is named by ${deviceProfileCount} device profiles and ${gatewayCount} gateways; change them first.`,
  );
};

const GatewayRow = Type.Object({
  gatewayId: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  total: Type.Integer(),
});
const ProfileRow = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  total: Type.Integer(),
});

async function usesOf(sql: SqlTransaction, id: string): Promise<RegionConfigUses> {
  const end = `tenant_id as "tenantId", name, (count(*) over ())::integer as total`;
  const where = `where region_config_id = $1 order by name limit ${usesShown}`;
  const gateways = await sql.rows(GatewayRow, `select gateway_id as "gatewayId", ${end} from gateways ${where}`, [id]);
  const profiles = await sql.rows(ProfileRow, `select id, ${end} from device_profiles ${where}`, [id]);
  return {
    gatewayCount: gateways[0]?.total ?? 0,
    deviceProfileCount: profiles[0]?.total ?? 0,
    gateways: gateways.map(({ gatewayId, tenantId, name }) => ({
      gatewayId: parseGatewayId(gatewayId),
      tenantId: parseTenantId(tenantId),
      name,
    })),
    deviceProfiles: profiles.map(row => ({
      id: parseDeviceProfileId(row.id),
      tenantId: parseTenantId(row.tenantId),
      name: row.name,
    })),
  };
}

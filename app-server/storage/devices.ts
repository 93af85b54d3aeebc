import Type, { type Static } from "typebox";
import {
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseJoinEui,
  parseTenantId,
} from "../../lorawan/ids.ts";
import { macVersions } from "../../lorawan/version.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { CatalogConflict, type Device, type DeviceFilter, type Devices } from "../catalog-ports.ts";
import { listDeviceStates } from "./device-states.ts";
import { type Columns, jsonColumn, MacColumn, selectList, TagsColumn, timestampSorts } from "./statement.ts";
import {
  type Condition,
  createTable,
  equal,
  namedOrEui,
  type TableDefinition,
  withinScope,
  withTags,
} from "./table.ts";
import { keepWithinLimit } from "./tenant-limits.ts";

const Row = Type.Object({
  devEui: Type.String(),
  joinEui: Type.String(),
  tenantId: Type.String(),
  applicationId: Type.String(),
  deviceProfileId: Type.String(),
  macVersion: Type.Enum([...macVersions]),
  name: Type.String(),
  description: Type.String(),
  isDisabled: Type.Boolean(),
  resetsFCnt: Type.Boolean(),
  mac: MacColumn,
  variables: TagsColumn,
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = {
  devEui: { name: "dev_eui" },
  joinEui: { name: "join_eui" },
  applicationId: { name: "application_id" },
  deviceProfileId: { name: "device_profile_id" },
  name: { name: "name" },
  description: { name: "description" },
  isDisabled: { name: "is_disabled" },
  resetsFCnt: { name: "resets_f_cnt" },
  mac: jsonColumn("mac"),
  variables: jsonColumn("variables"),
  tags: jsonColumn("tags"),
};
const toDevice = (row: Static<typeof Row>): Device => ({
  ...row,
  devEui: parseDevEui(row.devEui),
  joinEui: parseJoinEui(row.joinEui),
  tenantId: parseTenantId(row.tenantId),
  applicationId: parseApplicationId(row.applicationId),
  deviceProfileId: parseDeviceProfileId(row.deviceProfileId),
});

/** Keeps application and profile from being deleted until the transaction ends. */
async function requireOneTenant(
  sql: SqlTransaction,
  applicationId: string,
  deviceProfileId: string,
  tenantId: string | undefined,
): Promise<void> {
  const found = await sql.rows(
    Type.Object({ tenantId: Type.String() }),
    `select a.tenant_id as "tenantId" from applications a join device_profiles p on p.tenant_id = a.tenant_id
       where a.id = $1 and p.id = $2 for key share`,
    [applicationId, deviceProfileId],
  );
  if (found.length === 0 || (tenantId !== undefined && found[0]?.tenantId !== tenantId)) {
    throw new CatalogConflict("different_tenant", "Application and device profile must exist in the device's tenant.");
  }
}

export const deviceTable: TableDefinition<typeof Row, Device> = {
  name: "devices",
  key: "dev_eui",
  row: Row,
  columns,
  selected: `${selectList(columns, "devices")}, a.tenant_id as "tenantId", p.mac_version as "macVersion"`,
  from: `devices join applications a on a.id = devices.application_id
    join device_profiles p on p.id = devices.device_profile_id`,
  sorts: { name: "devices.name", ...timestampSorts("devices") },
  placeOf: (row, by) => [row[by], row.devEui],
  toItem: toDevice,
  taken: "There is already a device with this DevEUI.",
};

const conditionsOf = (filter: DeviceFilter): readonly Condition[] => [
  withinScope(filter.tenants, "a.tenant_id", filter.applications, "a.id"),
  equal(filter.applicationId, "devices.application_id"),
  equal(filter.deviceProfileId, "devices.device_profile_id"),
  equal(filter.isDisabled, "devices.is_disabled"),
  namedOrEui(filter.search, "devices.name", "devices.dev_eui"),
  withTags(filter.tags, "devices"),
];

export function createDevices(sql: Sql): Devices {
  const table = createTable(sql, deviceTable);
  return {
    list: (filter, page) => table.list(conditionsOf(filter), page),
    listStates: ({ state, ...filter }, page) => listDeviceStates(sql, conditionsOf(filter), state, page),
    get: table.get,
    create: device =>
      sql.transaction(async transaction => {
        await requireOneTenant(transaction, device.applicationId, device.deviceProfileId, undefined);
        const added = await table.add(device, transaction);
        await keepWithinLimit(transaction, added.tenantId, "devices");
        return added;
      }),
    update: (devEui, change, check) =>
      table.update(devEui, change, check, (before, transaction) => {
        const { applicationId = before.applicationId, deviceProfileId = before.deviceProfileId } = change;
        return requireOneTenant(transaction, applicationId, deviceProfileId, before.tenantId);
      }),
    remove: table.remove,
  };
}

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
import { CatalogConflict, type Device, type Devices } from "../catalog-ports.ts";
import {
  assignment,
  type Columns,
  insertion,
  jsonColumn,
  listPage,
  MacColumn,
  mapPage,
  scopeValue,
  TagsColumn,
  timestampColumns,
} from "./statement.ts";

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
const selected = `select ${Object.entries(columns)
  .map(([member, column]) => `d.${column.name} as "${member}"`)
  .join(", ")}, a.tenant_id as "tenantId", p.mac_version as "macVersion", ${timestampColumns("d")}
  from devices d join applications a on a.id = d.application_id join device_profiles p on p.id = d.device_profile_id`;

const toDevice = (row: Static<typeof Row>): Device => ({
  ...row,
  devEui: parseDevEui(row.devEui),
  joinEui: parseJoinEui(row.joinEui),
  tenantId: parseTenantId(row.tenantId),
  applicationId: parseApplicationId(row.applicationId),
  deviceProfileId: parseDeviceProfileId(row.deviceProfileId),
});

async function getDevice(sql: SqlTransaction, devEui: string): Promise<Device | undefined> {
  const [row] = await sql.rows(Row, `${selected} where d.dev_eui = $1`, [devEui]);
  return row && toDevice(row);
}

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

export function createDevices(sql: Sql): Devices {
  return {
    async list({ tenants, applicationId, search }, page) {
      const values: unknown[] = [scopeValue(tenants)];
      let text = `${selected} where ($1::uuid[] is null or a.tenant_id = any($1))`;
      if (applicationId !== undefined) text += ` and d.application_id = $${values.push(applicationId)}`;
      if (search !== undefined) {
        const name = values.push(search);
        const digits = values.push(search.replace(/[-:]/g, "").toLowerCase());
        // Separators alone are no beginning of a DevEUI, and "" would begin every one.
        const isEui = `$${digits}::text <> '' and starts_with(d.dev_eui, $${digits})`;
        text += ` and (starts_with(lower(d.name), lower($${name})) or (${isEui}))`;
      }
      const query = { text, values, orderBy: "d.name", key: "d.dev_eui" };
      return mapPage(await listPage(sql, Row, query, page, row => [row.name, row.devEui]), toDevice);
    },
    get: devEui => getDevice(sql, devEui),
    create: device =>
      sql.transaction(async transaction => {
        await requireOneTenant(transaction, device.applicationId, device.deviceProfileId, undefined);
        const { text, values } = insertion(columns, device);
        const added = await transaction.run(`insert into devices ${text} on conflict (dev_eui) do nothing`, values);
        const created = added === 0 ? undefined : await getDevice(transaction, device.devEui);
        if (created === undefined) {
          throw new CatalogConflict("already_exists", "There is already a device with this DevEUI.");
        }
        return created;
      }),
    update: (devEui, change) =>
      sql.transaction(async transaction => {
        const before = await getDevice(transaction, devEui);
        if (before === undefined) return undefined;
        const { applicationId = before.applicationId, deviceProfileId = before.deviceProfileId } = change;
        await requireOneTenant(transaction, applicationId, deviceProfileId, before.tenantId);
        const { text, values } = assignment(columns, change);
        await transaction.run(`update devices set ${text} where dev_eui = $1`, [devEui, ...values]);
        return getDevice(transaction, devEui);
      }),
    async remove(devEui) {
      return (await sql.run("delete from devices where dev_eui = $1", [devEui])) > 0;
    },
  };
}

import Type, { type Static } from "typebox";
import { parseDeviceProfileId, parseTenantId } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../../lorawan/version.ts";
import type { Sql } from "../../platform/sql.ts";
import {
  adrAlgorithms,
  CatalogConflict,
  codecKinds,
  type DeviceProfile,
  type DeviceProfiles,
} from "../catalog-ports.ts";
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
  id: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  description: Type.String(),
  region: Type.Enum([...regionNames]),
  regionConfigId: Type.Union([Type.String(), Type.Null()]),
  macVersion: Type.Enum([...macVersions]),
  regionalParameters: Type.Enum([...regionalParametersRevisions]),
  supportsOtaa: Type.Boolean(),
  supportsClassB: Type.Boolean(),
  supportsClassC: Type.Boolean(),
  classBTimeoutSeconds: Type.Integer(),
  classCTimeoutSeconds: Type.Integer(),
  adrAlgorithm: Type.Enum([...adrAlgorithms]),
  adrScript: Type.String(),
  adrMinDataRate: Type.Union([Type.Integer(), Type.Null()]),
  adrMaxDataRate: Type.Union([Type.Integer(), Type.Null()]),
  mac: MacColumn,
  expectedUplinkIntervalSeconds: Type.Integer(),
  deviceStatusIntervalSeconds: Type.Integer(),
  flushQueueOnActivate: Type.Boolean(),
  confirmedDownlinkRetries: Type.Integer(),
  abpRx1DelaySeconds: Type.Integer(),
  abpRx1DrOffset: Type.Integer(),
  abpRx2DataRate: Type.Union([Type.Integer(), Type.Null()]),
  abpRx2FrequencyHz: Type.Union([Type.Integer(), Type.Null()]),
  codec: Type.Enum([...codecKinds]),
  codecScript: Type.String(),
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = {
  tenantId: { name: "tenant_id" },
  name: { name: "name" },
  description: { name: "description" },
  region: { name: "region" },
  regionConfigId: { name: "region_config_id" },
  macVersion: { name: "mac_version" },
  regionalParameters: { name: "regional_parameters" },
  supportsOtaa: { name: "supports_otaa" },
  supportsClassB: { name: "supports_class_b" },
  supportsClassC: { name: "supports_class_c" },
  classBTimeoutSeconds: { name: "class_b_timeout_s" },
  classCTimeoutSeconds: { name: "class_c_timeout_s" },
  adrAlgorithm: { name: "adr_algorithm" },
  adrScript: { name: "adr_script" },
  adrMinDataRate: { name: "adr_min_data_rate" },
  adrMaxDataRate: { name: "adr_max_data_rate" },
  mac: jsonColumn("mac"),
  expectedUplinkIntervalSeconds: { name: "expected_uplink_interval_s" },
  deviceStatusIntervalSeconds: { name: "device_status_interval_s" },
  flushQueueOnActivate: { name: "flush_queue_on_activate" },
  confirmedDownlinkRetries: { name: "confirmed_downlink_retries" },
  abpRx1DelaySeconds: { name: "abp_rx1_delay_s" },
  abpRx1DrOffset: { name: "abp_rx1_dr_offset" },
  abpRx2DataRate: { name: "abp_rx2_data_rate" },
  abpRx2FrequencyHz: { name: "abp_rx2_frequency_hz" },
  codec: { name: "codec" },
  codecScript: { name: "codec_script" },
  tags: jsonColumn("tags"),
};
const selected = [
  "device_profiles.id",
  ...Object.entries(columns).map(([member, column]) => `${column.name} as "${member}"`),
  timestampColumns("device_profiles"),
].join(", ");

const toDeviceProfile = (row: Static<typeof Row>): DeviceProfile => ({
  ...row,
  id: parseDeviceProfileId(row.id),
  tenantId: parseTenantId(row.tenantId),
});

export function createDeviceProfiles(sql: Sql): DeviceProfiles {
  return {
    async list(scope, page) {
      const text = `select ${selected} from device_profiles where ($1::uuid[] is null or tenant_id = any($1))`;
      const query = { text, values: [scopeValue(scope)], orderBy: "name", key: "id::text" };
      return mapPage(await listPage(sql, Row, query, page, row => [row.name, row.id]), toDeviceProfile);
    },
    async get(id) {
      const [row] = await sql.rows(Row, `select ${selected} from device_profiles where id = $1`, [id]);
      return row && toDeviceProfile(row);
    },
    async create(profile) {
      const { text, values } = insertion(columns, profile);
      const [row] = await sql.rows(Row, `insert into device_profiles ${text} returning ${selected}`, values);
      return toDeviceProfile(row!);
    },
    async update(id, change) {
      const { text, values } = assignment(columns, change);
      const statement = `update device_profiles set ${text} where id = $1 returning ${selected}`;
      const [row] = await sql.rows(Row, statement, [id, ...values]);
      return row && toDeviceProfile(row);
    },
    remove: id =>
      sql.transaction(async transaction => {
        const locked = "select 1 from device_profiles where id = $1 for update";
        const found = await transaction.rows(Type.Object({}), locked, [id]);
        if (found.length === 0) return false;
        const used = "select 1 from devices where device_profile_id = $1 limit 1";
        const devices = await transaction.rows(Type.Object({}), used, [id]);
        if (devices.length > 0) {
          throw new CatalogConflict("still_in_use", "Devices still use this profile; delete or change them first.");
        }
        return (await transaction.run("delete from device_profiles where id = $1", [id])) > 0;
      }),
  };
}

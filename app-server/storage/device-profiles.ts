import Type from "typebox";
import { parseDeviceProfileId, parseTenantId } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../../lorawan/version.ts";
import type { Sql } from "../../platform/sql.ts";
import { adrAlgorithms, CatalogConflict, type DeviceProfile, type DeviceProfiles } from "../catalog-ports.ts";
import { type CodecCase, codecKinds } from "../codec-ports.ts";
import { type Columns, jsonColumn, MacColumn, selectList, TagsColumn, timestampSorts } from "./statement.ts";
import { type Condition, createTable, inTenants, named, noneLeft, type TableDefinition, withTags } from "./table.ts";

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
  classBPingSlotPeriodicity: Type.Union([Type.Integer(), Type.Null()]),
  classBPingSlotDataRate: Type.Union([Type.Integer(), Type.Null()]),
  classBPingSlotFrequencyHz: Type.Union([Type.Integer(), Type.Null()]),
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
  // Written by this program alone, after the API has checked them.
  codecCases: Type.Unsafe<readonly CodecCase[]>(Type.Array(Type.Object({ name: Type.String() }))),
  tags: TagsColumn,
  sourceId: Type.Union([Type.String(), Type.Null()]),
  vendorId: Type.Union([Type.Integer(), Type.Null()]),
  vendorProfileId: Type.Union([Type.Integer(), Type.Null()]),
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
  classBPingSlotPeriodicity: { name: "class_b_ping_slot_periodicity" },
  classBPingSlotDataRate: { name: "class_b_ping_slot_data_rate" },
  classBPingSlotFrequencyHz: { name: "class_b_ping_slot_frequency_hz" },
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
  codecCases: jsonColumn("codec_cases"),
  tags: jsonColumn("tags"),
  sourceId: { name: "source_id" },
  vendorId: { name: "vendor_id" },
  vendorProfileId: { name: "vendor_profile_id" },
};

const stillUsed = () =>
  new CatalogConflict("still_in_use", "Devices still use this profile; delete or change them first.");

export const deviceProfileTable: TableDefinition<typeof Row, DeviceProfile> = {
  name: "device_profiles",
  key: "id",
  row: Row,
  columns,
  selected: `device_profiles.id, ${selectList(columns, "device_profiles")}`,
  sorts: { name: "device_profiles.name", ...timestampSorts("device_profiles") },
  placeOf: (row, by) => [row[by], row.id],
  toItem: row => ({ ...row, id: parseDeviceProfileId(row.id), tenantId: parseTenantId(row.tenantId) }),
};

export function createDeviceProfiles(sql: Sql): DeviceProfiles {
  const table = createTable(sql, deviceProfileTable);
  return {
    list: ({ tenants, search, tags }, page) =>
      table.list(
        [inTenants(tenants, "tenant_id"), named(search, "device_profiles.name"), withTags(tags, "device_profiles")],
        page,
      ),
    get: table.get,
    labelled: async (tenantId, vendorId, vendorProfileId) => {
      const label: Condition = value =>
        `vendor_id = ${value(vendorId)} and vendor_profile_id = ${value(vendorProfileId)}`;
      return (await table.list([inTenants([tenantId], "tenant_id"), label], { limit: 10 })).items;
    },
    create: profile => table.add(profile),
    update: table.update,
    remove: (id, check) =>
      table.remove(id, check, noneLeft(id, "select 1 from devices where device_profile_id = $1 limit 1", stillUsed)),
  };
}

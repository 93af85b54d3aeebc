import Type, { type Static } from "typebox";
import {
  type DevEui,
  type GatewayId,
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseJoinEui,
  parseTenantId,
} from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../../lorawan/version.ts";
import type { Sql } from "../../platform/sql.ts";
import type { DeviceConfig, DeviceProfileConfig, GatewayConfig } from "../ports.ts";

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const MacColumn = Type.Object({
  rx1DelaySeconds: Type.Optional(Type.Integer()),
  rx1DrOffset: Type.Optional(Type.Integer()),
  rx2DataRate: Type.Optional(Type.Integer()),
  rx2FrequencyHz: Type.Optional(Type.Integer()),
  maxDutyCycleExponent: Type.Optional(Type.Integer()),
  uplinkDwellTime: Type.Optional(Type.Boolean()),
  downlinkDwellTime: Type.Optional(Type.Boolean()),
  maxEirpDbm: Type.Optional(Type.Number()),
  pingSlotFrequencyHz: Type.Optional(Type.Integer()),
  pingSlotDataRate: Type.Optional(Type.Integer()),
  beaconFrequencyHz: Type.Optional(Type.Integer()),
});

const DeviceRow = Type.Object({
  devEui: Type.String(),
  joinEui: Type.String(),
  tenantId: Type.String(),
  applicationId: Type.String(),
  disabled: Type.Boolean(),
  resetsFCnt: Type.Boolean(),
  mac: MacColumn,
  profileId: Type.String(),
  region: Type.Enum([...regionNames]),
  regionConfigId: nullable(Type.String()),
  macVersion: Type.Enum([...macVersions]),
  regionalParameters: Type.Enum([...regionalParametersRevisions]),
  supportsOtaa: Type.Boolean(),
  supportsClassB: Type.Boolean(),
  supportsClassC: Type.Boolean(),
  classBTimeoutSeconds: Type.Integer(),
  classCTimeoutSeconds: Type.Integer(),
  pingSlotPeriodicity: nullable(Type.Integer()),
  pingSlotDataRate: nullable(Type.Integer()),
  pingSlotFrequencyHz: nullable(Type.Integer()),
  adrAlgorithm: Type.Enum(["default", "script", "none"]),
  adrScript: nullable(Type.String()),
  adrMinDataRate: nullable(Type.Integer()),
  adrMaxDataRate: nullable(Type.Integer()),
  profileMac: MacColumn,
  expectedUplinkIntervalSeconds: Type.Integer(),
  deviceStatusIntervalSeconds: Type.Integer(),
  flushQueueOnActivate: Type.Boolean(),
  confirmedDownlinkRetries: Type.Integer(),
  rx1DelaySeconds: Type.Integer(),
  rx1DrOffset: Type.Integer(),
  rx2DataRate: nullable(Type.Integer()),
  rx2FrequencyHz: nullable(Type.Integer()),
});

const deviceQuery = `
  select d.dev_eui as "devEui", d.join_eui as "joinEui", a.tenant_id as "tenantId",
    d.application_id as "applicationId", d.is_disabled as "disabled", d.resets_f_cnt as "resetsFCnt", d.mac,
    p.id as "profileId", p.region, p.region_config_id as "regionConfigId", p.mac_version as "macVersion",
    p.regional_parameters as "regionalParameters", p.supports_otaa as "supportsOtaa",
    p.supports_class_b as "supportsClassB", p.supports_class_c as "supportsClassC",
    p.class_b_timeout_s as "classBTimeoutSeconds", p.class_c_timeout_s as "classCTimeoutSeconds",
    p.class_b_ping_slot_periodicity as "pingSlotPeriodicity", p.class_b_ping_slot_data_rate as "pingSlotDataRate",
    p.class_b_ping_slot_frequency_hz as "pingSlotFrequencyHz",
    p.adr_algorithm as "adrAlgorithm", case p.adr_algorithm when 'script' then p.adr_script end as "adrScript",
    p.adr_min_data_rate as "adrMinDataRate",
    p.adr_max_data_rate as "adrMaxDataRate", p.mac as "profileMac", p.expected_uplink_interval_s as "expectedUplinkIntervalSeconds",
    p.device_status_interval_s as "deviceStatusIntervalSeconds",
    p.flush_queue_on_activate as "flushQueueOnActivate",
    p.confirmed_downlink_retries as "confirmedDownlinkRetries",
    p.abp_rx1_delay_s as "rx1DelaySeconds", p.abp_rx1_dr_offset as "rx1DrOffset",
    p.abp_rx2_data_rate as "rx2DataRate", p.abp_rx2_frequency_hz as "rx2FrequencyHz"
  from devices d
  join applications a on a.id = d.application_id
  join device_profiles p on p.id = d.device_profile_id
  where d.dev_eui = any($1)`;

/** Those that there are. Rejects with SqlError. */
export async function readDevices(sql: Sql, devEuis: readonly DevEui[]): Promise<ReadonlyMap<DevEui, DeviceConfig>> {
  const devices = (await sql.rows(DeviceRow, deviceQuery, [devEuis])).map(deviceOf);
  return new Map(devices.map(device => [device.devEui, device]));
}

function deviceOf(row: Static<typeof DeviceRow>): DeviceConfig {
  return {
    devEui: parseDevEui(row.devEui),
    joinEui: parseJoinEui(row.joinEui),
    tenantId: parseTenantId(row.tenantId),
    applicationId: parseApplicationId(row.applicationId),
    disabled: row.disabled,
    resetsFCnt: row.resetsFCnt,
    profile: profileOf(row),
    mac: row.mac,
  };
}

function profileOf(row: Static<typeof DeviceRow>): DeviceProfileConfig {
  const { rx1DelaySeconds, rx1DrOffset, rx2DataRate, rx2FrequencyHz, regionConfigId } = row;
  const { adrScript, adrMinDataRate, adrMaxDataRate } = row;
  const { pingSlotPeriodicity, pingSlotDataRate, pingSlotFrequencyHz } = row;
  return {
    id: parseDeviceProfileId(row.profileId),
    region: row.region,
    ...(regionConfigId === null ? {} : { regionConfigId }),
    macVersion: row.macVersion,
    regionalParameters: row.regionalParameters,
    supportsOtaa: row.supportsOtaa,
    supportsClassB: row.supportsClassB,
    supportsClassC: row.supportsClassC,
    classBTimeoutSeconds: row.classBTimeoutSeconds,
    classCTimeoutSeconds: row.classCTimeoutSeconds,
    ...(pingSlotPeriodicity === null ? {} : { pingSlotPeriodicity }),
    ...(pingSlotDataRate === null ? {} : { pingSlotDataRate }),
    ...(pingSlotFrequencyHz === null ? {} : { pingSlotFrequencyHz }),
    adrAlgorithm: row.adrAlgorithm,
    ...(adrScript === null ? {} : { adrScript }),
    ...(adrMinDataRate === null ? {} : { adrMinDataRate }),
    ...(adrMaxDataRate === null ? {} : { adrMaxDataRate }),
    mac: row.profileMac,
    expectedUplinkIntervalSeconds: row.expectedUplinkIntervalSeconds,
    deviceStatusIntervalSeconds: row.deviceStatusIntervalSeconds,
    flushQueueOnActivate: row.flushQueueOnActivate,
    confirmedDownlinkRetries: row.confirmedDownlinkRetries,
    abp: {
      rx1DelaySeconds,
      rx1DrOffset,
      ...(rx2DataRate === null ? {} : { rx2DataRate }),
      ...(rx2FrequencyHz === null ? {} : { rx2FrequencyHz }),
    },
  };
}

const GatewayRow = Type.Object({
  gatewayId: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  disabled: Type.Boolean(),
  latitude: nullable(Type.Number()),
  longitude: nullable(Type.Number()),
  altitude: nullable(Type.Number()),
  regionConfigId: nullable(Type.String()),
  antennaGainDb: Type.Number(),
  sourceRule: Type.Union([
    Type.Object({ kind: Type.Literal("any") }),
    Type.Object({ kind: Type.Literal("networks"), cidrs: Type.Array(Type.String()) }),
    Type.Object({ kind: Type.Literal("pin") }),
  ]),
  rateLimit: Type.Integer(),
});

const gatewayQuery = `
  select gateway_id as "gatewayId", tenant_id as "tenantId", name, is_disabled as "disabled", latitude, longitude,
    altitude, region_config_id as "regionConfigId", antenna_gain_db as "antennaGainDb", source_rule as "sourceRule", rate_limit as "rateLimit"
  from gateways where gateway_id = $1`;

/** Rejects with SqlError. */
export async function readGateway(sql: Sql, gatewayId: GatewayId): Promise<GatewayConfig | undefined> {
  const [row] = await sql.rows(GatewayRow, gatewayQuery, [gatewayId]);
  return row && gatewayOf(row);
}

function gatewayOf(row: Static<typeof GatewayRow>): GatewayConfig {
  const { latitude, longitude, altitude, name, disabled, regionConfigId, antennaGainDb, sourceRule, rateLimit } = row;
  return {
    gatewayId: parseGatewayId(row.gatewayId),
    tenantId: parseTenantId(row.tenantId),
    name,
    disabled,
    ...(latitude === null || longitude === null ? {} : { location: { latitude, longitude, altitude: altitude ?? 0 } }),
    ...(regionConfigId === null ? {} : { regionConfigId }),
    antennaGainDb,
    sourceRule,
    rateLimit,
  };
}

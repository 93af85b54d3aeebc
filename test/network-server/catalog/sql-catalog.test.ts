import { describe, expect, onTestFinished, test } from "vitest";
import { parseDevEui, parseGatewayId } from "../../../lorawan/ids.ts";
import {
  openSqlCatalog,
  type SqlCatalog,
  type SqlCatalogOptions,
} from "../../../network-server/catalog/sql-catalog.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { migrate } from "../../../platform/migrate.ts";
import { createPostgres } from "../../../platform/postgres.ts";
import type { Sql } from "../../../platform/sql.ts";
import { startTestPostgres, testSql } from "../../support/postgres.ts";

const log = createLog({ level: "silent" });
const devEui = parseDevEui("70b3d57ed0000001");
const otherDevEui = parseDevEui("70b3d57ed0000002");
const gatewayId = parseGatewayId("00800000a0000001");
const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const [tenantId, otherTenantId, applicationId, otherApplicationId, profileId, otherProfileId] = [
  uuid(1),
  uuid(2),
  uuid(3),
  uuid(4),
  uuid(5),
  uuid(6),
];

/** Two tenants, each with an application, a profile and a device; a gateway of the first. */
async function fill(sql: Sql): Promise<void> {
  await sql.run(`
    insert into tenants (id, name) values ('${tenantId}', 'one'), ('${otherTenantId}', 'two');
    insert into applications (id, tenant_id, name) values
      ('${applicationId}', '${tenantId}', 'one'), ('${otherApplicationId}', '${otherTenantId}', 'two');
    insert into device_profiles (id, tenant_id, name, region, mac_version, regional_parameters) values
      ('${profileId}', '${tenantId}', 'one', 'EU868', '1.0.4', 'RP002-1.0.4'),
      ('${otherProfileId}', '${otherTenantId}', 'two', 'US915', '1.1.0', 'RP001-1.1-B');
    insert into devices (dev_eui, application_id, device_profile_id, name, join_eui) values
      ('${devEui}', '${applicationId}', '${profileId}', 'one', '0000000000000001'),
      ('${otherDevEui}', '${otherApplicationId}', '${otherProfileId}', 'two', '0000000000000001');
    insert into gateways (gateway_id, tenant_id, name) values ('${gatewayId}', '${tenantId}', 'roof');
  `);
}

/** The same database; counts what is read from it. */
function counting(sql: Sql): { readonly sql: Sql; reads: number } {
  const counted = {
    reads: 0,
    sql: {
      ...sql,
      rows: (row, text, values) => {
        counted.reads += 1;
        return sql.rows(row, text, values);
      },
    } satisfies Sql,
  };
  return counted;
}

async function open(options: Omit<SqlCatalogOptions, "log">): Promise<SqlCatalog> {
  const catalog = await openSqlCatalog({ ...options, log });
  onTestFinished(() => catalog.close());
  return catalog;
}

async function filled(options: Omit<SqlCatalogOptions, "log" | "sql"> = {}) {
  const sql = await testSql();
  await fill(sql);
  const counted = counting(sql);
  return { sql, counted, catalog: await open({ ...options, sql: counted.sql }) };
}

describe("the catalog on SQL", () => {
  test("gives a device with its application's tenant and its profile", async () => {
    const { sql, catalog } = await filled();
    expect(await catalog.device(devEui)).toEqual({
      devEui,
      joinEui: "0000000000000001",
      tenantId,
      applicationId,
      disabled: false,
      resetsFCnt: false,
      profile: {
        id: profileId,
        region: "EU868",
        macVersion: "1.0.4",
        regionalParameters: "RP002-1.0.4",
        supportsOtaa: true,
        supportsClassB: false,
        supportsClassC: false,
        classBTimeoutSeconds: 8,
        classCTimeoutSeconds: 8,
        adrAlgorithm: "default",
        mac: {},
        expectedUplinkIntervalSeconds: 3600,
        deviceStatusIntervalSeconds: 86_400,
        flushQueueOnActivate: true,
        confirmedDownlinkRetries: 3,
        abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 },
      },
      mac: {},
    });
    await sql.run(
      `update device_profiles set region_config_id = 'us915-1', supports_otaa = false, supports_class_b = true,
         supports_class_c = true, class_b_timeout_s = 11, class_c_timeout_s = 12, adr_algorithm = 'script', adr_script = 'function handle() {}',
         expected_uplink_interval_s = 60, device_status_interval_s = 0, flush_queue_on_activate = false,
         confirmed_downlink_retries = 7, abp_rx1_delay_s = 5, abp_rx1_dr_offset = 2, abp_rx2_data_rate = 8,
         abp_rx2_frequency_hz = 923300000, class_b_ping_slot_periodicity = 3, class_b_ping_slot_data_rate = 9,
         class_b_ping_slot_frequency_hz = 2424000000, adr_min_data_rate = 1, adr_max_data_rate = 3,
         mac = '{"rx1DelaySeconds": 5, "maxEirpDbm": 29.5}' where id = $1`,
      [otherProfileId],
    );
    const deviceMac = { rx1DrOffset: 2, rx2DataRate: 8, rx2FrequencyHz: 923_900_000, uplinkDwellTime: true };
    await sql.run("update devices set is_disabled = true, resets_f_cnt = true, mac = $2 where dev_eui = $1", [
      otherDevEui,
      JSON.stringify(deviceMac),
    ]);
    expect(await catalog.device(otherDevEui)).toEqual({
      devEui: otherDevEui,
      joinEui: "0000000000000001",
      tenantId: otherTenantId,
      applicationId: otherApplicationId,
      disabled: true,
      resetsFCnt: true,
      profile: {
        id: otherProfileId,
        region: "US915",
        regionConfigId: "us915-1",
        macVersion: "1.1.0",
        regionalParameters: "RP001-1.1-B",
        supportsOtaa: false,
        supportsClassB: true,
        supportsClassC: true,
        classBTimeoutSeconds: 11,
        classCTimeoutSeconds: 12,
        pingSlotPeriodicity: 3,
        pingSlotDataRate: 9,
        pingSlotFrequencyHz: 2_424_000_000,
        adrAlgorithm: "script",
        adrScript: "function handle() {}",
        adrMinDataRate: 1,
        adrMaxDataRate: 3,
        mac: { rx1DelaySeconds: 5, maxEirpDbm: 29.5 },
        expectedUplinkIntervalSeconds: 60,
        deviceStatusIntervalSeconds: 0,
        flushQueueOnActivate: false,
        confirmedDownlinkRetries: 7,
        abp: { rx1DelaySeconds: 5, rx1DrOffset: 2, rx2DataRate: 8, rx2FrequencyHz: 923_300_000 },
      },
      mac: deviceMac,
    });
  });

  test("gives a gateway with its source rule, and with a location when it has one", async () => {
    const { sql, catalog } = await filled();
    const plain = { gatewayId, tenantId, name: "roof", disabled: false, rateLimit: 2000 };
    expect(await catalog.gateway(gatewayId)).toEqual({ ...plain, antennaGainDb: 0, sourceRule: { kind: "any" } });
    const cidrs = ["10.0.0.0/8", "2001:db8::/32"];
    const changes = [
      { location: [52.5, 13.25, 34.5], rule: { kind: "networks", cidrs }, gainDb: 2.5, regionConfigId: "town" },
      { location: [-1, 0, null], rule: { kind: "pin" }, gainDb: -1, regionConfigId: "valley" },
    ];
    for (const { location, rule, gainDb, regionConfigId } of changes) {
      await sql.run(
        `update gateways set latitude = $1, longitude = $2, altitude = $3, source_rule = $4, antenna_gain_db = $5,
          region_config_id = $6`,
        [...location, JSON.stringify(rule), gainDb, regionConfigId],
      );
      const [latitude, longitude, altitude] = location;
      await expect
        .poll(() => catalog.gateway(gatewayId))
        .toEqual({
          ...plain,
          antennaGainDb: gainDb,
          regionConfigId,
          sourceRule: rule,
          location: { latitude, longitude, altitude: altitude ?? 0 },
        });
    }
  });

  test("answers from memory, absence included", async () => {
    const { counted, catalog } = await filled();
    const unknown = parseDevEui("ffffffffffffffff");
    for (let n = 0; n < 3; n += 1) {
      await Promise.all([catalog.device(devEui), catalog.device(devEui), catalog.gateway(gatewayId)]);
      expect(await catalog.device(unknown)).toBeUndefined();
    }
    expect(counted.reads).toBe(3);
  });

  test("keeps as many records as it may, and unknown ones apart from them", async () => {
    const { counted, catalog } = await filled({ maxDevices: 1, maxGateways: 1, maxUnknown: 2 });
    await catalog.device(devEui);
    for (let n = 0; n < 20; n += 1) await catalog.device(parseDevEui(n.toString(16).padStart(16, "0")));
    counted.reads = 0;
    await catalog.device(devEui);
    expect(counted.reads).toBe(0);
    await catalog.device(otherDevEui);
    await catalog.device(devEui);
    expect(counted.reads).toBe(2);
  });

  test.each([
    ["its device", `update devices set name = 'new' where dev_eui = '${devEui}'`],
    ["its profile", `update device_profiles set name = 'new' where id = '${profileId}'`],
    ["its application", `update applications set name = 'new' where id = '${applicationId}'`],
    ["its tenant", `update tenants set name = 'new' where id = '${tenantId}'`],
  ])("reads a device again after a change to %s, and no other device", async (_what, change) => {
    const { sql, counted, catalog } = await filled();
    await Promise.all([catalog.device(devEui), catalog.device(otherDevEui)]);
    const changed: string[] = [];
    catalog.onDeviceChanged(() => {
      throw new Error("a listener's own fault");
    });
    catalog.onDeviceChanged(each => changed.push(each));
    counted.reads = 0;
    await sql.run(change);
    await expect.poll(() => changed).toEqual([devEui]);
    await Promise.all([catalog.device(devEui), catalog.device(otherDevEui)]);
    expect(counted.reads).toBe(1);
  });

  test.each([
    ["the gateway", `update gateways set name = 'new' where gateway_id = '${gatewayId}'`],
    ["its tenant", `update tenants set name = 'new' where id = '${tenantId}'`],
  ])("reads a gateway again after a change to %s", async (_what, change) => {
    const { sql, counted, catalog } = await filled();
    await catalog.gateway(gatewayId);
    const changed: string[] = [];
    catalog.onGatewayChanged(each => changed.push(each));
    counted.reads = 0;
    await sql.run(change);
    await expect.poll(() => changed).toEqual([gatewayId]);
    await catalog.gateway(gatewayId);
    expect(counted.reads).toBe(1);
  });

  test("finds what was unknown once it is added, and not what was deleted", async () => {
    const { sql, catalog } = await filled();
    const added = parseDevEui("70b3d57ed0000003");
    const addedGateway = parseGatewayId("00800000a0000002");
    expect([await catalog.device(added), await catalog.gateway(addedGateway)]).toEqual([undefined, undefined]);
    await sql.run(
      `insert into devices (dev_eui, application_id, device_profile_id, name)
       values ('${added}', '${applicationId}', '${profileId}', 'three')`,
    );
    await sql.run(
      `insert into gateways (gateway_id, tenant_id, name) values ('${addedGateway}', '${tenantId}', 'mast')`,
    );
    await expect.poll(() => catalog.device(added)).toMatchObject({ devEui: added });
    await expect.poll(() => catalog.gateway(addedGateway)).toMatchObject({ name: "mast" });
    await sql.run(`delete from devices where application_id = '${applicationId}'`);
    await sql.run(`delete from gateways where gateway_id = '${addedGateway}'`);
    await expect.poll(() => catalog.device(added)).toBeUndefined();
    await expect.poll(() => catalog.gateway(addedGateway)).toBeUndefined();
  });

  test("rejects a row that no device can have, and reads it again when asked again", async () => {
    const { sql, catalog } = await filled();
    await sql.run(`update device_profiles set region = 'MOON' where id = '${profileId}'`);
    await expect(catalog.device(devEui)).rejects.toMatchObject({ code: "sql_row_mismatch" });
    await sql.run(`update device_profiles set region = 'EU868' where id = '${profileId}'`);
    expect(await catalog.device(devEui)).toMatchObject({ devEui });
  });

  test("takes no notice of notifications that name no record", async () => {
    const { sql, catalog } = await filled();
    const changed: string[] = [];
    catalog.onDeviceChanged(each => changed.push(each));
    for (const payload of ["", "devices", "devices not-an-eui", "users x", `devices ${devEui}`]) {
      await sql.run("select pg_notify('catalog', $1)", [payload]);
    }
    await expect.poll(() => changed).toEqual([devEui]);
  });
});

describe("the catalog on SQL, when the database goes away", () => {
  test("serves what is in memory and rejects the rest with SqlError", async () => {
    const { connection, drop } = await startTestPostgres();
    const sql = createPostgres({ connection, log, clock: systemClock, maxConnections: 2 });
    onTestFinished(() => sql.close());
    await migrate(sql, new URL("../../../app-server/storage/migrations/", import.meta.url), log);
    await fill(sql);
    const catalog = await open({ sql });
    await catalog.device(devEui);
    await catalog.gateway(gatewayId);
    await drop();
    expect(await catalog.device(devEui)).toMatchObject({ devEui });
    expect(await catalog.gateway(gatewayId)).toMatchObject({ gatewayId });
    await expect(catalog.device(otherDevEui)).rejects.toMatchObject({ name: "SqlError" });
    await expect(openSqlCatalog({ sql, log })).rejects.toMatchObject({ name: "SqlError" });
  });

  test("forgets everything after a gap in the notifications, and says so of each record", async () => {
    const { sql, catalog } = await filled();
    const unknown = parseDevEui("70b3d57ed0000003");
    await Promise.all([catalog.device(devEui), catalog.device(unknown), catalog.gateway(gatewayId)]);
    const changed: string[] = [];
    catalog.onDeviceChanged(each => changed.push(each));
    catalog.onGatewayChanged(each => changed.push(each));
    // The change is made on the listening connection's last breath, so that no notification of it can arrive.
    await sql.run(`
      update devices set is_disabled = true where dev_eui = '${devEui}';
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and query like 'listen%';
    `);
    await expect.poll(() => [...changed].sort()).toEqual([devEui, unknown, gatewayId].sort());
    expect(await catalog.device(devEui)).toMatchObject({ disabled: true });
    await sql.run(`update devices set is_disabled = false where dev_eui = '${devEui}'`);
    await expect.poll(() => catalog.device(devEui)).toMatchObject({ disabled: false });
  });
});

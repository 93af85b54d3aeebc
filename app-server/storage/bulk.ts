import Type, { type TSchema } from "typebox";
import {
  type DevEui,
  parseApplicationId,
  parseDevEui,
  parseDeviceProfileId,
  type TenantId,
} from "../../lorawan/ids.ts";
import { macVersions } from "../../lorawan/version.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type {
  BulkBatch,
  BulkCatalog,
  BulkDevice,
  BulkRecord,
  BulkRule,
  BulkVerdict,
  NamedKey,
  ProfileKey,
  References,
} from "../bulk-ports.ts";
import type { RootKeys, RootKeyTexts } from "../ports.ts";
import { applicationTable } from "./applications.ts";
import { deviceProfileTable } from "./device-profiles.ts";
import { deviceTable } from "./devices.ts";
import { gatewayTable } from "./gateways.ts";
import type { TableDefinition } from "./table.ts";
import { type UpsertDefinition, type UpsertRecord, upsertAll } from "./upsert.ts";

interface Named {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly sourceId?: string | null;
}

const nameKey = (name: string): string => `name ${name}`;
const sourceKey = (sourceId: string): string => `source ${sourceId}`;
function textOf(key: NamedKey<string> | ProfileKey): string {
  if ("id" in key) return key.id;
  return "name" in key ? nameKey(key.name) : sourceKey(key.sourceId);
}

const known = <Row extends TSchema, Item extends Named>(
  table: TableDefinition<Row, Item>,
  more = "",
): UpsertDefinition<Row, Item> => ({
  table,
  keysOf: ({ id, name, sourceId = null }) => [id, nameKey(name), ...(sourceId === null ? [] : [sourceKey(sourceId)])],
  // Of another tenant an id says nothing, not even that it is taken.
  withKeys: `${table.name}.tenant_id = $2 and
    (${table.name}.id::text = any($1::text[]) or 'name ' || ${table.name}.name = any($1::text[])${more})`,
  primaryKeyOf: ({ id }) => id,
  isWithin: () => true,
});

const applications = { ...known(applicationTable), limited: "applications" } as const;
const deviceProfiles = known(deviceProfileTable, " or 'source ' || device_profiles.source_id = any($1::text[])");

const gateways: UpsertDefinition<typeof gatewayTable.row, ReturnType<typeof gatewayTable.toItem>> = {
  table: gatewayTable,
  keysOf: ({ gatewayId }) => [gatewayId],
  withKeys: "gateways.gateway_id = any($1::text[]) and $2::uuid is not null",
  primaryKeyOf: ({ gatewayId }) => gatewayId,
  isWithin: ({ tenantId }, rule) => tenantId === rule.tenantId,
  limited: "gateways",
};

const devices: UpsertDefinition<typeof deviceTable.row, ReturnType<typeof deviceTable.toItem>> = {
  table: deviceTable,
  keysOf: ({ devEui }) => [devEui],
  withKeys: "devices.dev_eui = any($1::text[]) and $2::uuid is not null",
  primaryKeyOf: ({ devEui }) => devEui,
  isWithin: ({ tenantId, applicationId }, rule) =>
    tenantId === rule.tenantId && (rule.applicationId === undefined || rule.applicationId === applicationId),
  limited: "devices",
};

export function createBulkCatalog(sql: Sql, rootKeys: Pick<RootKeys, "putAll">): BulkCatalog {
  return { batch: work => sql.transaction(transaction => work(batchOn(transaction, rootKeys))) };
}

function batchOn(sql: SqlTransaction, rootKeys: Pick<RootKeys, "putAll">): BulkBatch {
  const byName = async <Row extends TSchema, Item extends Named>(
    definition: UpsertDefinition<Row, Item>,
    records: readonly BulkRecord<NamedKey<string> | ProfileKey, object>[],
    rule: BulkRule,
  ): Promise<readonly BulkVerdict[]> => {
    if (!rule.isDryRun) await holdNames(sql, rule.tenantId);
    return upsertAll(sql, definition, keyed(records, textOf), rule);
  };
  return {
    sql,
    applications: (records, rule) => byName(applications, records, rule),
    deviceProfiles: (records, rule) => byName(deviceProfiles, records, rule),
    gateways: (records, rule) =>
      upsertAll(
        sql,
        gateways,
        keyed(records, key => key),
        rule,
      ),
    async devices(records, rule) {
      const verdicts = await upsertAll(
        sql,
        devices,
        keyed(records, key => key),
        rule,
      );
      return withKeys(sql, rootKeys, records, verdicts, rule);
    },
    async macVersions(devEuis) {
      const rows = await sql.rows(
        VersionRow,
        `select d.dev_eui as "devEui", p.mac_version as "macVersion"
           from devices d join device_profiles p on p.id = d.device_profile_id where d.dev_eui = any($1::text[])`,
        [devEuis],
      );
      return new Map(rows.map(({ devEui, macVersion }) => [parseDevEui(devEui), macVersion]));
    },
    references: (tenantId, wanted) => references(sql, tenantId, wanted),
  };
}

const keyed = <Key>(
  records: readonly BulkRecord<Key, object>[],
  textOfKey: (key: Key) => string,
): readonly UpsertRecord[] => records.map(({ key, change, whenNew }) => ({ key: textOfKey(key), change, whenNew }));

/** Nothing in the table keeps a name from coming twice, so who makes things by name does so one after the other. */
async function holdNames(sql: SqlTransaction, tenantId: TenantId): Promise<void> {
  await sql.rows(Type.Object({}), "select 1 from tenants where id = $1 for no key update", [tenantId]);
}

const writes: readonly BulkVerdict["kind"][] = ["created", "updated", "unchanged"];

async function withKeys(
  sql: SqlTransaction,
  rootKeys: Pick<RootKeys, "putAll">,
  records: readonly BulkDevice[],
  verdicts: readonly BulkVerdict[],
  rule: BulkRule,
): Promise<readonly BulkVerdict[]> {
  const given = new Map<DevEui, RootKeyTexts>();
  records.forEach(({ key, rootKeys: pair }, index) => {
    const verdict = verdicts[index];
    if (pair !== undefined && verdict !== undefined && writes.includes(verdict.kind)) given.set(key, pair);
  });
  if (given.size === 0) return verdicts;
  const changed = await rootKeys.putAll(given, sql, rule.isDryRun);
  return verdicts.map((verdict, index) => {
    const { key, rootKeys: pair } = records[index] ?? {};
    const isOther = key !== undefined && pair !== undefined && changed.has(key);
    return verdict.kind === "unchanged" && isOther ? { kind: "updated" } : verdict;
  });
}

const VersionRow = Type.Object({ devEui: Type.String(), macVersion: Type.Enum([...macVersions]) });
const NamedRow = Type.Object({ id: Type.String(), name: Type.String() });
const ProfileRow = Type.Object({
  ...NamedRow.properties,
  macVersion: Type.Enum([...macVersions]),
  sourceId: Type.Union([Type.String(), Type.Null()]),
});

async function references(
  sql: SqlTransaction,
  tenantId: TenantId,
  wanted: { readonly applications: readonly string[]; readonly deviceProfiles: readonly string[] },
): Promise<References> {
  const where = (more: string) =>
    `tenant_id = $1 and (name = any($2::text[]) or id::text = any($2::text[])${more}) order by id for key share`;
  const foundApplications = await sql.rows(NamedRow, `select id, name from applications where ${where("")}`, [
    tenantId,
    wanted.applications,
  ]);
  const foundProfiles = await sql.rows(
    ProfileRow,
    `select id, name, mac_version as "macVersion", source_id as "sourceId" from device_profiles
       where ${where(" or source_id = any($2::text[])")}`,
    [tenantId, wanted.deviceProfiles],
  );
  return {
    applications: foundApplications.map(({ id, name }) => ({ id: parseApplicationId(id), name })),
    deviceProfiles: foundProfiles.map(row => ({ ...row, id: parseDeviceProfileId(row.id) })),
  };
}

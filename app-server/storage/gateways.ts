import Type, { type Static } from "typebox";
import { parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Gateway, Gateways } from "../catalog-ports.ts";
import { type Columns, jsonColumn, selectList, TagsColumn, timestampSorts } from "./statement.ts";
import { createTable, inTenants, namedOrEui, type TableDefinition, withTags } from "./table.ts";
import { keepWithinLimit } from "./tenant-limits.ts";

const NullableNumber = Type.Union([Type.Number(), Type.Null()]);
const Row = Type.Object({
  gatewayId: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  description: Type.String(),
  isDisabled: Type.Boolean(),
  latitude: NullableNumber,
  longitude: NullableNumber,
  altitude: NullableNumber,
  regionConfigId: Type.Union([Type.String(), Type.Null()]),
  antennaGainDb: Type.Number(),
  sourceRule: Type.Union([
    Type.Object({ kind: Type.Literal("any") }),
    Type.Object({ kind: Type.Literal("pin") }),
    Type.Object({ kind: Type.Literal("networks"), cidrs: Type.Array(Type.String()) }),
  ]),
  rateLimit: Type.Integer(),
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = {
  gatewayId: { name: "gateway_id" },
  tenantId: { name: "tenant_id" },
  name: { name: "name" },
  description: { name: "description" },
  isDisabled: { name: "is_disabled" },
  latitude: { name: "latitude" },
  longitude: { name: "longitude" },
  altitude: { name: "altitude" },
  regionConfigId: { name: "region_config_id" },
  antennaGainDb: { name: "antenna_gain_db" },
  sourceRule: jsonColumn("source_rule"),
  rateLimit: { name: "rate_limit" },
  tags: jsonColumn("tags"),
};
function toGateway({ latitude, longitude, altitude, ...row }: Static<typeof Row>): Gateway {
  const location = latitude === null || longitude === null ? null : { latitude, longitude, altitude: altitude ?? 0 };
  return { ...row, gatewayId: parseGatewayId(row.gatewayId), tenantId: parseTenantId(row.tenantId), location };
}

/** The record's one `location` as the table's three columns. */
function toColumns(record: { readonly location?: Gateway["location"] }): object {
  if (record.location === undefined) return record;
  return { ...record, ...(record.location ?? { latitude: null, longitude: null, altitude: null }) };
}

export const gatewayTable: TableDefinition<typeof Row, Gateway> = {
  name: "gateways",
  key: "gateway_id",
  row: Row,
  columns,
  selected: selectList(columns, "gateways"),
  sorts: { name: "gateways.name", ...timestampSorts("gateways") },
  placeOf: (row, by) => [row[by], row.gatewayId],
  toItem: toGateway,
  toColumns,
  taken: "There is already a gateway with this EUI.",
};

export function createGateways(sql: Sql): Gateways {
  const table = createTable(sql, gatewayTable);
  return {
    list: ({ tenants, search, tags, anyOf, noneOf }, page) =>
      table.list(
        [
          inTenants(tenants, "tenant_id"),
          namedOrEui(search, "gateways.name", "gateways.gateway_id"),
          withTags(tags, "gateways"),
          value => (anyOf === undefined ? "true" : `gateways.gateway_id = any(${value(anyOf)}::text[])`),
          value => (noneOf === undefined ? "true" : `gateways.gateway_id <> all(${value(noneOf)}::text[])`),
        ],
        page,
      ),
    get: table.get,
    create: gateway =>
      sql.transaction(async transaction => {
        const added = await table.add(gateway, transaction);
        await keepWithinLimit(transaction, added.tenantId, "gateways");
        return added;
      }),
    update: table.update,
    remove: table.remove,
  };
}

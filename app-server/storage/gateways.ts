import Type, { type Static } from "typebox";
import { parseGatewayId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { CatalogConflict, type Gateway, type Gateways } from "../catalog-ports.ts";
import {
  assignment,
  type Columns,
  insertion,
  jsonColumn,
  listPage,
  mapPage,
  scopeValue,
  TagsColumn,
  timestampColumns,
} from "./statement.ts";

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
  antennaGainDb: { name: "antenna_gain_db" },
  sourceRule: jsonColumn("source_rule"),
  rateLimit: { name: "rate_limit" },
  tags: jsonColumn("tags"),
};
const selected = [
  ...Object.entries(columns).map(([member, column]) => `${column.name} as "${member}"`),
  timestampColumns("gateways"),
].join(", ");

function toGateway({ latitude, longitude, altitude, ...row }: Static<typeof Row>): Gateway {
  const location = latitude === null || longitude === null ? null : { latitude, longitude, altitude: altitude ?? 0 };
  return { ...row, gatewayId: parseGatewayId(row.gatewayId), tenantId: parseTenantId(row.tenantId), location };
}

/** The record's one `location` as the table's three columns. */
function toColumns(record: { readonly location?: Gateway["location"] }): object {
  if (record.location === undefined) return record;
  return { ...record, ...(record.location ?? { latitude: null, longitude: null, altitude: null }) };
}

export function createGateways(sql: Sql): Gateways {
  return {
    async list(scope, page) {
      const text = `select ${selected} from gateways where ($1::uuid[] is null or tenant_id = any($1))`;
      const query = { text, values: [scopeValue(scope)], orderBy: "name", key: "gateway_id" };
      return mapPage(await listPage(sql, Row, query, page, row => [row.name, row.gatewayId]), toGateway);
    },
    async get(gatewayId) {
      const [row] = await sql.rows(Row, `select ${selected} from gateways where gateway_id = $1`, [gatewayId]);
      return row && toGateway(row);
    },
    async create(gateway) {
      const { text, values } = insertion(columns, toColumns(gateway));
      const statement = `insert into gateways ${text} on conflict (gateway_id) do nothing returning ${selected}`;
      const [row] = await sql.rows(Row, statement, values);
      if (row === undefined) {
        throw new CatalogConflict("already_exists", "There is already a gateway with this EUI.");
      }
      return toGateway(row);
    },
    async update(gatewayId, change) {
      const { text, values } = assignment(columns, toColumns(change));
      const statement = `update gateways set ${text} where gateway_id = $1 returning ${selected}`;
      const [row] = await sql.rows(Row, statement, [gatewayId, ...values]);
      return row && toGateway(row);
    },
    async remove(gatewayId) {
      return (await sql.run("delete from gateways where gateway_id = $1", [gatewayId])) > 0;
    },
  };
}

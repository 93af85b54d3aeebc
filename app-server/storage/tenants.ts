import Type, { type Static } from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { CatalogConflict, type Tenant, type Tenants } from "../catalog-ports.ts";
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

const Row = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const selected = `tenants.id, name, description, tags, ${timestampColumns("tenants")}`;
const columns: Columns = { name: { name: "name" }, description: { name: "description" }, tags: jsonColumn("tags") };

const toTenant = (row: Static<typeof Row>): Tenant => ({ ...row, id: parseTenantId(row.id) });

export function createTenants(sql: Sql): Tenants {
  return {
    async list(scope, page) {
      const text = `select ${selected} from tenants where ($1::uuid[] is null or id = any($1))`;
      const query = { text, values: [scopeValue(scope)], orderBy: "name", key: "id::text" };
      return mapPage(await listPage(sql, Row, query, page, row => [row.name, row.id]), toTenant);
    },
    async get(id) {
      const [row] = await sql.rows(Row, `select ${selected} from tenants where id = $1`, [id]);
      return row && toTenant(row);
    },
    async create(tenant) {
      const { text, values } = insertion(columns, tenant);
      const [row] = await sql.rows(Row, `insert into tenants ${text} returning ${selected}`, values);
      return toTenant(row!);
    },
    async update(id, change) {
      const { text, values } = assignment(columns, change);
      const statement = `update tenants set ${text} where id = $1 returning ${selected}`;
      const [row] = await sql.rows(Row, statement, [id, ...values]);
      return row && toTenant(row);
    },
    remove: id =>
      sql.transaction(async transaction => {
        // Locks the tenant, so that nothing is added to it between the check and the deletion.
        const found = await transaction.rows(Type.Object({}), "select 1 from tenants where id = $1 for update", [id]);
        if (found.length === 0) return false;
        const [use] = await transaction.rows(
          Type.Object({ devices: Type.Boolean(), gateways: Type.Boolean() }),
          `select exists (select from devices d join applications a on a.id = d.application_id where a.tenant_id = $1) as devices,
           exists (select from gateways where tenant_id = $1) as gateways`,
          [id],
        );
        if (use?.devices || use?.gateways) {
          throw new CatalogConflict("still_in_use", "The tenant still has devices or gateways; delete them first.");
        }
        return (await transaction.run("delete from tenants where id = $1", [id])) > 0;
      }),
  };
}
